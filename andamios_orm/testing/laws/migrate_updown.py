"""A migration can be undone and made again, and loses nothing on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.database.loop import loop_factory
from andamios_orm.database.url import read_url
from andamios_orm.errors import RowsInTheWay
from andamios_orm.migration.diff import compare
from andamios_orm.migration.drafting import schemas_of
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.migrator import Migrator
from andamios_orm.migration.reading import DeclaredImpossible
from andamios_orm.migration.state import SchemaState, TableName, TableState
from andamios_orm.migration.verifying import EVERYTHING, scratch_database
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import compile_all, spec_of, table_of
from andamios_orm.testing.laws.base import Broken, Example, LawBroken
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.schema_law import SchemaLaw
from andamios_orm.testing.laws.tenants import on_behalf
from andamios_orm.testing.strategies.changing import SchemaChange, schema_change
from andamios_orm.testing.strategies.graphs import Graph, graph
from andamios_orm.testing.strategies.storable import Storable

__all__ = ["migrate_updown", "revisions_updown"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    storable = cast("Storable", playground.engine)
    return (
        st.sampled_from(playground.models)
        .flatmap(schema_change)
        .flatmap(
            lambda change: st.tuples(
                st.just(change), graph(change.before, size=3, storable=storable)
            )
        )
    )


async def _holds(playground: Playground, change: SchemaChange, rows: Graph) -> None:
    with TemporaryDirectory() as folder:
        async with scratch_database(playground.db) as scratch:
            await _Trial(scratch, Path(folder), change).run(rows)


class _Trial:
    """One change, made and undone on a database of its own."""

    def __init__(self, database: Database, folder: Path, change: SchemaChange) -> None:
        self._database, self._change = database, change
        self._migrator = Migrator(database, folder)

    async def run(self, rows: Graph) -> None:
        change = self._change
        self._at(change.before)
        await self._migrator.new("before")
        await self._migrator.up()
        await self._same("after the migration that makes the tables")
        # What the rows refer to may have a tenant where they have none.
        await rows.store(on_behalf(self._database, map(type, rows.instances)))
        state, stored = await self._seen()

        self._at(change.after)
        try:
            written = await self._migrator.new("after", change.answers)
        except RowsInTheWay:
            # That is told before anything is done.
            await self._as_before(state, stored, "after a migration that was refused")
            return
        if written is None:
            await self._same("though there is nothing to migrate")
            return
        await self._migrator.up(allow=EVERYTHING)
        await self._same("after going up")
        changed, kept = await self._seen()
        self._keeps(state, stored, changed, kept)

        self._at(change.before)
        await self._migrator.down(allow=EVERYTHING)
        await self._same("after going down")
        await self._as_before(state, stored, "after going down")

        self._at(change.after)
        await self._migrator.up(allow=EVERYTHING)
        await self._same("after going up again")
        await self._as_before(changed, kept, "after going up again")

    def _at(self, model: type[Model]) -> None:
        self._database.metadata = compile_all(table_of(model).metadata)

    async def _same(self, when: str) -> None:
        """The database is what the models say."""
        comparison = await self._migrator.compare()
        if comparison.changes:
            told = "; ".join(str(found) for found in comparison.changes)
            raise Broken(f"{when} ({self._change.told}) the next migration would: {told}")

    async def _seen(self) -> tuple[SchemaState, dict[TableName, _Rows]]:
        return await _seen(self._database)

    async def _as_before(self, state: SchemaState, rows: dict[TableName, _Rows], when: str) -> None:
        found, stored = await self._seen()
        if stored != rows:
            raise Broken(f"rows differ {when} ({self._change.told})", expected=rows, found=stored)
        _alike(state, found, f"tables differ {when} ({self._change.told})")

    def _keeps(
        self,
        before: SchemaState,
        stored: dict[TableName, _Rows],
        after: SchemaState,
        kept: dict[TableName, _Rows],
    ) -> None:
        """What is in the columns that were not retyped is the same."""
        own, theirs = _name(self._change.before), _name(self._change.after)
        renamed = dict(self._renamed(own))
        for name, table in before.tables.items():
            other = theirs if name == own else name
            pairs = [
                (column, renamed.get(column, column) if name == own else column)
                for column in table.column_names
            ]
            same = [
                (old, new)
                for old, new in pairs
                if _type(table, old) == _type(after.tables[other], new)
            ]
            expected = _columns(stored[name], [old for old, _ in same])
            found = _columns(kept[other], [new for _, new in same])
            if expected != found:
                raise Broken(
                    f"{name} has other rows after going up ({self._change.told})",
                    expected=expected,
                    found=found,
                )

    def _renamed(self, table: TableName) -> Iterator[tuple[str, str]]:
        """Yield the old and the new name of each column that the change renames."""
        for field in spec_of(self._change.after).fields:
            if field.renamed_from is not None:
                yield field.renamed_from, field.column
        for rename in self._change.answers.renames:
            if rename.old.startswith(f"{table}."):
                yield rename.old.removeprefix(f"{table}."), rename.new.removeprefix(f"{table}.")


_Rows = list[dict[str, Any]]


def _name(model: type[Model]) -> TableName:
    table = table_of(model)
    return TableName(table.name, table.schema)


def _type(table: TableState, column: str) -> str | None:
    return table.column(column).type if column in table.column_names else None


def _columns(rows: _Rows, names: Sequence[str]) -> list[str]:
    return sorted(repr([row[name] for name in names]) for row in rows)


async def _seen(database: Database) -> tuple[SchemaState, dict[TableName, _Rows]]:
    """Return what is in a database: its tables, and their rows as the driver gives them."""
    engine = engine_named(database.engine_name)
    schemas = schemas_of(compile_all(database.metadata))

    def seen(connection: sa.Connection) -> tuple[SchemaState, dict[TableName, _Rows]]:
        state = engine.inspect(connection, schemas)
        return state, {name: _rows(connection, table) for name, table in state.tables.items()}

    async with database.connect() as connection:
        return await connection.run_sync(seen)


def _rows(connection: sa.Connection, table: TableState) -> _Rows:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in sorted(table.column_names)]
    source = sa.table(table.name.name, *columns, schema=table.name.schema)
    found = connection.execute(sa.select(source))
    return sorted((dict(row._mapping) for row in found), key=repr)


migrate_updown = SchemaLaw(
    name="migrate_updown",
    statement=(
        "Going up, down and up again through the migration of a change leaves the same tables and"
        " rows, and going up keeps what the change keeps."
    ),
    examples=_examples,
    holds=_holds,
    effort=10,
)


def revisions_updown(
    url: str, directory: str | PathLike[str], *, metadata: sa.MetaData | None = None
) -> int:
    """Check that each revision of a project can be undone and made again; return their number.

    They are applied one after the other to an empty database beside the one of `url`, which is not
    touched. Each goes up, down and up: down leads to the tables that were there before it, and up
    again to those that it made at first. A revision that says it cannot be undone is only applied.
    `metadata` are the models, for the schemas that they live in.

    Raises LawBroken that names the revision; and what `Migrator.up` and `down` raise.

    ```python
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from andamios_orm.testing.laws.migrate_updown import revisions_updown

    with TemporaryDirectory() as empty:
        assert revisions_updown("sqlite://", Path(empty)) == 0
    ```
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            return runner.run(_revisions(url, directory, metadata))
        except Broken as error:
            engine = read_url(url)[1].name
            code = f'revisions_updown("{engine}://...", {str(directory)!r})\n'
            raise LawBroken(str(error), law="revisions_updown", engine=engine, code=code) from None


async def _revisions(url: str, directory: str | PathLike[str], metadata: sa.MetaData | None) -> int:
    async with Database(url, metadata=metadata) as database, scratch_database(database) as scratch:
        migrator = Migrator(scratch, directory)
        revisions = [entry.revision for entry in await migrator.history()]
        for revision in revisions:
            before, _ = await _seen(scratch)
            await migrator.up("+1", allow=EVERYTHING)
            made, _ = await _seen(scratch)
            try:
                await migrator.down("-1", allow=EVERYTHING)
            except DeclaredImpossible:
                continue
            undone, _ = await _seen(scratch)
            _alike(before, undone, f"revision {revision.id} leaves other tables when it is undone")
            await migrator.up("+1", allow=EVERYTHING)
            again, _ = await _seen(scratch)
            _alike(made, again, f"revision {revision.id} makes other tables the second time")
        return len(revisions)


def _alike(expected: SchemaState, found: SchemaState, problem: str) -> None:
    changes = compare(expected, found).changes
    if changes:
        raise Broken(f"{problem}: {'; '.join(str(change) for change in changes)}")
