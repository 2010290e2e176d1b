"""The pytest plugin, in runs of its own."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Database
from andamios_orm.testing.servers import Server
from tests.pytest_runs import ROOT, run_pytest

MODELS = """
from andamios_orm import Col, Model, field, generated

class Author(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=40)
"""

# Two tests of each kind, that would see each other's rows whichever comes first.
TWINS = """
import pytest
from andamios_orm import Database, Repository, Session, UniqueViolation
from models import Author

@pytest.mark.parametrize("twin", ["first", "second"])
class TestTwins:
    async def test_with_a_database(self, andamios_db: Database, twin: str) -> None:
        authors = Repository(Author, andamios_db)
        assert await authors.count() == 0
        assert (await authors.add(Author(name="Ada"))).id == 1
        async with andamios_db.session() as session:
            assert await Repository(Author, session).count() == 1

    async def test_with_a_session(self, andamios_session: Session, twin: str) -> None:
        authors = Repository(Author, andamios_session)
        assert await authors.count() == 0
        await authors.add(Author(name="Ada"))
        await andamios_session.commit()
        with pytest.raises(UniqueViolation):
            await authors.add(Author(name="Ada"))
        await andamios_session.rollback()
        assert await authors.count() == 1

    async def test_with_factories(self, factories, andamios_session: Session, twin: str) -> None:
        (await factories(Author).create()).name
        assert await Repository(Author, andamios_session).count() == 1

    async def test_with_stored_rows(self, factories, andamios_db: Database, twin: str) -> None:
        await factories(Author).create_many(3)
        assert await Repository(Author, andamios_db).count() == 3

    async def test_with_no_tables(self, andamios_url: str, twin: str) -> None:
        async with Database(andamios_url) as db:
            await db.create_all()
            await Repository(Author, db).add(Author(name="Ada"))
            assert await Repository(Author, db).count() == 1
"""


@pytest.fixture
def servers(postgresql_server: Server, mariadb_server: Server) -> Mapping[str, str]:
    """The servers of this run, for runs in it."""
    return {
        "ANDAMIOS_TEST_URL_POSTGRESQL": postgresql_server.address,
        "ANDAMIOS_TEST_URL_MARIADB": mariadb_server.address,
    }


async def databases_on(server: Server) -> set[str]:
    async with Database(server.url("mysql")) as db:
        return {name for (name,) in await db.execute(sa.text("SHOW DATABASES"))}


def names_in(folder: Path, kind: str) -> set[str]:
    """Return what the files of a kind that tests have left are named after it."""
    return {path.name.removeprefix(kind) for path in folder.glob(f"{kind}*")}


def test_nothing_is_loaded_where_it_is_not_used(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        "-q",
        plugins=(),
        test_it="""
            import sys

            def test_it() -> None:
                ours = {name for name in sys.modules if name.startswith("andamios_orm")}
                assert ours == {
                    "andamios_orm", "andamios_orm.testing", "andamios_orm.testing.plugin"
                }
                heavy = ("sqlalchemy", "pydantic", "hypothesis", "polyfactory", "asyncio")
                assert [name for name in heavy if name in sys.modules] == []
        """,
    )

    assert ran.code == 0, ran.output


def test_no_test_sees_the_rows_of_another(tmp_path: Path, servers: Mapping[str, str]) -> None:
    engines = ("sqlite", "duckdb", "postgresql", "mariadb", "mysql")
    ran = run_pytest(
        tmp_path,
        *("-q", f"--andamios-engines={','.join(engines)}"),
        env=servers,
        models=MODELS,
        test_it=TWINS,
    )

    assert ran.counts() == {"passed": 10 * len(engines)}, ran.output


async def test_workers_share_a_server_and_a_seed_and_leave_nothing_behind(
    tmp_path: Path, servers: Mapping[str, str], mariadb_server: Server
) -> None:
    ran = run_pytest(
        tmp_path,
        *("-q", "-n2", "--andamios-seed=random"),
        plugins=("asyncio", "xdist"),
        env=servers,
        models=MODELS,
        test_it=TWINS,
        conftest="""
            import pathlib, pytest
            from andamios_orm.testing import factories

            @pytest.fixture(autouse=True)
            def told(request, monkeypatch, worker_id, andamios_url):
                pathlib.Path(f"database_{andamios_url.rpartition('/')[2]}").touch()

                def watched(self, *args, seed, **options):
                    pathlib.Path(f"seed_{worker_id}_{seed}").touch()
                    made(self, *args, seed=seed, **options)

                made = factories.Factories.__init__
                monkeypatch.setattr(factories.Factories, "__init__", watched)
        """,
        ini="[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "andamios_engines = mariadb, sqlite\nandamios_models = models\n",
    )

    assert ran.counts() == {"passed": 20}, ran.output
    used = names_in(tmp_path, "database_")
    assert any(name.startswith("andamios_gw1_") for name in used)
    assert not used & await databases_on(mariadb_server)
    seeds = [seed.split("_") for seed in names_in(tmp_path, "seed_")]
    assert {worker for worker, _ in seeds} == {"gw0", "gw1"}
    assert len({seed for _, seed in seeds}) == 1


def test_the_names_of_tests_stay_with_one_engine(tmp_path: Path) -> None:
    test = """
        import pytest

        def test_default(andamios_url): ...

        @pytest.mark.backends("sqlite")
        def test_same(andamios_url): ...

        @pytest.mark.backends("duckdb", "sqlite", "duckdb")
        def test_marked(andamios_url): ...

        @pytest.mark.backends("postgresql")
        def test_without_fixtures(): ...
    """
    default = run_pytest(tmp_path, "-q", "--collect-only", models=MODELS, test_it=test)
    narrowed = run_pytest(tmp_path, "-q", "-rs", "--andamios-engines", "duckdb", test_it=test)

    names = [line for line in default.output.splitlines() if "::" in line]
    assert [name.partition("::")[2] for name in names] == [
        "test_default",
        "test_same",
        "test_marked[duckdb]",
        "test_marked[sqlite]",
        "test_without_fixtures",
    ]
    assert narrowed.counts() == {"passed": 3, "skipped": 2}
    assert "--andamios-engines leaves sqlite out" in narrowed.output


def test_a_missing_server_is_told(tmp_path: Path) -> None:
    test = """
        import pytest

        @pytest.mark.backends("postgresql", "sqlite")
        async def test_one(andamios_db): ...

        @pytest.mark.backends("postgresql")
        def test_two(andamios_url, andamios_server): ...
    """
    env = {"ANDAMIOS_PG_BIN": str(tmp_path / "nowhere")}
    here = run_pytest(tmp_path, "-q", "-rs", env=env, test_it=test)
    there = run_pytest(tmp_path, "-q", env={**env, "CI": "true"}, test_it=test)

    assert here.counts() == {"passed": 1, "skipped": 2}, here.output
    assert there.counts() == {"passed": 1, "errors": 2}, there.output
    for output in (here.output, there.output):
        assert "PostgreSQL: no server programs found" in output
        assert "ANDAMIOS_TEST_URL_POSTGRESQL" in output


def test_a_failure_shows_what_the_test_has_done(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        *("-q", "--andamios-seed=7"),
        models=MODELS,
        test_it="""
            import pytest
            from andamios_orm import Repository
            from models import Author

            async def names(db):
                authors = Repository(Author, db)
                return [(await authors.get(key)).name for key in (1, 2, 3)]

            @pytest.mark.andamios(n_plus_one=3)
            async def test_alarm(andamios_db, factories) -> None:
                await factories(Author).create_many(3)
                await names(andamios_db)

            @pytest.mark.andamios(n_plus_one=7)
            async def test_no_alarm(andamios_db, factories, n_plus_one) -> None:
                await factories(Author).create_many(3)
                await names(andamios_db)
                with n_plus_one(4):
                    await names(andamios_db)

            async def test_log(andamios_db, sql_log, query_count) -> None:
                with query_count(1):
                    await Repository(Author, andamios_db).count()
                assert len(sql_log) == 1
                assert 0

            async def test_both(andamios_db, andamios_session) -> None: ...

            @pytest.mark.andamios(5, plus=3)
            async def test_wrong_mark() -> None: ...

            @pytest.mark.andamios(n_plus_one="many")
            def test_wrong_number() -> None: ...

            def test_no_server(andamios_server) -> None: ...
        """,
    )

    assert ran.counts() == {"failed": 4, "passed": 1, "errors": 2}, ran.output
    assert "the same statement was run 3 times, and 3 are too many" in ran.output
    assert "3 times from test_it.py:8 in names" in ran.output
    assert "rows made up with seed 7: --andamios-seed=7 makes them again" in ran.output
    assert "SQL of the test" in ran.output
    assert "from test_it.py:24 in test_log" in ran.output
    assert "asks for andamios_db and andamios_session" in ran.output
    assert "the mark `andamios` does not know 5, plus" in ran.output
    assert "a number above 0, and not 'many'" in ran.output
    assert "sqlite has no server" in ran.output


def test_the_ini_file_watches_all_tests_but_those_marked(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        "-q",
        models=MODELS,
        ini="[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "andamios_models = models\nandamios_n_plus_one = 2\nandamios_seed = 3\n",
        test_it="""
            import pytest
            from andamios_orm import Repository
            from models import Author

            async def twice(db):
                for _ in range(2):
                    await Repository(Author, db).count()

            async def test_watched(andamios_db) -> None:
                await twice(andamios_db)

            @pytest.mark.andamios(n_plus_one=None)
            async def test_spared(andamios_db, factories) -> None:
                assert factories.seed == 3
                await twice(andamios_db)

            def test_failing() -> None:
                assert 0
        """,
    )

    assert ran.counts() == {"failed": 2, "passed": 1}, ran.output


def test_a_strict_asyncio_is_enough(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        "-q",
        models=MODELS,
        ini="[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n",
        test_it="""
            import pytest
            from andamios_orm import Repository
            from models import Author

            @pytest.mark.asyncio
            async def test_it(andamios_session, factories) -> None:
                await factories(Author).create()

            # A test need not be a coroutine to have an open database at hand.
            def test_plain(andamios_db) -> None:
                assert andamios_db.engine_name == "sqlite"
        """,
    )

    assert ran.counts() == {"passed": 2}, ran.output


def test_anyio_runs_them_as_well(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        "-q",
        plugins=("anyio",),
        models=MODELS,
        test_it="""
            import pytest
            from andamios_orm import Repository
            from models import Author

            @pytest.fixture
            def anyio_backend() -> str:
                return "asyncio"

            @pytest.mark.anyio
            async def test_it(andamios_db, factories) -> None:
                await factories(Author).create()
                assert await Repository(Author, andamios_db).count() == 1

            @pytest.mark.anyio
            async def test_session(andamios_session, factories) -> None:
                await factories(Author).create()
                assert await Repository(Author, andamios_session).count() == 1

            async def test_without_the_mark(andamios_db) -> None: ...
        """,
    )

    assert ran.counts() == {"passed": 2, "error": 1}, ran.output
    assert "pip install pytest-asyncio" in ran.output


def test_a_wrong_option_is_told_before_any_test(tmp_path: Path) -> None:
    seed = run_pytest(tmp_path, "--andamios-seed=x", plugins=())
    engine = run_pytest(tmp_path, "--andamios-engines=oracle", plugins=())

    assert seed.code == engine.code == pytest.ExitCode.USAGE_ERROR
    assert "the seed of andamios is a number, not 'x'" in seed.output
    assert "--andamios-engines names oracle; known are duckdb" in engine.output


def test_models_of_another_metadata_have_a_fixture_of_their_own(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        "-q",
        conftest="""
            import pytest, sqlalchemy as sa
            METADATA = sa.MetaData()

            @pytest.fixture(scope="session")
            def andamios_metadata():
                return METADATA
        """,
        test_it="""
            from andamios_orm import Col, Model, Repository, generated
            from conftest import METADATA

            class Own(Model, table=True, metadata=METADATA):
                id: Col[int] = generated()

            async def test_it(andamios_session) -> None:
                await Repository(Own, andamios_session).add(Own())
        """,
    )

    assert ran.counts() == {"passed": 1}, ran.output


def test_the_example_runs_in_random_order() -> None:
    ran = run_pytest(
        ROOT / "examples" / "testing",
        "-q",
        plugins=("asyncio", "pytest_randomly", "_hypothesis_pytestplugin"),
        ini=(ROOT / "examples" / "testing" / "pytest.ini").read_text(),
    )

    assert ran.counts() == {"passed": 15}, ran.output
