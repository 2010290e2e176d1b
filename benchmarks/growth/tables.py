"""More rows, more columns, more models."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from time import process_time
from typing import Any

import duckdb
import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter

from andamios_orm import Col, Database, Model, Repository, generated
from benchmarks.databases import database
from benchmarks.growth.declared import declare
from benchmarks.growth.series import Series, cheapest

__all__ = ["by_columns", "by_models", "by_rows"]

_METADATA = sa.MetaData()
_WIDE_ROWS = 1_000


class Point(Model, table=True, metadata=_METADATA):
    """A narrow row, so that a million of them fit into memory as objects."""

    id: Col[int] = generated()
    name: Col[str]
    value: Col[float]


class PlainPoint(BaseModel):
    """The same without the library."""

    id: int
    name: str
    value: float


_FILL = {
    "sqlite": "INSERT INTO point (name, value) WITH RECURSIVE numbers (i) AS"
    " (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {rows})"
    " SELECT 'name ' || i, i * 0.5 FROM numbers",
    "duckdb": "INSERT INTO point (name, value)"
    " SELECT 'name ' || i, i * 0.5 FROM range(1, {rows} + 1) AS numbers (i)",
}


async def by_rows(backend: str, sizes: Sequence[int]) -> list[Series]:
    """Return what reading a row of all costs, also next to the driver, and what a get does.

    A row among many costs more than one among few also by hand, as the collector of garbage has
    more to look through; what the library adds must not grow.
    """
    reads: list[tuple[int, float]] = []
    ratios: list[tuple[int, float]] = []
    gets: list[tuple[int, float]] = []
    for rows in sizes:
        with database(backend) as url:
            async with Database(url, metadata=_METADATA) as db:
                await db.create_all()
                await db.execute(sa.text(_FILL[backend].format(rows=rows)))
                points = Repository(Point, db)
                read = await _read_all(points, rows)
                reads.append((rows, read / rows * 1e6))
                ratios.append((rows, read / await _read_by_hand(url, rows)))
                gets.append((rows, await _get_some(points, rows) * 1e6))
    return [
        Series(f"read all rows, {backend}", "rows", "us a row", tuple(reads), is_judged=False),
        Series(f"read all rows next to the driver, {backend}", "rows", "ratio", tuple(ratios)),
        Series(f"get by key, {backend}", "rows", "us", tuple(gets)),
    ]


async def _read_all(points: Repository[Point], rows: int) -> float:
    async def all_of_them() -> None:
        assert len(await points.all()) == rows

    return await cheapest(all_of_them, times=_times(rows))


async def _read_by_hand(url: str, rows: int) -> float:
    backend, _, path = url.partition(":///")
    connection: Any = (sqlite3 if backend == "sqlite" else duckdb).connect(path)
    validate = TypeAdapter(list[PlainPoint]).validate_python

    async def all_of_them() -> None:
        found = connection.execute("SELECT id, name, value FROM point").fetchall()
        made = validate([{"id": key, "name": name, "value": value} for key, name, value in found])
        assert len(made) == rows

    try:
        return await cheapest(all_of_them, times=_times(rows))
    finally:
        connection.close()


def _times(rows: int) -> int:
    return 7 if rows <= 10_000 else 3


async def _get_some(points: Repository[Point], rows: int) -> float:
    keys = [number * 7919 % rows + 1 for number in range(200)]

    async def each() -> None:
        for key in keys:
            await points.get(key)

    return await cheapest(each, times=5) / len(keys)


async def by_columns(sizes: Sequence[int]) -> list[Series]:
    """Return what one value costs of rows that are read, and of one that is stored."""
    reads: list[tuple[int, float]] = []
    adds: list[tuple[int, float]] = []
    for columns in sizes:
        metadata = sa.MetaData()
        (model,) = declare(1, columns - 1, metadata)
        async with Database("sqlite:///:memory:", metadata=metadata) as db:
            await db.create_all()
            rows: Repository[Any] = Repository(model, db)
            await rows.add_all([model() for _ in range(_WIDE_ROWS)])
            read = await cheapest(rows.all, times=5)
            add = await _add_some(rows, model)
        reads.append((columns, read / _WIDE_ROWS / columns * 1e6))
        adds.append((columns, add / columns * 1e6))
    return [
        Series("read 1,000 rows, sqlite", "columns", "us a value", tuple(reads)),
        Series("insert one, sqlite", "columns", "us a value", tuple(adds)),
    ]


async def _add_some(rows: Repository[Any], model: type[Model]) -> float:
    async def each() -> None:
        for _ in range(50):
            await rows.add(model())

    return await cheapest(each, times=5) / 50


async def by_models(sizes: Sequence[int]) -> list[Series]:
    """Return what declaring a model with its table costs, and the first query of one."""
    defined: list[tuple[int, float]] = []
    queried: list[tuple[int, float]] = []
    for models in sizes:
        metadata = sa.MetaData()
        begun = process_time()
        found = declare(models, 7, metadata)
        for model in found:
            assert model.__table__.name
        defined.append((models, (process_time() - begun) / models * 1e3))
        async with Database("sqlite:///:memory:", metadata=metadata) as db:
            await db.create_all()
            queried.append((models, await _first_queries(db, found[-10:]) * 1e3))
    return [
        Series("declare, with table", "models", "ms a model", tuple(defined)),
        Series("first query of a model, sqlite", "models", "ms", tuple(queried)),
    ]


async def _first_queries(db: Database, models: Sequence[type[Model]]) -> float:
    taken: list[float] = []
    for model in models:
        begun = process_time()
        await Repository(model, db).find(1)
        taken.append(process_time() - begun)
    return min(taken)
