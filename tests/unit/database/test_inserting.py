"""Rows of a table that refers to itself come after those they refer to."""

import random
from dataclasses import replace
from itertools import accumulate

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from andamios_orm import Col, Model, field
from andamios_orm.backends.mysql.backend import MariaDBBackend
from andamios_orm.backends.sqlite.backend import SQLiteBackend
from andamios_orm.database.inserting import ParentsFirst, most_rows, portions

METADATA = sa.MetaData()


class Plain(Model, table="plain_rows", metadata=METADATA):
    id: Col[int] = field(primary_key=True)


class Node(Model, table="nodes", metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    parent_id: Col[int | None] = field(default=None, foreign_key="Node.id")


class Cell(Model, table="cells", metadata=METADATA):
    __table_args__ = (sa.ForeignKeyConstraint(["above", "left"], ["cells.row", "cells.column"]),)

    row: Col[int] = field(primary_key=True)
    column: Col[int] = field(primary_key=True)
    above: Col[int | None] = field(default=None)
    left: Col[int | None] = field(default=None)


@pytest.fixture
def dialect() -> sa.Dialect:
    return postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's


def test_rows_of_other_tables_never_wait(dialect: sa.Dialect) -> None:
    order = ParentsFirst(Plain, dialect)

    assert order.ready([[2], [1]]) == [[2], [1]]
    assert order.rest() == []


def test_a_row_that_refers_to_nothing_or_itself_is_ready(dialect: sa.Dialect) -> None:
    order = ParentsFirst(Node, dialect)

    assert order.ready([[1, None], [2, 2], [3, 1]]) == [[1, None], [2, 2], [3, 1]]


def test_a_row_waits_for_a_later_one(dialect: sa.Dialect) -> None:
    order = ParentsFirst(Node, dialect)

    assert order.ready([[1, 2], [5, 9]]) == []
    assert order.ready([[2, 3], [3, None]]) == [[3, None]]
    assert order.rest() == [[5, 9], [2, 3], [1, 2]]
    assert order.rest() == []


def test_rows_in_a_circle_come_last(dialect: sa.Dialect) -> None:
    order = ParentsFirst(Node, dialect)

    assert order.ready([[1, 2], [2, 1], [4, 5], [5, 6]]) == []
    assert order.rest() == [[5, 6], [4, 5], [1, 2], [2, 1]]


def test_a_key_of_two_parts_refers_only_as_a_whole(dialect: sa.Dialect) -> None:
    order = ParentsFirst(Cell, dialect)

    assert order.ready([[1, 1, 2, None], [2, 2, 1, 3], [1, 3, None, None]]) == [
        [1, 1, 2, None],
        [1, 3, None, None],
    ]
    assert order.rest() == [[2, 2, 1, 3]]


@given(parents=st.lists(st.integers(0, 30) | st.none(), max_size=30), seed=st.integers())
def test_every_row_comes_once_and_after_its_parent(parents: list[int | None], seed: int) -> None:
    # A parent has a smaller number, so there is no circle.
    rows: list[list[object]] = [
        [n, None if parent is None or n == 0 else parent % n] for n, parent in enumerate(parents)
    ]
    random.Random(seed).shuffle(rows)  # noqa: S311 - an order, no secret
    order = ParentsFirst(Node, postgresql.asyncpg.dialect())  # type: ignore[no-untyped-call]

    found = [row for at in range(0, 30, 7) for row in order.ready(rows[at : at + 7])]
    found += order.rest()

    stored: set[object] = {None}
    for key, parent in found:
        assert parent in stored
        stored.add(key)
    assert sorted(map(str, found)) == sorted(map(str, rows))


@given(rows=st.integers(0, 5000), most=st.integers(1, 2000), bits=st.none() | st.integers(1, 6))
def test_portions_are_all_rows_in_order_and_of_few_sizes(
    rows: int, most: int, bits: int | None
) -> None:
    found = list(portions(rows, most, bits=bits))

    starts = [0, *accumulate(size for _, size in found)]
    assert [*(start for start, _ in found), rows] == starts
    assert all(1 <= size <= most for _, size in found)
    assert all(bits is None or len(f"{size:b}".rstrip("0")) <= bits for _, size in found)


def test_a_row_wider_than_a_statement_is_tried_alone() -> None:
    few = replace(SQLiteBackend.capabilities, max_parameters=100)
    assert most_rows(7, few) == 14
    assert most_rows(101, few) == 1


def test_a_statement_takes_so_many_rows_and_values() -> None:
    assert most_rows(7, SQLiteBackend.capabilities) == 1024
    assert most_rows(64, SQLiteBackend.capabilities) == 256
    assert most_rows(7, MariaDBBackend.capabilities) == 512
