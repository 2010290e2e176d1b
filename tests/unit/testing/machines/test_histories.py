"""Histories written by hand, each with one thing that is wrong."""

import pytest

from andamios_orm.testing.machines import (
    Anomaly,
    Append,
    History,
    Kind,
    Read,
    Transaction,
    anomalies,
    forbidden,
)

X, Y = 1, 2


def transaction(name: str, *operations: Read | Append, committed: bool = True) -> Transaction:
    return Transaction(name, operations, committed)


def found(final: dict[int, tuple[int, ...]], *transactions: Transaction) -> list[Anomaly]:
    return anomalies(History(transactions, final))


def kinds(final: dict[int, tuple[int, ...]], *transactions: Transaction) -> set[Kind]:
    return {anomaly.kind for anomaly in found(final, *transactions)}


# ---- nothing wrong -------------------------------------------------------------------------------


def test_one_after_the_other_is_in_order() -> None:
    one = transaction("one", Read(X, ()), Append(X, 1), Read(X, (1,)), Append(Y, 10))
    two = transaction("two", Read(X, (1,)), Append(X, 2), Append(X, 3), Read(X, (1, 2, 3)))
    three = transaction("three", Read(Y, (10,)), Read(X, (1, 2, 3)), Append(Y, 11))
    assert found({X: (1, 2, 3), Y: (10, 11)}, one, two, three) == []


def test_a_reader_may_come_before_a_writer_that_ended_earlier() -> None:
    writer = transaction("writer", Append(X, 1), Append(Y, 2))
    reader = transaction("reader", Read(X, ()), Read(Y, ()))
    assert found({X: (1,), Y: (2,)}, writer, reader) == []


def test_what_was_rolled_back_is_nobodys_affair() -> None:
    one = transaction("one", Append(X, 1), Read(X, (1,)), committed=False)
    two = transaction("two", Read(X, ()), Append(X, 2))
    # It may have seen anything: it told nobody.
    three = transaction("three", Read(X, (1, 7)), committed=False)
    assert found({X: (2,)}, one, two, three) == []


def test_an_empty_history_is_in_order() -> None:
    assert found({}) == []


# ---- one anomaly each ----------------------------------------------------------------------------


def test_a_dirty_write() -> None:
    one = transaction("one", Append(X, 1), Append(Y, 1))
    two = transaction("two", Append(X, 2), Append(Y, 2))
    [anomaly] = found({X: (1, 2), Y: (2, 1)}, one, two)
    assert anomaly.kind is Kind.DIRTY_WRITE
    assert str(anomaly) == (
        "dirty write: two appended to 1 after one, and one appended to 2 after two"
    )


@pytest.mark.parametrize("final", [(1,), ()])
def test_an_aborted_read(final: tuple[int, ...]) -> None:
    one = transaction("one", Append(X, 1), committed=False)
    two = transaction("two", Read(X, (1,)))
    assert kinds({X: final}, one, two) == {Kind.ABORTED_READ}


def test_an_aborted_append_that_stays() -> None:
    [anomaly] = found({X: (1,)}, transaction("one", Append(X, 1), committed=False))
    assert str(anomaly) == "aborted read: the end read 1 in 1, which one rolled back"


def test_an_intermediate_read() -> None:
    one = transaction("one", Append(X, 1), Append(X, 2))
    two = transaction("two", Read(X, (1,)))
    # It is a circle as well: two came after the first append and before the second.
    assert kinds({X: (1, 2)}, one, two) == {Kind.INTERMEDIATE_READ, Kind.READ_SKEW}


def test_a_circular_flow() -> None:
    one = transaction("one", Append(X, 1), Read(Y, (2,)))
    two = transaction("two", Append(Y, 2), Read(X, (1,)))
    assert kinds({X: (1,), Y: (2,)}, one, two) == {Kind.CIRCULAR_FLOW}


def test_a_circular_flow_of_two_who_append_inside_each_other() -> None:
    one = transaction("one", Append(X, 1), Read(X, (1,)), Read(X, (1, 2)), Append(Y, 3))
    two = transaction("two", Append(X, 2))
    assert Kind.CIRCULAR_FLOW in kinds({X: (1, 2), Y: (3,)}, one, two)


def test_an_unseen_own_write() -> None:
    one = transaction("one", Append(X, 1), Read(X, ()))
    assert Kind.UNSEEN_OWN_WRITE in kinds({X: (1,)}, one)


def test_two_orders_of_one_list() -> None:
    one, two = transaction("one", Append(X, 1)), transaction("two", Append(X, 2))
    three = transaction("three", Read(X, (2, 1)))
    assert Kind.INCOMPATIBLE_ORDER in kinds({X: (1, 2)}, one, two, three)


def test_a_non_repeatable_read() -> None:
    one = transaction("one", Read(X, ()), Read(X, (2,)))
    two = transaction("two", Append(X, 2))
    assert kinds({X: (2,)}, one, two) == {Kind.NON_REPEATABLE_READ, Kind.READ_SKEW}


def test_a_lost_update() -> None:
    one = transaction("one", Read(X, ()), Append(X, 1))
    two = transaction("two", Read(X, ()), Append(X, 2), Read(X, (2,)))
    [anomaly] = found({X: (1,)}, one, two)
    assert str(anomaly) == "lost update: 2, which two appended to 1, is gone"


def test_a_lost_update_that_somebody_has_read() -> None:
    one = transaction("one", Read(X, ()), Append(X, 1))
    two = transaction("two", Read(X, ()), Append(X, 2))
    three = transaction("three", Read(X, (2,)))
    assert kinds({X: (1,)}, one, two, three) == {Kind.LOST_UPDATE}


def test_an_update_that_overlooked_another() -> None:
    one = transaction("one", Read(X, ()), Append(X, 1))
    two = transaction("two", Append(X, 2))
    [anomaly] = found({X: (2, 1)}, one, two)
    assert str(anomaly) == (
        "lost update: one read 1 before two appended to it, and one appended to 1 after two"
    )


def test_read_skew() -> None:
    one = transaction("one", Read(X, ()), Read(Y, (2,)))
    two = transaction("two", Append(X, 1), Append(Y, 2))
    assert kinds({X: (1,), Y: (2,)}, one, two) == {Kind.READ_SKEW}


def test_write_skew() -> None:
    one = transaction("one", Read(X, ()), Append(Y, 1))
    two = transaction("two", Read(Y, ()), Append(X, 2))
    [anomaly] = found({X: (2,), Y: (1,)}, one, two)
    assert str(anomaly) == (
        "write skew: one read 1 before two appended to it, and two read 2 before one appended to it"
    )


def test_write_skew_of_three() -> None:
    one = transaction("one", Read(1, ()), Append(2, 20))
    two = transaction("two", Read(2, ()), Append(3, 30))
    three = transaction("three", Read(3, ()), Append(1, 10))
    [anomaly] = found({1: (10,), 2: (20,), 3: (30,)}, one, two, three)
    assert anomaly.kind is Kind.WRITE_SKEW


# ---- what levels promise -------------------------------------------------------------------------

OF_COMMITTED = {
    Kind.DIRTY_WRITE,
    Kind.ABORTED_READ,
    Kind.INTERMEDIATE_READ,
    Kind.CIRCULAR_FLOW,
    Kind.UNSEEN_OWN_WRITE,
    Kind.INCOMPATIBLE_ORDER,
}


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mariadb", "mysql"])
def test_a_stricter_level_rules_out_more(engine: str) -> None:
    repeatable = {
        "mariadb": OF_COMMITTED | {Kind.NON_REPEATABLE_READ},
        "mysql": OF_COMMITTED | {Kind.NON_REPEATABLE_READ},
    }.get(engine, set(Kind) - {Kind.WRITE_SKEW})
    assert forbidden(engine, "read committed") == OF_COMMITTED
    assert forbidden(engine, "repeatable read") == repeatable
    assert forbidden(engine, "serializable") == set(Kind)
