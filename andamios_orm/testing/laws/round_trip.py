"""`roundtrip`: what is stored comes back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm import observe
from andamios_orm.database.engine import Database
from andamios_orm.errors import (
    CheckViolation,
    ForeignKeyViolation,
    NotStorable,
    NotSupported,
    WrongType,
)
from andamios_orm.models.base import Model
from andamios_orm.observe import StatementRun
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import FieldSpec, Kind
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.comparing import difference
from andamios_orm.testing.laws.drawing import few_rows_of
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.strategies.graphs import Graph, is_users_own

__all__ = ["key_of", "roundtrip"]

Rows = list[Model]

_REFUSALS = (NotStorable, NotSupported, WrongType)


def _examples(playground: Playground) -> SearchStrategy[Example]:
    fit = few_rows_of(*playground.models, storable=playground.engine)
    # What the column may not hold: a part of the examples, as most of these are refused.
    unfit = few_rows_of(*playground.models, storable=False)
    return st.tuples(st.one_of(fit, fit, unfit))


async def _holds(playground: Playground, rows: Rows) -> None:
    db = of_somebody(playground)
    drawn = Graph(tuple(rows))
    stored: dict[int, Model] = {}
    inserted = drawn.inserts
    for place, row in enumerate(inserted):
        added = await _added(db, row, after_refusal=len(stored) < place)
        if added is not None:
            _require_same("add gave back", row, added)
            stored[place] = added
    changed = await _late(db, drawn, stored)
    for place, added in stored.items():
        found = await Repository(type(added), db).get(key_of(added))
        _require_same("get gave back", changed.get(place, inserted[place]), found)
        made = spec_of(type(added)).fields if place not in changed else ()
        for field in made:
            _require_equal("get gave back", added, found, field)


async def _added(db: Database, row: Model, *, after_refusal: bool) -> Model | None:
    """Store a row; None for one that is refused as it has to be, before any SQL.

    What a CHECK of the user's own asks for is not known when rows are made up.
    """
    ran: list[StatementRun] = []
    try:
        with observe.subscribe(ran.append):
            return await Repository(type(row), db).add(row)
    except _REFUSALS as error:
        if statements := [run.sql for run in ran if _is_of_rows(run.sql)] or _was_sent(error):
            raise Broken(
                f"{type(row).__name__} was refused after it had been sent to the database:"
                f" {type(error).__name__}: {error.problem}",
                found=statements,
            ) from error
        return None
    except CheckViolation as error:
        if is_users_own(error):
            return None
        raise
    except ForeignKeyViolation:
        # It may refer to a row that was refused.
        if after_refusal:
            return None
        raise


async def _late(db: Database, drawn: Graph, stored: dict[int, Model]) -> dict[int, Model]:
    """Set the references to rows that came later; return the rows for which that was done."""
    done: dict[int, Model] = {}
    places = {id(row): place for place, row in enumerate(drawn.instances)}
    for row, values in drawn.updates:
        place = places[id(row)]
        if place not in stored or len(stored) < len(drawn.instances):
            continue
        changes = [getattr(type(row), name).set(value) for name, value in values.items()]
        await Repository(type(row), db).patch(key_of(stored[place]), *changes)
        done[place] = row
    return done


def key_of(row: Model) -> Any:
    """Return the key of a row, as `get` takes it."""
    key = tuple(getattr(row, field.name) for field in spec_of(type(row)).primary_key)
    return key[0] if len(key) == 1 else key


def _is_of_rows(sql: str) -> bool:
    return sql.split(None, 1)[0].upper() not in ("BEGIN", "COMMIT", "ROLLBACK", "START")


def _was_sent(error: BaseException) -> list[str]:
    """Tell a refusal by the database: observers hear only of statements that came back."""
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_globals.get("__name__") == "andamios_orm.database.connection":
            return ["a statement that failed"]
        at = at.tb_next
    return []


def _require_same(what: str, given: Model, found: Model) -> None:
    """Raise Broken for a field that has another value than it was given."""
    if type(found) is not type(given):
        raise Broken(what, expected=type(given), found=type(found))
    for field in _given(given):
        _require_equal(what, given, found, field)


def _given(row: Model) -> Iterable[FieldSpec]:
    fields = spec_of(type(row)).fields
    return (f for f in fields if f.role is None and f.name in row.__dict__)


def _require_equal(what: str, given: Model, found: Model, field: FieldSpec) -> None:
    expected = _stored_form(field, getattr(given, field.name))
    value = getattr(found, field.name)
    if (found_at := difference(expected, value)) is not None:
        where = f"{type(given).__name__}.{field.name}{found_at.where}"
        raise Broken(f"{what} another {where}", expected=found_at.one, found=found_at.other)


def _stored_form(field: FieldSpec, value: object) -> object:
    """Return the value as it comes back: an instant is kept in UTC."""
    if field.storage.kind is Kind.DATETIME and isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value


roundtrip = Law(
    name="roundtrip",
    statement=(
        "A row that is added comes back equal and of the same types, or it is refused before any"
        " SQL."
    ),
    examples=_examples,
    holds=_holds,
)
