"""Databases, sessions, programs and errors."""

from pathlib import Path
from typing import assert_type

import sqlalchemy as sa
from models import Hero
from sqlalchemy.engine import URL

from andamios_orm import (
    Database,
    ExportReport,
    ImportReport,
    Progress,
    RefusedRow,
    Repository,
    Session,
    errors,
    run,
)


async def open_and_close() -> None:
    async with Database("sqlite://") as db:
        assert_type(db, Database)
        await db.create_all()
        await db.drop_all()
    db = Database(URL.create("sqlite"), pool_size=2, pool_timeout=1, metadata=sa.MetaData())
    assert_type(db.metadata, sa.MetaData)
    await db.dispose()


async def transactions(db: Database) -> None:
    async with db.session() as session:
        assert_type(session, Session)
        assert_type(await Repository(Hero, session).all(), list[Hero])
        async with session.savepoint() as inner:
            assert_type(inner, Session)
        async with session.session() as nested:
            assert_type(nested, Session)
            await nested.commit()
        await session.rollback()
        assert_type(await session.run_sync(tables, 3), list[str])
    async with db.session(read_only=True) as session:
        assert_type(await Repository(Hero, session).count(), int)


def tables(connection: sa.Connection, most: int) -> list[str]:
    return sa.inspect(connection).get_table_names()[:most]


async def rename(where: Database | Session, key: int, name: str) -> Hero:
    async with where.session() as session:
        return await Repository(Hero, session).patch(key, Hero.name.set(name))


async def failures(heroes: Repository[Hero]) -> None:
    try:
        await heroes.get(1)
    except errors.NotFound as error:
        assert_type(error.model, type)
        assert_type(error.problem, str)
        assert_type(error.fix, str)
    except errors.UniqueViolation as error:
        assert_type(error.model, type | None)
        assert_type(error.fields, tuple[str, ...])
        assert_type(error.constraint, str | None)
        assert_type(error.code, str | None)
        assert_type(error.driver_error, BaseException | None)
    except errors.InvalidRow as error:
        assert_type(error.key, tuple[object, ...] | None)
        assert_type(error.fields, dict[str, str])
    except errors.ValueOutOfRange as error:
        assert_type(error.field, str | None)
        assert_type(error.limit, str)
    except errors.UnsupportedType as error:
        assert_type(error.field, str)
    except (LookupError, errors.AndamiosError) as error:
        assert_type(error, LookupError | errors.AndamiosError)
        if isinstance(error, errors.AndamiosError):
            assert_type(error.transient, bool)


async def files(db: Database) -> None:
    steps: list[Progress] = []
    written = await db.export_parquet(Hero, "heroes.parquet", progress=steps.append)
    assert_type(written, ExportReport)
    assert_type(written.rows, int)
    report = await db.import_parquet(Hero, Path("heroes.parquet"), on_invalid="skip")
    assert_type(report, ImportReport)
    assert_type(report.rows, tuple[RefusedRow, ...])
    assert_type(report.rows[0].fields, dict[str, str])
    try:
        await db.import_parquet(Hero, "heroes.parquet")
    except errors.ImportRefused as error:
        assert_type(error.report, ImportReport)
    except errors.FileProblem as error:
        assert_type(error.path, str)


async def main() -> int:
    return 3


assert_type(run(main()), int)
assert_type(run(main(), debug=True), int)
