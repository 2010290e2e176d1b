"""A statement of the user's own gets its values beside its text, or an error before any SQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.dialects.sqlite import aiosqlite

from andamios_orm.database.sql import statement_of, templated
from andamios_orm.errors import NotStorable, UsageError, WrongType
from andamios_orm.rows.decode import nothing
from andamios_orm.rows.plan import compile_plan

TABLE = sa.Table("t", sa.MetaData())


def sent(statement: Any) -> tuple[str, list[object]]:
    """The text and the values that SQLite would get."""
    plan = compile_plan(statement, aiosqlite.dialect(), nothing, table=TABLE)
    return plan.sql, plan.bind([])


class Color(Enum):
    RED = "red"


class Shout(str):
    __slots__ = ()


class Power(BaseModel):
    level: int


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        (None, None),
        (3, 3),
        (True, 1),
        ("a", "a"),
        (Shout("a"), "a"),
        (Color.RED, "red"),
        (b"a", b"a"),
        (Decimal("0.10"), 0.1),
        (Decimal("12345678901234567890.5"), "12345678901234567890.5"),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01 00:00:00.000000+00:00"),
        (datetime(2024, 1, 1), "2024-01-01 00:00:00.000000"),
        (PurePosixPath("a"), "a"),
        (Power(level=3), '{"level":3}'),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_a_value_is_bound_like_that_of_a_column(value: object, bound: object) -> None:
    text, values = sent(statement_of("SELECT :x, CAST(:x AS INT), y::INT", {"x": value}))
    assert text == "SELECT ?, CAST(? AS INT), y::INT"
    assert values == [bound, bound]


def test_a_value_that_no_column_holds_is_refused() -> None:
    with pytest.raises(WrongType, match=r"sql\(\) got a object for :x"):
        statement_of("SELECT :x", {"x": object()})
    with pytest.raises(NotStorable, match=":x"):
        sent(statement_of("SELECT :x", {"x": 2**64}))
    with pytest.raises(NotStorable, match=":x"):
        sent(statement_of("SELECT :x", {"x": Decimal("NaN")}))


def test_every_parameter_has_a_value_and_every_value_a_parameter() -> None:
    with pytest.raises(UsageError, match=r"no value for :a, :b"):
        statement_of("SELECT :a, :b", None)
    with pytest.raises(UsageError, match=r"a value for c, which the statement does not name"):
        statement_of("SELECT :a", {"a": 1, "c": 2})
    with pytest.raises(UsageError, match=r"a value for a, which .*\n.*with CAST instead of `::`"):
        statement_of("SELECT :a::int", {"a": 1})
    with pytest.raises(UsageError, match=r"no value for :1\n.*begins no parameter is written"):
        statement_of("""SELECT '{"a":1}'""", {})
    assert sent(statement_of(r"SELECT '\:x', '12:30'", {})) == ("SELECT ':x', '12:30'", [])


def test_what_is_no_statement_is_refused() -> None:
    select = sa.select(sa.literal(1))
    assert statement_of(select, None) is select
    with pytest.raises(UsageError, match="a SQLAlchemy statement has its values inside"):
        statement_of(select, {})
    for wrong in (3, b"SELECT", sa.insert(sa.table("x")), None):
        with pytest.raises(WrongType, match=r"sql\(\) got a"):
            statement_of(wrong, None)


# ---- templates, which Python has from 3.14 on -------------------------------------------------


@dataclass
class Interpolation:
    value: object
    expression: str = "x"
    conversion: str | None = None
    format_spec: str = ""


@dataclass
class Template:
    parts: list[object]
    interpolations: tuple[object, ...] = field(default=())

    def __iter__(self) -> Iterator[object]:
        return iter(self.parts)


def test_the_interpolations_of_a_template_are_its_values() -> None:
    template = Template(["SELECT * FROM hero WHERE age > ", Interpolation("1; DROP TABLE hero")])
    assert sent(templated(template)) == (
        "SELECT * FROM hero WHERE age >  ? ",
        ["1; DROP TABLE hero"],
    )


def test_a_template_inside_another_is_a_part_of_its_text() -> None:
    inner = Template(["age > ", Interpolation(3), " AND name = ", Interpolation("a")])
    outer = Template(["SELECT ", Interpolation(1), " WHERE ", Interpolation(inner)])
    assert sent(templated(outer)) == ("SELECT  ?  WHERE age >  ?  AND name =  ? ", [1, 3, "a"])


def test_colons_of_a_template_begin_no_parameter() -> None:
    template = Template(
        ["""SELECT '{"a":1}', x::int, ':b', '1:2'""", " LIMIT ", Interpolation(1), "::int"]
    )
    assert sent(templated(template)) == (
        """SELECT '{"a":1}', x::int, ':b', '1:2' LIMIT  ? ::int""",
        [1],
    )


@pytest.mark.parametrize(
    "formatted", [Interpolation(1, "age", "r"), Interpolation(1, "age", None, ">10")]
)
def test_a_value_is_not_formatted(formatted: Interpolation) -> None:
    with pytest.raises(UsageError, match="`age` has a conversion or a format"):
        templated(Template(["SELECT ", formatted]))
