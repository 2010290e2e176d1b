"""The pytest plugin `andamios`: fixtures, options and marks for tests of models.

Loaded by pytest wherever the library is installed, so it must not cost anything where it is not
used: it imports nothing of the library at the top, and has no fixture that a test does not ask for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from andamios_orm.testing.factories import Factories
    from andamios_orm.testing.isolation import Isolated, WorkerDatabase
    from andamios_orm.testing.servers import Server
    from andamios_orm.testing.sharing import Run
    from andamios_orm.testing.watching import SQLLog, Watch

_run = pytest.StashKey["Run"]()
_log = pytest.StashKey["SQLLog"]()
_seed = pytest.StashKey[int]()

_MARKS = (
    "backends(*engines): run the test on these engines, whatever the ini file says; one whose"
    " server is missing is skipped, or fails where the variable CI is true",
    "andamios(n_plus_one=5): fail the test if it runs a SELECT so often or more with nothing but"
    " other values; None takes back what the ini file says",
)


class _Node(Protocol):
    """What we use of xdist's view of a worker; xdist itself may not be there."""

    config: pytest.Config
    workerinput: dict[str, str]


# -- settings


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings of the ini file."""
    group = parser.getgroup("andamios", "andamios-orm: tests of models")
    group.addoption(
        "--andamios-engines",
        metavar="NAMES",
        help="Run the tests that use andamios_ fixtures on these engines:"
        " duckdb,sqlite,postgresql,mariadb,mysql (default: andamios_engines of the ini file, else"
        " sqlite).",
    )
    group.addoption(
        "--andamios-seed",
        metavar="NUMBER",
        help="Make up other rows in factories: a number, or `random` (default: andamios_seed of"
        " the ini file, else 42).",
    )
    group.addoption(
        "--andamios-laws",
        action="append",
        default=[],
        metavar="MODULE",
        help="Check the laws for all models of a module: package.models.",
    )
    group.addoption(
        "--andamios-law",
        action="append",
        default=[],
        metavar="NAME",
        help="Check this law only; may be given several times.",
    )
    parser.addini("andamios_engines", "The engines of tests with andamios_ fixtures.", type="args")
    parser.addini("andamios_models", "The modules that declare the models.", type="args")
    parser.addini("andamios_n_plus_one", "How often a test may not repeat a SELECT.", default="")
    parser.addini("andamios_seed", "The seed of factories: a number, or `random`.", default="42")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and the fixtures that are coroutines."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    config.pluginmanager.register(_coroutines(config), "andamios-coroutines")
    config.stash[_seed] = _seed_of(config)
    if config.getoption("andamios_engines"):
        from andamios_orm.testing.engines import chosen_engines  # noqa: PLC0415 - for its first use

        chosen_engines(config)  # a wrong name is told before any test is collected
    if config.getoption("andamios_laws"):
        config.pluginmanager.import_plugin("andamios_orm.testing.laws.collecting")
    elif config.getoption("andamios_law"):
        raise pytest.UsageError(
            "--andamios-law says which laws are checked, and not of which models\n"
            "  Fix: name a module of models, too: --andamios-laws package.models"
        )


# -- the servers of the run: the process that starts the workers owns them


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    """Tell a worker where it asks for servers, and a seed that is not its own."""
    node.workerinput["andamios_desk"] = run_of(node.config).desk()
    node.workerinput["andamios_seed"] = str(node.config.stash[_seed])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Drop a worker's databases while the servers are there."""
    if hasattr(session.config, "workerinput"):
        _stop(session.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    _stop(config)


def _stop(config: pytest.Config) -> None:
    run = config.stash.get(_run, None)
    if run is not None:
        run.stop()


def run_of(config: pytest.Config) -> Run:
    """Return what the tests of this run share."""
    if _run not in config.stash:
        from andamios_orm.testing.sharing import Run  # noqa: PLC0415 - for its first use

        desk = getattr(config, "workerinput", {}).get("andamios_desk")
        config.stash[_run] = Run(desk)
    return config.stash[_run]


# -- engines and databases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a database on each of its engines."""
    if "andamios_engine" not in metafunc.fixturenames:
        return
    from andamios_orm.testing.engines import chosen_engines, engines_of_test  # noqa: PLC0415 - as above

    engines = engines_of_test(metafunc.definition)
    # With one engine for all tests their names stay what they are.
    if len(engines) > 1 or engines != list(chosen_engines(metafunc.config)):
        metafunc.parametrize("andamios_engine", engines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def andamios_engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine that the test runs on."""
    from andamios_orm.testing.engines import chosen_engines  # noqa: PLC0415 - as above

    engine: str = getattr(request, "param", None) or chosen_engines(request.config)[0]
    return engine


@pytest.fixture(scope="session")
def andamios_server(pytestconfig: pytest.Config, andamios_engine: str) -> Server:
    """The database server of this run, which ends with it; SQLite and DuckDB have none."""
    from andamios_orm.testing.engines import unavailable  # noqa: PLC0415 - as above
    from andamios_orm.testing.servers import ServerUnavailable  # noqa: PLC0415 - as above
    from andamios_orm.testing.sharing import SERVERS  # noqa: PLC0415 - as above

    if andamios_engine not in SERVERS:
        pytest.fail(
            f"{andamios_engine} has no server\n"
            f'  Fix: mark the test @pytest.mark.backends("postgresql"), or use andamios_url',
            pytrace=False,
        )
    try:
        return run_of(pytestconfig).server(andamios_engine)
    except ServerUnavailable as error:
        unavailable(str(error))


@pytest.fixture
def andamios_url(request: pytest.FixtureRequest, andamios_engine: str) -> str:
    """The URL of an empty database without tables; not that of andamios_db, which has some."""
    from andamios_orm.testing.sharing import SERVERS  # noqa: PLC0415 - as above

    if andamios_engine in SERVERS:
        request.getfixturevalue("andamios_server")
        return run_of(request.config).empty_database(andamios_engine)
    folder: Path = request.getfixturevalue("tmp_path")
    return f"{andamios_engine}:///{folder / 'andamios.db'}"


@pytest.fixture(scope="session")
def andamios_metadata(pytestconfig: pytest.Config) -> sa.MetaData:
    """The tables of `andamios_db`: of the models in the modules that `andamios_models` names.

    Without the setting, those of all models that the tests import. Models with a `metadata=` of
    their own need a fixture of this name in `conftest.py`, unless the named modules declare no
    others.
    """
    from andamios_orm.testing.models import metadata_of_models  # noqa: PLC0415 - as above

    return metadata_of_models(pytestconfig.getini("andamios_models"))


@pytest.fixture(scope="session")
def _andamios_worker(
    request: pytest.FixtureRequest,
    andamios_engine: str,
    andamios_metadata: sa.MetaData,
    tmp_path_factory: pytest.TempPathFactory,
) -> WorkerDatabase:
    from andamios_orm.testing.isolation import CopiedFile, EmptiedDatabase  # noqa: PLC0415 - as above
    from andamios_orm.testing.sharing import SERVERS  # noqa: PLC0415 - as above

    if andamios_engine not in SERVERS:
        folder = tmp_path_factory.mktemp("andamios")
        return CopiedFile(andamios_engine, folder, andamios_metadata)
    request.getfixturevalue("andamios_server")
    run = run_of(request.config)
    name = run.new_database(andamios_engine)
    return EmptiedDatabase(run.url(andamios_engine, name), andamios_metadata)


# A function's fixtures are the same for all examples of @given, which refuses them therefore.
@pytest.fixture(scope="session")
def andamios_isolated(_andamios_worker: WorkerDatabase) -> Isolated:
    """Gives each block an empty database: `async with andamios_isolated() as session:`."""
    from andamios_orm.testing.isolation import Isolated  # noqa: PLC0415 - as above

    return Isolated(_andamios_worker)


@pytest.fixture
def _andamios_loop(request: pytest.FixtureRequest) -> None:
    if _pytest_asyncio(request.config) or "anyio_backend" in request.fixturenames:
        return
    pytest.fail(
        "andamios_db and andamios_session are for tests that are coroutines, which pytest alone"
        " does not run\n  Fix: pip install pytest-asyncio, and set asyncio_mode = auto in the ini"
        " file; or mark the test with @pytest.mark.anyio",
        pytrace=False,
    )


def _pytest_asyncio(config: pytest.Config) -> Any:
    """Return the plugin under one of its names: pytest's, and that of `-p`; None without it."""
    plugins = config.pluginmanager
    return plugins.get_plugin("asyncio") or plugins.get_plugin("pytest_asyncio.plugin")


def _coroutines(config: pytest.Config) -> ModuleType:
    """Return the fixtures that are coroutines, in the hands of who runs them."""
    asyncio = _pytest_asyncio(config)
    # Its decorator has it run them in its strict mode, too.
    decorate: Callable[[Any], Any] = pytest.fixture if asyncio is None else asyncio.fixture

    # The library is loaded when a test asks for one of them.
    async def andamios_db(
        request: pytest.FixtureRequest, _andamios_loop: None, _andamios_worker: WorkerDatabase
    ) -> AsyncIterator[object]:
        """An open database with the tables of the models, empty before each test."""
        if "andamios_session" in request.fixturenames:
            pytest.fail(
                "the test asks for andamios_db and andamios_session, and neither would see the"
                " rows of the other\n  Fix: ask for one of them",
                pytrace=False,
            )
        async with _andamios_worker.database() as db:
            yield db

    async def andamios_session(
        _andamios_loop: None, _andamios_worker: WorkerDatabase
    ) -> AsyncIterator[object]:
        """A session on an empty database, rolled back in the end, also what it commits.

        DuckDB has no savepoints: there it commits, and the next test gets another database.
        """
        async with _andamios_worker.session() as session:
            yield session

    found = ModuleType("andamios_coroutines")
    found.__dict__.update(
        andamios_db=decorate(andamios_db), andamios_session=decorate(andamios_session)
    )
    return found


# -- factories


@pytest.fixture
def factories(request: pytest.FixtureRequest, andamios_engine: str) -> Factories:
    """Makes up rows: `await factories(Hero).create(name="Ada")`.

    They are stored in `andamios_session` where the test asks for that, else in `andamios_db`.
    """
    from andamios_orm.testing.factories import Factories  # noqa: PLC0415 - needs an extra

    session = "andamios_session" in request.fixturenames
    source = request.getfixturevalue("andamios_session" if session else "andamios_db")
    return Factories(source, seed=request.config.stash[_seed])


def _seed_of(config: pytest.Config) -> int:
    given = config.getoption("andamios_seed") or config.getini("andamios_seed")
    if given == "random":
        from random import SystemRandom  # noqa: PLC0415 - rarely

        given = getattr(config, "workerinput", {}).get(
            "andamios_seed", SystemRandom().randrange(10**6)
        )
    try:
        return int(given)
    except ValueError:
        raise pytest.UsageError(f"the seed of andamios is a number, not {given!r}") from None


# -- statements


@pytest.fixture
def query_count() -> Callable[..., AbstractContextManager[Watch]]:
    """Expects a number of statements: `with query_count(2):`, `with query_count(at_most=2):`."""
    from andamios_orm.testing.watching import query_count  # noqa: PLC0415 - for its first use

    return query_count


@pytest.fixture
def n_plus_one() -> Callable[..., AbstractContextManager[Watch]]:
    """Expects that a block repeats no SELECT for each row: `with n_plus_one(5):`."""
    from andamios_orm.testing.watching import n_plus_one  # noqa: PLC0415 - as above

    return n_plus_one


@pytest.fixture
def sql_log(request: pytest.FixtureRequest) -> Iterator[SQLLog]:
    """The SQL that the test has run so far; shown when it fails."""
    from andamios_orm.testing.watching import SQLLog, watch  # noqa: PLC0415 - as above

    with watch() as seen:
        log = request.node.stash[_log] = SQLLog(seen)
        yield log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that repeats a SELECT for each row, where a mark or the ini file asks for it."""
    limit = _n_plus_one(item)
    if limit is None:
        return (yield)
    from andamios_orm.testing.watching import (  # noqa: PLC0415 - as above
        NPlusOne,
        require_no_n_plus_one,
        watch,
    )

    with watch() as seen:
        result = yield
    problem = None
    try:
        require_no_n_plus_one(seen, limit)
    except NPlusOne as error:
        problem = str(error)
    if problem is not None:
        pytest.fail(problem, pytrace=False)
    return result


def _n_plus_one(item: pytest.Item) -> int | None:
    mark = item.get_closest_marker("andamios")
    given: object = item.config.getini("andamios_n_plus_one") or None
    if mark is not None:
        unknown = [*map(repr, mark.args), *(mark.kwargs.keys() - {"n_plus_one"})]
        if unknown:
            pytest.fail(
                f"the mark `andamios` does not know {', '.join(unknown)}\n"
                "  Fix: write @pytest.mark.andamios(n_plus_one=5)",
                pytrace=False,
            )
        given = mark.kwargs.get("n_plus_one", given)
    if given is None:
        return None
    if str(given).isdecimal() and int(str(given)) > 0:
        return int(str(given))
    pytest.fail(
        f"n_plus_one is how often a SELECT may not be run, a number above 0, and not {given!r}\n"
        "  Fix: correct andamios_n_plus_one in the ini file, or the mark `andamios` of the test",
        pytrace=False,
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what it ran, and the seed of its rows."""
    report = yield
    if report.failed:
        if _log in item.stash:
            report.sections.append(("SQL of the test", str(item.stash[_log])))
        if "factories" in getattr(item, "fixturenames", ()):
            seed = item.config.stash[_seed]
            told = f"rows made up with seed {seed}: --andamios-seed={seed} makes them again"
            report.sections.append(("andamios", told))
    return report
