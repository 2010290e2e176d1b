"""Values that break exactly one rule of a field, for each engine that has to refuse them."""

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
import sqlalchemy as sa
from pydantic import FiniteFloat, NaiveDatetime, SecretStr, create_model

from andamios_orm import Col, Model, field, generated
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.violations import violations_of

ENGINES = ("duckdb", "sqlite", "postgresql", "mariadb", "mysql")
DAY = date(2024, 5, 6)
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


class Ratio(enum.Enum):
    HALF = 0.5


class Age(enum.IntEnum):
    YOUNG = 1


def violations(annotation: Any, engine: str = "sqlite", **options: Any) -> dict[str, list[Any]]:
    """The values that break each rule of a field."""
    model = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field(**options)),
    )
    found: dict[str, list[Any]] = {}
    for rule, value in violations_of(spec_of(model).by_name["value"], engine):
        found.setdefault(rule, []).append(value)
    return found


@pytest.mark.parametrize(
    ("annotation", "options", "rule", "value"),
    [
        (int, {"ge": 3}, "ge", 2),
        (int, {"gt": 3}, "gt", 3),
        (int, {"le": 3}, "le", 4),
        (int, {"lt": 3}, "lt", 3),
        (int, {"multiple_of": 3}, "multiple_of", 1),
        (float, {"ge": 0.5}, "ge", 0.49999999999999994),
        (float, {"lt": 1}, "lt", 1.0),
        (Decimal, {"max_digits": 6, "decimal_places": 2, "ge": 0}, "ge", Decimal("-0.01")),
        (Decimal, {"max_digits": 6, "decimal_places": 2, "gt": 0}, "gt", Decimal(0)),
        (
            Decimal,
            {"max_digits": 6, "decimal_places": 2, "multiple_of": Decimal("0.05")},
            "multiple_of",
            Decimal("0.01"),
        ),
        (Decimal, {"max_digits": 6, "decimal_places": 2}, "digits", Decimal(10**4)),
        (date, {"ge": DAY}, "ge", date(2024, 5, 5)),
        (date, {"le": DAY}, "le", date(2024, 5, 7)),
        (datetime, {"gt": NOON}, "gt", NOON),
        (datetime, {"ge": NOON}, "ge", NOON - timedelta(microseconds=1)),
        (NaiveDatetime, {"le": datetime.max}, "not_null", None),
        (time, {"lt": time(12)}, "lt", time(12, 0, 0, 1)),
        (timedelta, {"ge": timedelta(0)}, "ge", timedelta(microseconds=-1)),
        (str, {"max_length": 2}, "max_length", "xxx"),
        (str, {"max_length": 2}, "max_length", "ñññ"),
        (str, {"min_length": 1}, "min_length", ""),
        (bytes, {"max_length": 2}, "max_length", b"xxx"),
        (SecretStr, {"max_length": 2}, "max_length", "xxx"),
        (Literal["ab", "cd"], {}, "one_of", "AB"),
        (Literal["ab", "cd"], {}, "one_of", "a"),
        (Literal[1, 2], {}, "one_of", 3),
        (Literal[True], {}, "one_of", False),
        (Age, {}, "one_of", 0),
        (Ratio, {}, "one_of", 1.5),
        (int, {}, "not_null", None),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_that_every_engine_keeps_is_broken_next_to_its_limit(
    annotation: Any, options: dict[str, Any], rule: str, value: object, engine: str
) -> None:
    assert value in violations(annotation, engine, **options)[rule]


def test_a_value_breaks_one_rule_only() -> None:
    found = violations(int, ge=0, multiple_of=3)

    assert all(value % 3 == 0 for value in found["ge"])
    assert all(value > 0 for value in found["multiple_of"])


def test_what_may_be_missing_is_not_refused() -> None:
    assert violations(int | None) == {}
    assert violations(Annotated[int | None, "?"], ge=0).keys() == {"ge"}


class Keyed(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = field(primary_key=True, ge=0)


def test_a_key_is_not_taken_away() -> None:
    found = dict(violations_of(spec_of(Keyed).by_name["id"], "sqlite"))

    assert found.keys() == {"ge"}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_engines_type_has_instead_is_asked_where_a_check_stands_for_it(engine: str) -> None:
    weak = engine not in ("duckdb", "postgresql")
    assert ("boolean" in violations(bool, engine)) is weak
    assert ("finite" in violations(FiniteFloat, engine)) is not weak
    assert ("places" in violations(Decimal, engine)) is (engine == "sqlite")


def test_numbers_as_text_are_compared_as_doubles_so_the_values_are_further_away() -> None:
    near = violations(Decimal, "duckdb", ge=Decimal("1000.5"))["ge"]
    far = violations(Decimal, "sqlite", ge=Decimal("1000.5"))["ge"]

    assert max(near) == Decimal("1000.5") - Decimal("1e-18")
    assert max(far) < Decimal("1000.5") - Decimal("1e-7")
    assert all(v % 1 for v in violations(Decimal, "sqlite", multiple_of=1)["multiple_of"])


def test_values_that_break_a_large_limit_differ_from_it_as_doubles() -> None:
    limit = Decimal("999999999999999999999999999999.99")
    found = violations(Decimal, "sqlite", ge=limit, max_digits=32, decimal_places=2)["ge"]

    assert found
    assert all(float(value) < float(limit) for value in found)


def test_what_would_be_too_large_for_a_test_is_not_tried() -> None:
    assert "max_length" not in violations(str, max_length=10**6)


def test_a_limit_at_the_end_of_a_type_has_nothing_beyond() -> None:
    assert "le" not in violations(int, le=2**63 - 1)
    assert "le" not in violations(date, le=date.max)
    assert "ge" not in violations(time, ge=time.min)
