"""Values are converted in SQL only for the rows that are left of a query."""

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from andamios_orm import Col, Model, field, generated
from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.queries import to_sql
from andamios_orm.queries.selection import Selection

METADATA = sa.MetaData()


class Order(Model, table="converting_order", metadata=METADATA):
    id: Col[int] = generated()
    total: Col[Decimal] = field(max_digits=12, decimal_places=2)
    placed_at: Col[datetime]


class Word(Model, table="converting_word", metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str]


def sql(selection: Selection) -> str:
    dialect = DuckDBDialect()
    return " ".join(str(to_sql.select(selection, "duckdb").compile(dialect=dialect)).split())


def within(text: str) -> str:
    """The subquery that a statement reads, empty without one."""
    return text.partition("FROM (SELECT")[2]


def test_duckdb_sorts_and_cuts_before_it_converts() -> None:
    found = sql(Selection(Order).order_by(Order.placed_at.desc(), Order.id).limited(3).skipping(1))
    assert "timezone('UTC', anon_1.placed_at)" in found
    assert "CAST(anon_1.total AS VARCHAR)" in found
    inner, _, outer = within(found).partition(") AS anon_1 ")
    assert "timezone" not in inner
    assert "CAST" not in inner
    assert inner.endswith(
        "ORDER BY converting_order.placed_at DESC, converting_order.id ASC LIMIT $1 OFFSET $2"
    )
    assert outer == "ORDER BY anon_1.placed_at DESC, anon_1.id ASC"


def test_rows_that_are_not_cut_are_converted_at_once() -> None:
    assert not within(sql(Selection(Order).order_by(Order.placed_at)))
    assert not within(sql(Selection(Order).limited(3)))


def test_rows_are_converted_at_once_where_only_they_can_be_sorted() -> None:
    assert not within(sql(Selection(Order).order_by(Order.total + 1).limited(3)))
    assert not within(sql(Selection(Order).order_by(sa.func.random()).limited(3)))


def test_what_is_read_as_it_is_needs_no_subquery() -> None:
    assert not within(sql(Selection(Word).order_by(Word.text).limited(3)))


def test_rows_that_are_counted_are_not_converted() -> None:
    counted = to_sql.count(Selection(Order).order_by(Order.total).limited(3), "duckdb")
    assert "CAST" not in str(counted.compile(dialect=DuckDBDialect()))
