"""Each law finds a planted fault, and its smallest example as code breaks the law again."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from pydantic import NaiveDatetime, SecretStr, field_serializer

from andamios_orm import Col, Model, field, generated
from andamios_orm.testing import laws
from andamios_orm.testing.laws import Law, LawBroken, Playground, Violation
from tests.engines import only_on

METADATA = sa.MetaData()
FEW = settings(max_examples=60, database=None, derandomize=True)


class WholeSeconds(sa.types.TypeDecorator[datetime]):
    """A column type of a user's own that loses microseconds."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(microsecond=0)


class Event(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    at: Col[NaiveDatetime] = field(column_type=WholeSeconds())


class Short(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(column_type=sa.String(2))


class Rounded(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=6, decimal_places=2)

    @field_serializer("price")
    def whole(self, price: Decimal) -> str:
        return str(round(price))


class Hidden(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=6, decimal_places=2)
    token: Col[SecretStr]

    @field_serializer("price")
    def whole(self, price: Decimal) -> str:
        return str(round(price))


class Aged(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    age: Col[int] = field(ge=0, multiple_of=3)
    name: Col[str] = field(max_length=3)


class Bounded(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    size: Col[int] = field(ge=0, le=1000)


def broken(law: Law, url: str, model: type[Model]) -> LawBroken:
    """What the law says of the model. Its example, replayed, says the same."""
    with Playground(url, model) as playground, pytest.raises(LawBroken) as caught:
        law.check(playground, using=FEW)
    code = caught.value.code
    if "://..." in code:
        code = code.replace(f"{caught.value.engine}://...", url)
    with pytest.raises(LawBroken) as again:
        exec(code)  # noqa: S102 - the code is what is tested
    assert str(again.value) == str(caught.value)
    return caught.value


def test_roundtrip_finds_a_column_type_that_loses_microseconds(database_url: str) -> None:
    error = broken(laws.roundtrip, database_url, Event)

    assert "another Event.at" in str(error)
    assert re.search(r"expected: datetime\([\d, ]+, 1\)\n", str(error))
    assert re.search(r"\[Event\(id=1, at=datetime\([\d, ]+, 1\)\)\]", error.code)


@only_on("postgresql")
def test_roundtrip_finds_a_value_that_only_the_database_refuses(database_url: str) -> None:
    error = broken(laws.roundtrip, database_url, Short)

    assert "Short was refused after it had been sent to the database: NotStorable" in str(error)
    assert 'Short(id=1, name="000")' in error.code


def test_json_roundtrip_finds_a_serializer_that_rounds(database_url: str) -> None:
    error = broken(laws.json_roundtrip, database_url, Rounded)

    assert "Rounded.price is another one after JSON" in str(error)


@only_on("sqlite")
def test_json_roundtrip_looks_at_the_other_fields_of_a_row_with_a_secret(database_url: str) -> None:
    error = broken(laws.json_roundtrip, database_url, Hidden)

    assert "Hidden.price is another one after JSON" in str(error)


def without(model: type[Model], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the checks of one name out of a table."""
    table: Any = model.__table__
    kept = {c for c in table.constraints if name not in str(c.name)}
    assert kept < table.constraints
    monkeypatch.setattr(table, "constraints", kept)


def test_constraint_parity_finds_a_bound_that_the_table_has_not(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(Aged, "age_multiple_of", monkeypatch)

    error = broken(laws.constraint_parity, database_url, Aged)

    assert "Aged.age that breaks the rule multiple_of" in str(error)
    assert 'Violation(row=0, field="age", rule="multiple_of", value=1)' in error.code


@only_on("duckdb", "sqlite")
def test_constraint_parity_finds_a_length_that_the_table_has_not(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(Aged, "name_max_length", monkeypatch)

    assert "the rule max_length" in str(broken(laws.constraint_parity, database_url, Aged))


def test_constraint_parity_finds_a_row_that_only_the_database_refuses(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: Any = Bounded.__table__
    without(Bounded, "size_le", monkeypatch)
    table.append_constraint(sa.CheckConstraint(table.c.size < 10, name="size_le"))

    error = broken(laws.constraint_parity, database_url, Bounded)

    assert "CheckViolation" in str(error)
    assert "size=10)" in error.code


def test_a_violation_is_written_as_code() -> None:
    violation = Violation(row=0, field="age", rule="ge", value=-1)

    assert laws.Writer().text(violation) == 'Violation(row=0, field="age", rule="ge", value=-1)'
