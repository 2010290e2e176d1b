"""`doctor`: what is wrong with settings, drivers and database, each with what to do."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import typer

from andamios_orm.cli.config import masked
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, Environment, NoColor, Url
from andamios_orm.cli.running import Project, project
from andamios_orm.errors import AndamiosError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from andamios_orm.migration import Migrator

__all__ = ["COMMANDS"]

_doctor = typer.Typer(rich_markup_mode=None, add_completion=False)
_PACKAGES = ("andamios-orm", "pydantic", "sqlalchemy", "alembic", "duckdb", "aiosqlite", "asyncpg")


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing that was looked at: what it is, and what to do if it is not well."""

    what: str
    found: str
    fix: str | None = None


@_doctor.command()
def doctor(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Look at Python, packages, settings, database and migrations; say what is not well.

    Exit code 1 if something is not.

    Example: andamios-orm doctor
    """
    found = project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )
    results = [*_machine(), *_settings(found)]
    ill = [result for result in results if result.fix is not None]
    if as_json:
        found.output.document(results)
    else:
        rows = [("✗" if r.fix else "✓", r.what, r.found, r.fix or "") for r in results]
        found.output.table(("", "what", "found", "what to do"), rows)
    if ill:
        raise SystemExit(int(ExitCode.ERROR))


def _machine() -> Iterator[Examination]:
    fix = None if sys.version_info >= (3, 11) else "install Python 3.11 or newer"
    yield Examination("Python", platform.python_version(), fix)
    for name in _PACKAGES:
        try:
            yield Examination(name, version(name))
        except PackageNotFoundError:
            yield Examination(name, "not installed (needed for PostgreSQL only)")


def _settings(found: Project) -> Iterator[Examination]:
    try:
        yield Examination("database", masked(found.config.url))
        found.load_models()
        yield Examination("models", ", ".join(found.config.models))
    except AndamiosError as error:
        yield Examination("settings", error.problem, error.fix)
        return
    try:
        yield from found.migrating(_database)
    except AndamiosError as error:
        yield Examination("connection", error.problem, error.fix)


async def _database(migrator: Migrator) -> list[Examination]:
    results = []
    began = time.perf_counter()
    async with migrator.database.connect() as connection:
        taken = (time.perf_counter() - began) * 1000
        results.append(Examination("connection", f"opened in {taken:.1f} ms"))
        results += await _traps(migrator.engine_name, connection)
    status = await migrator.status()
    pending = len(status.pending)
    results.append(
        Examination(
            "migrations",
            f"{pending} pending" if pending else "all applied",
            "andamios-orm migrate up" if pending else None,
        )
    )
    if status.half_done is not None:
        results.append(Examination("migrations", "one is half done", "andamios-orm migrate resume"))
    if not pending and (comparison := await migrator.compare()):
        results.append(
            Examination(
                "models",
                f"{len(comparison.changes)} difference(s) from the database",
                'andamios-orm migrate new "..."',
            )
        )
    return results


async def _traps(engine: str, connection: AsyncConnection) -> list[Examination]:
    """Return what is known to go wrong on an engine, with what this database has."""
    if engine == "sqlite":
        found = (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar()
        return [
            Examination(
                "foreign keys",
                "enforced" if found else "not enforced",
                None if found else "open the database with andamios_orm, which switches them on",
            )
        ]
    if engine in ("mariadb", "mysql"):
        sql = (
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
            " AND left(table_collation, 7) <> 'utf8mb4'"
        )
        count = (await connection.exec_driver_sql(sql)).scalar_one()
        return [
            Examination(
                "character set",
                f"{count} table(s) cannot hold every character" if count else "utf8mb4 everywhere",
                "ALTER TABLE ... CONVERT TO CHARACTER SET utf8mb4" if count else None,
            )
        ]
    if engine == "postgresql":
        encoding = (await connection.exec_driver_sql("SHOW server_encoding")).scalar_one()
        fix = None if encoding == "UTF8" else "create the database with ENCODING 'UTF8'"
        return [Examination("encoding", str(encoding), fix)]
    return []


COMMANDS = {"doctor": _doctor}
