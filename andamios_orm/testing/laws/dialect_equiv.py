"""The law that the same work gives the same rows on another engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.database.tables import require_tables
from andamios_orm.errors import ForeignKeyViolation, NotSupported
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import (
    is_referred_to,
    operations,
    refers_to_itself,
    rows_of,
)
from andamios_orm.testing.laws.operations import REFUSALS, Add, Operation
from andamios_orm.testing.laws.playground import Playground, drop_tables
from andamios_orm.testing.laws.playing import metadata_of
from andamios_orm.testing.laws.stored import (
    as_code,
    made_then,
    require_same,
    same_row,
    snapshot,
    store,
)
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["dialect_equiv", "equivalent_to"]


def equivalent_to(url: str | None) -> Law:
    """Return the law that models behave as on the engine of a URL.

    Its database has none of the models' tables; they are created and dropped. Without a URL it is
    SQLite in memory, or DuckDB for a database of SQLite.

    ```python
    from hypothesis import settings

    from andamios_orm.testing.laws import Playground
    from andamios_orm.testing.laws.dialect_equiv import equivalent_to

    with Playground("sqlite://", Hero) as playground:
        equivalent_to("duckdb://").check(playground, using=settings(max_examples=10))
    ```
    """

    def examples(playground: Playground) -> SearchStrategy[Example]:
        return _examples(playground, _beside(playground, url))

    async def holds(
        playground: Playground, rows: Sequence[Model], work: Sequence[Operation]
    ) -> None:
        await _hold(playground, _beside(playground, url), rows, work)

    return Law(
        name="dialect_equiv",
        statement=(
            "The same calls give the same rows and the same errors on another engine, but for what"
            " one of the two declares not to offer."
        ),
        examples=examples,
        holds=holds,
        spared=lambda playground: _spared(playground, _beside(playground, url)),
    )


def _beside(playground: Playground, url: str | None) -> str:
    if url is not None:
        return url
    return "duckdb://" if playground.engine == "sqlite" else "sqlite://"


def _spared(playground: Playground, url: str) -> str | None:
    other = Database(url)
    alone = metadata_of(map(table_of, playground.models))
    try:
        require_tables(alone, other.capabilities, other.engine_name)
    except NotSupported as error:
        return f"{other.engine_name} cannot have these tables: {error.problem}"
    return None


def _examples(playground: Playground, url: str) -> SearchStrategy[Example]:
    engines = (playground.db, Database(url))
    lacking = not all(db.capabilities.referenced_updates for db in engines)
    # What happens to rows that refer to one that goes is the engine's to do, where it can.
    kept = is_referred_to if lacking else _goes_as_the_engine_says
    deletable = [model for model in playground.models if not kept(playground, model)]
    # DuckDB looks for the other row before it stores the one.
    alone = "duckdb" in (db.engine_name for db in engines)

    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(playground.models))
        rows = draw(rows_of(playground, model, storable=True, alone=alone))
        at = draw(st.integers(0, len(rows)))
        drawn = operations(playground, rows[:at], rows[at:], storable=True, deletable=deletable)
        return rows[:at], draw(drawn)

    return examples()


def _goes_as_the_engine_says(playground: Playground, model: type[Model]) -> bool:
    """Whether engines differ in what happens when a row of a model goes.

    Where foreign keys say different things, a row may be removed by one of them before another one
    looks, or after it. A row that refers to itself does not go on MariaDB.
    """
    if refers_to_itself(model):
        return True
    reached, actions = {table_of(model)}, set[str]()
    # Each stands after those that it refers to.
    tables = [table_of(other) for other in playground.models]
    for table in tables:
        for key in table.foreign_key_constraints:
            if key.referred_table in reached:
                reached.add(table)
                actions.add((key.ondelete or "NO ACTION").upper())
    return len(actions) > 1 and not actions.isdisjoint({"CASCADE", "SET NULL", "SET DEFAULT"})


async def _hold(
    playground: Playground, url: str, rows: Sequence[Model], work: Sequence[Operation]
) -> None:
    db = of_somebody(playground)
    models = playground.models
    async with _tables(url, models) as beside:
        other = beside if db.tenant is None else beside.for_tenant(db.tenant)
        await store(db, rows)
        await store(other, rows)
        for operation in work:
            found, expected = await _outcome(operation, db), await _outcome(operation, other)
            if _is_declared(operation, (db, found), (other, expected)):
                return
            if not _alike(found, expected):
                raise Broken(
                    f"{as_code(operation)} on {db.engine_name} and {other.engine_name}",
                    expected=expected,
                    found=found,
                )
        require_same(
            f"after the same calls on {other.engine_name} and {db.engine_name}",
            await snapshot(other, models),
            await snapshot(db, models),
            at_once=False,
        )


@asynccontextmanager
async def _tables(url: str, models: Iterable[type[Model]]) -> AsyncIterator[Database]:
    tables = [table_of(model) for model in models]
    metadata = tables[0].metadata
    async with Database(url, metadata=metadata) as db:
        async with db.session() as session:
            await session.run_sync(lambda c: metadata.create_all(c, tables=tables))
        try:
            yield db
        finally:
            await drop_tables(db, tables)


async def _outcome(operation: Operation, db: Database) -> object:
    """Return what an operation gives, or the kind of error."""
    try:
        return await operation.run(db)
    except REFUSALS as error:
        return type(error)


def _is_declared(operation: Operation, *outcomes: tuple[Database, object]) -> bool:
    """Whether an engine refuses what its capabilities say that it cannot do."""
    return not isinstance(operation, Add) and any(
        found is ForeignKeyViolation and not db.capabilities.referenced_updates
        for db, found in outcomes
    )


def _alike(found: object, expected: object) -> bool:
    if isinstance(found, Model) and isinstance(expected, Model):
        return same_row(expected, found, without=made_then(type(expected)))
    return found == expected


dialect_equiv = equivalent_to(None)
