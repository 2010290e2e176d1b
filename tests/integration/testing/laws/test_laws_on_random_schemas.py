"""The laws about rows hold for schemas that nobody wrote, on every engine."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from andamios_orm import Model
from andamios_orm.database.url import read_url
from andamios_orm.errors import NotSupported
from andamios_orm.testing.laws import LAWS, Broken, Law, LawBroken, Playground
from andamios_orm.testing.laws.schema_law import SchemaLaw
from tests.deep import DEEP
from tests.engines import not_on
from tests.integration.testing.laws.random_schemas import Tally, check_on_random_schemas

ABOUT_ROWS = [law for law in LAWS.values() if not isinstance(law, SchemaLaw)]


@not_on("mysql")
def test_laws_about_rows_hold_on_random_schemas(database_url: str) -> None:
    engine: Any = read_url(database_url)[1].name

    tally = check_on_random_schemas(
        database_url,
        engine,
        ABOUT_ROWS,
        schemas=100 * DEEP or 2,
        rows=5 if DEEP else 2,
        again=not DEEP,
    )

    assert tally.refused <= tally.schemas / 2
    assert tally.held.total() > tally.said.total()
    if DEEP:
        assert [law.name for law in ABOUT_ROWS if not tally.held[law.name]] == []


# -- how they are counted and told


def the_models(playground: Playground) -> st.SearchStrategy[Any]:
    return st.just(playground.models)


def law(name: str, error: Exception | None = None, **more: Any) -> Law:
    """A law about the models themselves, which holds unless there is an error."""

    async def holds(playground: Playground, *models: type[Model]) -> None:
        if error is not None:
            raise error

    return Law(name=name, statement="it is so", examples=the_models, holds=holds, **more)


def check(*laws: Law) -> Tally:
    return check_on_random_schemas("sqlite://", "sqlite", laws, schemas=2, rows=1, again=True)


REFUSED = NotSupported("not on this engine", "use another one")


def test_what_the_library_says_that_it_cannot_do_is_no_failure() -> None:
    tally = check(law("a"), law("b", REFUSED), law("c", spared=lambda playground: "says nothing"))

    assert (tally.schemas, tally.refused) == (2, 0)
    assert tally.held == {"a": 2}
    assert tally.said == {"b": 2, "c": 2}


def test_schemas_that_an_engine_cannot_have_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(playground: Playground) -> None:
        raise REFUSED

    monkeypatch.setattr(Playground, "__enter__", refuse)

    assert check(law("a")) == Tally(schemas=2, refused=2)


def test_a_law_that_does_not_hold_is_told_with_the_schema_as_a_program() -> None:
    with pytest.raises(LawBroken) as found:
        check(law("roundtrip", Broken("it fails")))

    assert "METADATA = sa.MetaData()" in found.value.code
    assert "laws.roundtrip.replay(" in found.value.code


def test_any_other_error_is_told_with_the_schema_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kw: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sa.MetaData, "create_all", fail)
    with pytest.raises(ZeroDivisionError) as found:
        check(law("a"))

    assert any("METADATA = sa.MetaData()" in note for note in found.value.__notes__)
