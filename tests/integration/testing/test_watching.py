"""What a watch sees of the statements of a test, and from which lines."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, UsageError, field, generated
from andamios_orm.testing.call_sites import CallSite, call_site
from andamios_orm.testing.watching import (
    NPlusOne,
    SQLLog,
    Statement,
    Watch,
    WrongCount,
    n_plus_one,
    query_count,
    watch,
)
from tests.engines import only_on

HERE = Path(__file__).name


class Base(Model, metadata=sa.MetaData()):
    pass


class Author(Base, table="watched_author"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=40)


@pytest.fixture
async def authors(db: Database) -> Repository[Author]:
    async with db.session() as session:
        await session.run_sync(Base.metadata.create_all)
    return Repository(Author, db)


async def names_of(authors: Repository[Author], keys: list[int]) -> list[str]:
    return [(await authors.get(key)).name for key in keys]


def sites(seen: Watch) -> set[str]:
    return {str(statement.site) for statement in seen.queries}


async def test_steps_of_transactions_are_seen_and_not_counted(db: Database) -> None:
    await db.execute(sa.text("SELECT 1"))
    with watch() as seen:
        async with db.session() as session:
            await session.execute(sa.text("SELECT 1"))

    assert seen.count == 1
    assert {statement.sql.split()[0] for statement in seen.statements} >= {"SELECT", "COMMIT"}
    assert [statement.is_query for statement in seen.statements].count(True) == 1


async def test_a_statement_knows_the_line_that_ran_it(authors: Repository[Author]) -> None:
    ada = await authors.add(Author(name="Ada"))
    with watch() as seen:
        await names_of(authors, [ada.id])
        await authors.where(Author.name == "Ada").count()
    found = [statement.site for statement in seen.queries]

    assert [site.function for site in found if site] == [
        "names_of",
        "test_a_statement_knows_the_line_that_ran_it",
    ]
    assert all(site is not None and site.file == __file__ for site in found)


@only_on("sqlite", "duckdb", "postgresql")
async def test_also_where_sqlalchemy_runs_it_in_a_greenlet(authors: Repository[Author]) -> None:
    db = authors._source
    assert isinstance(db, Database)
    with watch() as seen:
        await db.execute(sa.select(sa.func.count()).select_from(Author.__table__))
        async with db.connect() as connection:
            await connection.run_sync(lambda sync: sync.exec_driver_sql("SELECT 2"))

    assert {statement.site and statement.site.file for statement in seen.queries} == {__file__}


@only_on("sqlite")
async def test_in_a_task_of_its_own_there_may_be_no_line(authors: Repository[Author]) -> None:
    await authors.add(Author(name="Ada"))
    with watch() as seen:
        await asyncio.gather(authors.count(), authors.count())

    assert {statement.site for statement in seen.queries} == {None}
    (repeated,) = seen.repeated()
    assert "2 times from tasks of their own (gather?)" in str(repeated)
    assert "from a task of its own (gather?)" in str(seen)


def test_in_a_thread_of_python_there_is_no_line() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(call_site).result() is None


@only_on("sqlite")
async def test_what_was_seen_can_be_forgotten(authors: Repository[Author]) -> None:
    with watch() as seen:
        await authors.count()
        seen.reset()
        assert seen.count == 0
        await authors.count()
    await authors.count()

    assert seen.count == 1


async def test_the_number_of_queries_can_be_expected(authors: Repository[Author]) -> None:
    with query_count(2) as seen:
        await authors.count()
        await authors.all()
    with query_count(at_most=2):
        await authors.count()

    assert seen.count == 2
    with pytest.raises(WrongCount) as told, query_count(1):
        await names_of(authors, [])
    assert str(told.value).startswith("0 statements were run, not 1")
    with (
        pytest.raises(WrongCount, match="2 statements were run, more than 1") as told,
        query_count(at_most=1),
    ):
        await asyncio.sleep(await authors.count() + await authors.count())
    assert f"{HERE}:" in str(told.value)
    assert "SELECT count(*)" in str(told.value)


def test_a_count_needs_one_number() -> None:
    with pytest.raises(UsageError, match="one number"), query_count():
        raise AssertionError
    with pytest.raises(UsageError, match="one number"), query_count(1, at_most=2):
        raise AssertionError


async def test_a_select_for_each_row_is_told_with_its_lines(authors: Repository[Author]) -> None:
    keys = [row.id for row in await authors.add_all([Author(name=f"a{i}") for i in range(3)])]
    with n_plus_one(4):
        await names_of(authors, keys)
    with pytest.raises(NPlusOne) as told, n_plus_one(3):
        assert len(await names_of(authors, keys)) == await authors.count()

    shown = str(told.value)
    assert shown.startswith("the same statement was run 3 times, and 3 are too many:")
    assert "FROM watched_author" in shown
    assert f"3 times from {Path(__file__).relative_to(Path.cwd())}:" in shown
    assert "in names_of" in shown
    assert "count(*)" not in shown


async def test_storing_rows_one_by_one_is_no_reading(authors: Repository[Author]) -> None:
    with n_plus_one(2):
        for name in ("Ada", "Grace", "Hedy"):
            await authors.add(Author(name=name))


async def test_an_exception_of_the_block_comes_first(authors: Repository[Author]) -> None:
    with pytest.raises(ZeroDivisionError), n_plus_one(1), query_count(0):
        assert 1 / await authors.count()


def statement(sql: str, site: CallSite | None = None) -> Statement:
    return Statement(sql, 0.0, 1, site)


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT a FROM t WHERE id = ?", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a\n FROM t  WHERE id = $1", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a FROM t WHERE id = %s", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a FROM t WHERE id = :id", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a FROM t WHERE id = 17", "SELECT a FROM t WHERE id = ?"),
        ("SELECT a FROM t WHERE x = 1.5", "SELECT a FROM t WHERE x = ?"),
        ("SELECT a FROM t WHERE x = 'it''s'", "SELECT a FROM t WHERE x = ?"),
        ("SELECT a FROM t WHERE x IN (?, ?, ?)", "SELECT a FROM t WHERE x IN (...)"),
        ("SELECT a FROM t WHERE x IN (1,2)", "SELECT a FROM t WHERE x IN (...)"),
        # What only looks like a value.
        ('SELECT a::int, t1."x 2" FROM t1', 'SELECT a::int, t1."x 2" FROM t1'),
    ],
)
def test_the_shape_of_a_statement_is_without_its_values(sql: str, shape: str) -> None:
    assert statement(sql).shape == shape


def test_the_most_frequent_is_told_first() -> None:
    one, two = CallSite("/app/a.py", 3, "one"), CallSite("/app/a.py", 5, "two")
    seen = Watch(
        [
            statement("SELECT 1 FROM a"),
            statement("SELECT 2 FROM a"),
            *[statement("SELECT ? FROM b", one)] * 2,
            statement("SELECT ? FROM b", two),
            *[statement("UPDATE c SET x = ?", two)] * 9,
        ]
    )

    assert [(each.shape, each.count) for each in seen.repeated()] == [
        ("SELECT ? FROM b", 3),
        ("SELECT ? FROM a", 2),
    ]
    assert seen.repeated()[0].sites == ((one, 2), (two, 1))
    assert "2 times from /app/a.py:3 in one" in str(seen.repeated()[0])


def test_a_long_list_of_statements_is_cut() -> None:
    seen = Watch([statement(f"SELECT {'x' * 400}")] * 23)

    assert str(seen).endswith("\n  and 3 more")
    assert "..." in str(seen)
    assert max(map(len, str(seen).splitlines())) < 310


def test_a_log_is_a_sequence_of_texts() -> None:
    log = SQLLog(Watch([statement("BEGIN"), statement("SELECT 1"), statement("SELECT 2")]))

    assert list(log) == ["SELECT 1", "SELECT 2"]
    assert log[0] == "SELECT 1"
    assert log[1:] == ["SELECT 2"]
    assert len(log) == 2
    assert "SELECT 1" in log
    assert str(log) == str(log.watch)
