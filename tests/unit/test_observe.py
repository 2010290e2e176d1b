"""Observers hear of every statement while they are subscribed, and not longer."""

import pytest

from andamios_orm.observe import StatementRun, observers, publish, subscribe

RUN = StatementRun(sql="SELECT 1", seconds=0.5, rows=1)


def test_an_observer_hears_what_is_published_inside_its_block() -> None:
    heard: list[StatementRun] = []

    with subscribe(heard.append):
        publish(RUN)
    publish(RUN)

    assert heard == [RUN]


def test_all_observers_hear_in_the_order_they_came() -> None:
    heard: list[str] = []

    with subscribe(lambda run: heard.append("first")), subscribe(lambda run: heard.append("last")):
        publish(RUN)

    assert heard == ["first", "last"]


def test_an_observer_that_subscribes_another_does_not_disturb_the_round() -> None:
    heard: list[str] = []
    more = subscribe(lambda run: heard.append("second"))

    def first(run: StatementRun) -> None:
        heard.append("first")
        more.__enter__()

    with subscribe(first):
        publish(RUN)
    more.__exit__(None, None, None)

    assert heard == ["first"]
    assert observers == []


def test_the_end_of_the_block_is_heard_also_after_an_error() -> None:
    with pytest.raises(KeyError), subscribe(lambda run: None):
        raise KeyError

    assert observers == []
