"""`constraint_parity`: the database asks of a row what its model asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.errors import (
    AndamiosError,
    CheckViolation,
    ForeignKeyViolation,
    NotNullViolation,
    NotStorable,
)
from andamios_orm.models.base import Model
from andamios_orm.schema.columns import Stored, is_number_as_text
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.constraints import is_set_by_key
from andamios_orm.schema.spec import FieldSpec, Kind
from andamios_orm.seeding.pools import groups_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import few_rows_of
from andamios_orm.testing.laws.playground import EngineName, Playground
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.laws.violations import Violation, violations_of
from andamios_orm.testing.strategies.graphs import Graph

__all__ = ["constraint_parity"]


@st.composite
def _drawn(
    draw: DrawFn, models: tuple[type[Model], ...], engine: EngineName, *, checked_references: bool
) -> tuple[list[Model], Violation | None]:
    # Rows of this model that no row of another refers to: some engines refuse to change those.
    model = draw(st.sampled_from(models))
    rows = draw(few_rows_of(model, storable=engine))
    last = max((place for place, row in enumerate(rows) if type(row) is model), default=None)
    found = [
        (field.name, rule, value)
        for field in spec_of(model).fields
        if checked_references or not is_set_by_key(table_of(model).c[field.column])
        for rule, value in violations_of(field, engine)
    ]
    if last is None or not found:
        return rows, None
    return rows, Violation(last, *draw(st.sampled_from(found)))


def _examples(playground: Playground) -> SearchStrategy[Example]:
    return _drawn(
        playground.models,
        playground.engine,
        checked_references=playground.db.capabilities.checked_references,
    )


async def _holds(
    playground: Playground, rows: list[Model], violation: Violation | None = None
) -> None:
    stored = await Graph(tuple(rows)).store(of_somebody(playground))
    if violation is None:
        return
    row = stored[violation.row]
    statement = _update(row, violation, playground.engine)
    try:
        async with playground.db.session() as session:
            await session.execute(statement)
    except _refusals(type(row), violation.field):
        return
    name = f"{type(row).__name__}.{violation.field}"
    raise Broken(
        f"the database takes a value of {name} that breaks the rule {violation.rule}",
        found=violation.value,
    )


def _refusals(model: type[Model], field: str) -> tuple[type[AndamiosError], ...]:
    """Return the errors that tell of a broken rule of a field."""
    found = (CheckViolation, NotNullViolation, NotStorable)
    # No row that could be referred to has the value, and some engines look for one first.
    referring = any(field in group.names for group in groups_of(model))
    return (*found, ForeignKeyViolation) if referring else found


def _update(row: Model, violation: Violation, engine: str) -> sa.Update:
    """Return a statement of a program that knows the columns and nothing of the model."""
    table, spec = table_of(type(row)), spec_of(type(row))
    field = spec.by_name[violation.field]
    value = _plain_value(field, violation.value, engine)
    changed = sa.table(table.name, sa.column(field.column), schema=table.schema)
    key = [
        sa.column(part.column, table.c[part.column].type) == getattr(row, part.name)
        for part in spec.primary_key
    ]
    literal = sa.literal(value, _plain_type(field, table.c[field.column], engine))
    return sa.update(changed).values({field.column: literal}).where(*key)


def _plain_value(field: FieldSpec, value: Any, engine: str) -> object:
    if engine != "sqlite" or field.storage.kind is not Kind.DECIMAL or value is None:
        return value
    if not is_number_as_text(field.storage, engine):
        return float(value)
    places = max(cast("int", field.storage.scale), -value.as_tuple().exponent)
    return f"{value:.{places}f}"


_TYPES: Mapping[Kind, sa.types.TypeEngine[Any]] = {
    Kind.INTEGER: sa.BigInteger(),
    Kind.FLOAT: sa.Double(),
    Kind.TEXT: sa.Text(),
    Kind.BYTES: sa.LargeBinary(),
}


def _plain_type(field: FieldSpec, column: sa.Column[Any], engine: str) -> sa.types.TypeEngine[Any]:
    """Return a type that takes what the column's own type refuses before any SQL."""
    kind = field.storage.kind
    if kind is Kind.BOOLEAN:
        return sa.Boolean() if engine in ("duckdb", "postgresql") else sa.Integer()
    if kind is Kind.DECIMAL:
        if engine == "sqlite":
            return sa.Text() if is_number_as_text(field.storage, engine) else sa.Double()
        return cast("Stored", column.type).comparable()
    return _TYPES.get(kind, column.type)


constraint_parity = Law(
    name="constraint_parity",
    statement=(
        "The database takes every row that the model accepts, and none that breaks one of the"
        " model's constraints."
    ),
    examples=_examples,
    holds=_holds,
)
