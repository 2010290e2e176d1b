"""Who takes part: the libraries with their environments, the backends, and the operations."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIBRARIES", "MEASURED", "OURS", "TITLES", "Entry"]

TITLES = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "duckdb": "DuckDB"}
"""The backends."""

MEASURED = {
    "get": "get, transaction held",
    "get_pool": "get, from the pool",
    "filter_pool": "filter, 100 rows",
    "read": "10,000 rows",
    "eager_load": "100 teams of 5, whole",
    "eager_shape": "100 teams of 5, some columns",
    "insert_pool": "insert one",
    "bulk": "insert 1,000",
    "update_pool": "update one",
    "tasks": "50 tasks",
}
"""The operations of `benchmarks.workload` by the head of their column.

All libraries have them, except that SQLAlchemy Core relates no rows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A library: its module in `idioms`, its title, its requirements file, its distribution."""

    name: str
    title: str
    requirements: str
    distribution: str
    imported: str
    """What an application imports to declare a model and to ask for rows."""
    minimum: tuple[int, int] = (3, 11)
    """The Python it needs."""
    on_duckdb: str | None = None
    """The module in `idioms` for DuckDB, if the library has a driver for it."""

    def module(self, backend: str) -> str | None:
        """Return the name of the module for a backend, or None if it is not one of the library."""
        return self.on_duckdb if backend == "duckdb" else self.name


OURS = "andamios_orm"

LIBRARIES = (
    Entry(OURS, "andamios_orm", OURS, "andamios-orm", OURS, on_duckdb=OURS),
    Entry("oxyde", "Oxyde", "oxyde", "oxyde", "oxyde"),
    Entry("tortoise", "Tortoise", "tortoise", "tortoise-orm", "tortoise, tortoise.models"),
    Entry("piccolo", "Piccolo", "piccolo", "piccolo", "piccolo.table, piccolo.columns"),
    Entry("ferro", "Ferro", "ferro", "ferro-orm", "ferro", minimum=(3, 13)),
    Entry(
        "sqlalchemy_core",
        "SQLAlchemy Core",
        "sqlalchemy",
        "sqlalchemy",
        "sqlalchemy.ext.asyncio",
        on_duckdb="sqlalchemy_core_duckdb",
    ),
    Entry(
        "sqlalchemy_core_pydantic",
        "SQLAlchemy Core + pydantic",
        "sqlalchemy",
        "sqlalchemy",
        "sqlalchemy.ext.asyncio, pydantic",
    ),
    Entry(
        "sqlalchemy_orm",
        "SQLAlchemy ORM",
        "sqlalchemy",
        "sqlalchemy",
        "sqlalchemy.orm, sqlalchemy.ext.asyncio",
        on_duckdb="sqlalchemy_orm_duckdb",
    ),
    Entry("sqlmodel", "SQLModel", "sqlmodel", "sqlmodel", "sqlmodel.ext.asyncio.session"),
)
