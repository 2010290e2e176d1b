"""Blocks of a worker's database: each finds it empty, whatever those before have done."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import (
    Col,
    Database,
    DatabaseUnavailable,
    Model,
    Repository,
    Session,
    UniqueViolation,
    field,
    generated,
)
from andamios_orm.errors import TransactionAborted
from andamios_orm.testing.isolation import CopiedFile, EmptiedDatabase, Isolated, WorkerDatabase
from tests.engines import not_on, only_on

METADATA = sa.MetaData()


class Base(Model, metadata=METADATA):
    pass


class Author(Base, table="isolated_author"):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=40)


class Book(Base, table="isolated_book"):
    id: Col[int] = generated()
    author_id: Col[int] = field(foreign_key=Author.id)


CIRCLE = sa.MetaData()


class Left(Model, table="isolated_left", metadata=CIRCLE):
    id: Col[int] = generated()
    right_id: Col[int | None] = field(default=None, foreign_key="Right.id")


class Right(Model, table="isolated_right", metadata=CIRCLE):
    id: Col[int] = generated()
    left_id: Col[int] = field(foreign_key="Left.id")


def worker_database(url: str, folder: Path, metadata: sa.MetaData = METADATA) -> WorkerDatabase:
    engine = url.partition(":")[0]
    if engine in ("sqlite", "duckdb"):
        return CopiedFile(engine, folder, metadata)
    return EmptiedDatabase(url, metadata)


@pytest.fixture
def worker(database_url: str, tmp_path: Path) -> WorkerDatabase:
    return worker_database(database_url, tmp_path)


async def count_of(source: Database | Session) -> int:
    return await Repository(Author, source).count() + await Repository(Book, source).count()


async def test_what_is_committed_is_gone_before_the_next_block(worker: WorkerDatabase) -> None:
    for _ in range(3):
        async with worker.database() as db:
            assert await count_of(db) == 0
            ada = await Repository(Author, db).add(Author(name="Ada"))
            book = await Repository(Book, db).add(Book(author_id=ada.id))
            # Keys begin at 1 in each, so that no test depends on the order of others.
            assert (ada.id, book.id) == (1, 1)


@not_on("duckdb")
@pytest.mark.filterwarnings("error")
async def test_rows_that_refer_to_each_other_in_a_circle_are_gone_too(
    database_url: str, tmp_path: Path
) -> None:
    worker = worker_database(database_url, tmp_path, CIRCLE)
    for _ in range(2):
        async with worker.database() as db:
            left = await Repository(Left, db).add(Left())
            right = await Repository(Right, db).add(Right(left_id=left.id))
            await Repository(Left, db).patch(left.id, Left.right_id.set(right.id))
            assert (left.id, right.id) == (1, 1)


async def test_a_session_that_commits_leaves_nothing(worker: WorkerDatabase) -> None:
    for _ in range(2):
        async with worker.session() as session:
            authors = Repository(Author, session)
            assert await count_of(session) == 0
            await authors.add(Author(name="Ada"))
            await session.commit()
            await authors.add(Author(name="Grace"))
            await session.rollback()
            assert [row.name for row in await authors.all()] == ["Ada"]

    async with worker.database() as db:
        assert await count_of(db) == 0


@not_on("duckdb")
async def test_what_is_rolled_back_needs_no_emptying(worker: WorkerDatabase) -> None:
    async with worker.session() as session:
        await Repository(Author, session).add(Author(name="Ada"))
        await session.commit()

    assert not worker._used


@not_on("duckdb")
async def test_a_savepoint_can_fail_inside_of_it(worker: WorkerDatabase) -> None:
    async with worker.session() as session:
        authors = Repository(Author, session)
        await authors.add(Author(name="Ada"))
        with pytest.raises(UniqueViolation):
            async with session.savepoint():
                await authors.add(Author(name="Ada"))
        await session.commit()

        assert await authors.count() == 1


async def test_a_session_may_fail_and_go_on_after_a_rollback(worker: WorkerDatabase) -> None:
    async with worker.session() as session:
        authors = Repository(Author, session)
        await authors.add(Author(name="Ada"))
        await session.commit()
        with pytest.raises(UniqueViolation):
            await authors.add(Author(name="Ada"))
        with pytest.raises(TransactionAborted):
            await authors.count()
        await session.rollback()
        assert await authors.count() == 1

        # A test often ends with the failure that it expects.
        with pytest.raises(UniqueViolation):
            await authors.add(Author(name="Ada"))

    async with worker.database() as db:
        assert await count_of(db) == 0


async def test_an_exception_of_the_test_leaves_the_block(worker: WorkerDatabase) -> None:
    async def fail() -> None:
        async with worker.session() as session:
            await Repository(Author, session).add(Author(name="Ada"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    async with worker.session() as session:
        assert await count_of(session) == 0


async def test_a_commit_in_the_words_of_the_engine_is_made_good(worker: WorkerDatabase) -> None:
    async with worker.session() as session:
        authors = Repository(Author, session)
        await authors.add(Author(name="Ada"))
        await session.execute(sa.text("COMMIT"))
        await authors.add(Author(name="Grace"))
        await session.commit()
        assert await authors.count() == 2
    assert worker._used

    async with worker.session() as session:
        await Repository(Author, session).add(Author(name="Ada"))
        await session.execute(sa.text("COMMIT"))
    async with worker.database() as db:
        assert await count_of(db) == 0


@only_on("postgresql", "mariadb")
async def test_a_lost_connection_does_no_harm(worker: WorkerDatabase) -> None:
    end = {
        "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
        "mariadb": "KILL CONNECTION_ID()",
    }
    words = end[worker._url().partition(":")[0]]
    async with worker.session() as session:
        await Repository(Author, session).add(Author(name="Ada"))
        with pytest.raises(DatabaseUnavailable):
            await session.execute(sa.text(words))

    async with worker.session() as session:
        assert await count_of(session) == 0


async def test_the_table_of_a_model_that_comes_later_is_there(
    database_url: str, tmp_path: Path
) -> None:
    metadata = sa.MetaData()

    class First(Model, metadata=metadata, table="isolated_first"):
        id: Col[int] = generated()

    worker = worker_database(database_url, tmp_path, metadata)
    async with worker.database() as db:
        await Repository(First, db).add(First())

    class Later(Model, metadata=metadata, table="isolated_later"):
        id: Col[int] = generated()

    async with worker.session() as session:
        await Repository(Later, session).add(Later())
        assert await Repository(First, session).count() == 0


async def test_no_tables_are_as_well(database_url: str, tmp_path: Path) -> None:
    worker = worker_database(database_url, tmp_path, sa.MetaData())
    for _ in range(2):
        async with worker.database() as db:
            assert await db.sql("SELECT 1 AS one").into(One).one() == One(one=1)


class One(Model):
    one: Col[int]


async def test_examples_of_one_test_are_kept_apart(worker: WorkerDatabase) -> None:
    isolated = Isolated(worker)
    for _ in range(3):
        async with isolated() as session:
            assert await count_of(session) == 0
            await Repository(Author, session).add(Author(name="Ada"))
            await session.commit()
        async with isolated.database() as db:
            assert await count_of(db) == 0
            await Repository(Author, db).add(Author(name="Ada"))


@only_on("sqlite")
async def test_a_block_in_which_nothing_was_asked_leaves_nothing(worker: WorkerDatabase) -> None:
    async with worker.session():
        pass

    assert not worker._used
