"""The tables that are created are the tables that were declared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.migration.diff import compare
from andamios_orm.migration.drafting import schemas_of
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.migrator import Migrator
from andamios_orm.migration.state import SchemaState, TableName
from andamios_orm.migration.verifying import scratch_database
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_of
from andamios_orm.testing.laws.base import Broken, Example
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.playing import metadata_of
from andamios_orm.testing.laws.schema_law import SchemaLaw
from andamios_orm.testing.strategies.copying import copies

__all__ = ["ddl_reflect"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    # What is made up are the models; a law about given ones has one example.
    return st.just(playground.models)


async def _holds(playground: Playground, *models: type[Model]) -> None:
    created = await _differences(playground.db, models)
    if created:
        raise Broken(f"after create_all() a migration would: {'; '.join(created)}")
    generated = await _generated(playground.db, models)
    if generated:
        raise Broken(f"after the first migration the next one would: {'; '.join(generated)}")


async def _differences(db: Database, models: Collection[type[Model]]) -> list[str]:
    """Return how the live tables of models differ from what they would be."""
    tables = [table_of(model) for model in models]
    metadata = metadata_of(tables)
    names = {TableName(table.name, table.schema) for table in tables}
    engine = engine_named(db.engine_name)

    def differences(connection: sa.Connection) -> list[str]:
        live = engine.inspect(connection, schemas_of(metadata))
        desired = engine.desired(connection, metadata)
        found = compare(_only(live, names, desired), _only(desired, names, live))
        return [str(change) for change in found.changes]

    async with db.connect() as connection:
        return await connection.run_sync(differences)


def _only(state: SchemaState, names: Collection[TableName], other: SchemaState) -> SchemaState:
    """Return the part of a state that is about these tables; the playground has no others."""
    return replace(
        state,
        tables={name: table for name, table in state.tables.items() if name in names},
        enums={name: enum for name, enum in state.enums.items() if name in other.enums},
        sequences={n: sequence for n, sequence in state.sequences.items() if n in other.sequences},
    )


async def _generated(db: Database, models: Collection[type[Model]]) -> list[str]:
    """Return what a second migration would do, after the one that makes the tables."""
    (copy, *_) = copies(models)
    with TemporaryDirectory() as folder:
        async with scratch_database(db) as scratch:
            scratch.metadata = table_of(copy).metadata
            migrator = Migrator(scratch, Path(folder))
            await migrator.new("first")
            await migrator.up()
            comparison = await migrator.compare()
            written = await migrator.new("second")
    found = [str(change) for change in comparison.changes]
    return found if written is None else [*found, written.name]


ddl_reflect = SchemaLaw(
    name="ddl_reflect",
    statement=(
        "The tables that create_all() or a migration makes are read back as what the models say,"
        " so that the next migration has nothing to do."
    ),
    examples=_examples,
    holds=_holds,
)
