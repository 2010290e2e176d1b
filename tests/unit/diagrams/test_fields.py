"""How a field is stored on each engine, and why."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import NaiveDatetime

from andamios_orm import Col, Model, UsageError, field, generated
from andamios_orm.diagrams.fields import ENGINES, stored_field


class Everything(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    number: Col[int] = field(column="no", ge=1)
    text: Col[str] = field(max_length=20)
    flag: Col[bool]
    double: Col[float]
    price: Col[Decimal] = field(max_digits=12, decimal_places=2)
    long: Col[Decimal] = field(max_digits=30, decimal_places=2)
    longer: Col[Decimal] = field(max_digits=50, decimal_places=2)
    data: Col[bytes]
    day: Col[date]
    clock: Col[time]
    moment: Col[datetime]
    wall: Col[NaiveDatetime]
    span: Col[timedelta | None] = field(default=None)
    uid: Col[UUID]
    items: Col[list[int]]
    own: Col[Annotated[str, sa.String(5)]] = field(column_type=sa.String(5))


FIELDS = list(Everything.model_fields)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_type_and_a_reason(name: str, engine: str) -> None:
    found = stored_field(Everything, name, engine)

    assert found.engine == engine
    assert found.nullable == (name == "span")
    assert bool(found.type) != bool(found.problem)
    assert bool(found.why) == (found.problem is None)


def test_a_field_is_told_with_what_the_database_refuses() -> None:
    found = stored_field(Everything, "number", "duckdb")

    assert (found.type, found.rules) == ("BIGINT", ("CHECK (no >= 1)",))
    assert stored_field(Everything, "no", "duckdb") == found
    assert stored_field(Everything, "id", "duckdb").default == "counted by the database"


@pytest.mark.parametrize(
    ("name", "engine", "reason"),
    [
        ("text", "duckdb", "DuckDB forgets a VARCHAR's length"),
        ("text", "mysql", "equal to itself only"),
        ("text", "mariadb", "equal to itself only"),
        ("uid", "mariadb", "16 bytes: text would take 36"),
        ("price", "sqlite", "a double keeps 15 digits exactly"),
        ("long", "sqlite", "more are kept as text"),
        ("own", "postgresql", "the type that column_type= gives"),
    ],
)
def test_the_reason_is_the_engines(name: str, engine: str, reason: str) -> None:
    assert reason in stored_field(Everything, name, engine).why


def test_what_an_engine_cannot_store_says_what_to_do() -> None:
    found = stored_field(Everything, "longer", "duckdb")

    assert (found.type, found.why) == ("", "")
    assert found.problem is not None
    assert "38 digits at most" in found.problem
    assert "use PostgreSQL" in found.problem


def test_a_field_that_is_not_there_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="Everything has no field `nmber`") as raised:
        stored_field(Everything, "nmber", "sqlite")

    assert raised.value.fix.startswith("name one of: id, number")
