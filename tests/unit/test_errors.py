"""Errors: one tree, a text that says what to do, and nothing lost on the way to another process."""

import copy
import pickle

import pytest

from andamios_orm import errors
from andamios_orm.errors import (
    AndamiosError,
    ConstraintViolation,
    DatabaseError,
    FileProblem,
    ImportRefused,
    InvalidRow,
    ManyFound,
    NotFound,
    NotStorable,
    TransactionConflict,
    UniqueViolation,
    UnsupportedType,
    ValueOutOfRange,
)
from andamios_orm.reports import ImportReport, RefusedRow

KINDS = [getattr(errors, name) for name in errors.__all__]

SAMPLES: list[AndamiosError] = [
    AndamiosError("p", "f"),
    UnsupportedType("p", "f", field="M.a"),
    NotFound("p", "f", model=int),
    ManyFound("p", "f", model=int),
    InvalidRow("p", "f", model=int, key=(1,), fields={"a": "missing"}),
    ValueOutOfRange("p", "f", limit="l", field="M.a"),
    UniqueViolation("p", "f", model=int, fields=("a",), constraint="c", code="23505"),
    TransactionConflict("p", "f", code="40001"),
    FileProblem("p", "f", path="a.parquet"),
    ImportRefused(
        "p",
        "f",
        model=int,
        report=ImportReport(1, 0, 1, (RefusedRow(1, (1,), {"a": "missing"}),)),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_caught_by_the_root(kind: type[AndamiosError]) -> None:
    assert issubclass(kind, AndamiosError)
    assert kind.__doc__ is not None


def test_every_error_is_listed_and_drawn_in_the_tree() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AndamiosError)
    }

    assert defined == set(errors.__all__)
    assert all(f" {name}" in str(errors.__doc__) for name in defined - {"AndamiosError"})


def test_the_text_says_what_is_wrong_and_what_to_do() -> None:
    assert str(AndamiosError("closed", "come back")) == "closed\n  Fix: come back"


@pytest.mark.parametrize("error", SAMPLES, ids=lambda e: type(e).__name__)
def test_an_error_survives_pickle_and_copy_with_its_attributes(error: AndamiosError) -> None:
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert type(made) is type(error)
        assert vars(made) == vars(error)
        assert (str(made), made.args) == (str(error), error.args)


def test_the_drivers_exception_stays_in_its_process() -> None:
    error = DatabaseError("p", "f", code="1", driver_error=OSError("secret value"))

    made = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert b"secret value" not in pickle.dumps(error)
    assert made.driver_error is None
    assert made.code == "1"


def test_a_located_error_names_the_field() -> None:
    error = ValueOutOfRange("too large", "make it small", limit="9")

    located = error.located("Hero.age")

    assert isinstance(located, ValueOutOfRange)
    assert str(located) == "Hero.age: too large\n  Fix: make it small"
    assert (located.field, located.limit) == ("Hero.age", "9")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.DeclarationError, TypeError),
        (errors.WrongType, TypeError),
        (errors.ConditionMisuse, TypeError),
        (errors.NotLoaded, AttributeError),
        (errors.MissingDriver, ImportError),
        (errors.InvalidURL, ValueError),
        (errors.SessionMisuse, RuntimeError),
        (NotFound, LookupError),
        (ManyFound, LookupError),
        (InvalidRow, ValueError),
        (FileProblem, ValueError),
        (ImportRefused, ValueError),
        (NotStorable, ValueError),
    ],
)
def test_an_error_is_also_what_python_calls_it(
    kind: type[AndamiosError], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)


def test_only_what_another_try_may_cure_is_transient() -> None:
    assert {k.__name__ for k in KINDS if k.transient} == {
        "TransactionConflict",
        "DatabaseUnavailable",
        "MigrationLocked",
    }
    assert not ConstraintViolation.transient
