"""`pytest --andamios-laws package.models`, also in a project without any test."""

import sys
import zlib
from pathlib import Path

import pytest

# A run in this process forgets the modules that it has imported, and would import them again.
from andamios_orm.testing.laws import LAWS, collecting
from andamios_orm.testing.servers import PostgreSQLServer

pytest_plugins = "pytester"

MODELS = """
import sqlalchemy as sa

from andamios_orm import Col, Model, field, generated

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=5)
"""
FAULTY = """
class Rounding(sa.types.TypeDecorator):
    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value // 10 * 10


class Price(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    cents: Col[int] = field(ge=0, le=100, column_type=Rounding())
"""
FAILING = FAULTY.replace("bind_param", "result_value").replace("value // 10 * 10", "{}[value]")
FEW = """
from hypothesis import settings

settings.register_profile("few", max_examples=20, derandomize=True, database=None)
"""

# pytest-asyncio 1.0 warns of a scope that is not set.
OPTIONS = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


class Project:
    """A folder with models and no tests."""

    def __init__(self, pytester: pytest.Pytester, name: str) -> None:
        self.pytester = pytester
        self.name = name
        pytester.makepyfile(conftest=FEW)

    def write(self, models: str) -> None:
        package = Path(self.pytester.mkpydir(self.name))
        (package / "models.py").write_text(models)

    def run(self, *arguments: str, apart: bool = False) -> pytest.RunResult:
        laws = f"--andamios-laws={self.name}.models"
        options = [*OPTIONS, "-p", "no:randomly", "--hypothesis-profile=few"]
        if apart:
            return self.pytester.runpytest_subprocess(laws, *options, *arguments)
        return self.pytester.runpytest_inprocess(laws, *options, *arguments)


@pytest.fixture
def project(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Project:
    # A name of its own, as modules stay imported in this process.
    return Project(pytester, f"shop_{zlib.crc32(request.node.nodeid.encode())}")


def test_each_law_is_a_test_on_each_engine(project: Project) -> None:
    project.write(MODELS)

    result = project.run("--collect-only", "-q")

    for law in LAWS:
        for engine in ("duckdb", "sqlite"):
            assert f"{project.name}.models::{law}[{engine}]" in result.outlines
    result.stdout.fnmatch_lines([f"{2 * len(LAWS)} tests collected*"])


def test_laws_and_engines_are_chosen_by_name(project: Project) -> None:
    project.write(MODELS)

    result = project.run(
        "-v",
        "--andamios-law=roundtrip",
        "--andamios-law=json_roundtrip",
        "--andamios-engines=sqlite",
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*models::roundtrip[[]sqlite[]] PASSED*"])


def test_what_is_named_twice_is_checked_once(project: Project) -> None:
    project.write(MODELS)
    laws = f"--andamios-laws={project.name}.models"

    twice = ["--andamios-law=roundtrip"] * 2
    project.run(laws, *twice, "--andamios-engines=sqlite").assert_outcomes(passed=1)


def test_a_law_without_models_is_a_mistake_of_usage(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(*OPTIONS, "--andamios-law=roundtrip")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Fix: name a module of models, too: --andamios-laws *"])


def test_the_ini_file_names_engines_too(project: Project) -> None:
    project.write(MODELS)
    project.pytester.makeini("[pytest]\nandamios_engines = sqlite")

    project.run("--andamios-law=roundtrip").assert_outcomes(passed=1)


def test_the_word_laws_leaves_out_other_tests(project: Project) -> None:
    project.write(MODELS)
    project.pytester.makepyfile(test_other="def test_other(): pass")

    result = project.run("-k", "laws", "--andamios-law=roundtrip", "--andamios-engines=sqlite")

    result.assert_outcomes(passed=1, deselected=1)


def test_a_broken_law_shows_the_example_and_no_traceback(project: Project) -> None:
    project.write(MODELS + FAULTY)

    result = project.run("--andamios-law=roundtrip", "--andamios-engines=sqlite")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "roundtrip does not hold on sqlite for Price, Team",
            "  add gave back another Price.cents",
            f"from {project.name}.models import Price, Team",
            "laws.roundtrip.replay(*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_another_exception_is_shown_with_where_it_was_raised(project: Project) -> None:
    project.write(MODELS + FAILING)

    result = project.run("--andamios-law=constraint_parity", "--andamios-engines=sqlite")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["It was raised here:", "Traceback*"])


def test_models_that_an_engine_cannot_have_are_skipped_with_the_reason(project: Project) -> None:
    project.write(MODELS.replace("table=True", 'table=True, schema="app"'))

    result = project.run("-rs", "--andamios-law=roundtrip", "--andamios-engines=sqlite")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*sqlite has no schemas*"])


def test_what_is_no_broken_law_is_shown_as_always(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", "postgresql://localhost:1/nowhere")
    project.write(MODELS)

    result = project.run("--andamios-law=roundtrip", "--andamios-engines=postgresql")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ServerUnavailable*"])


def test_a_module_is_found_in_the_folder_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = "shop_in_a_folder"
    (tmp_path / f"{name}.py").write_text(MODELS)

    for _ in range(2):
        [team] = collecting.models_of_module(name, tmp_path)
        assert team.__name__ == "Team"
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize(
    ("models", "arguments", "told"),
    [
        (MODELS, ["--andamios-law=gravity"], "*there is no law `gravity`*"),
        (MODELS, ["--andamios-engines=abacus"], "*abacus*"),
        ("import nothing_like_it", [], "*No module named 'nothing_like_it'*"),
        ("", [], "*the module has no tables*"),
        ("raise LookupError('on import')", [], "*LookupError: on import*"),
        ("import sys; sys.exit(3)", [], "*SystemExit: 3*"),
        ("x = (", [], "*SyntaxError*"),
        (MODELS, ["--andamios-laws="], "*Empty module name*"),
    ],
    ids=["law", "engine", "import", "tables", "raises", "exits", "syntax", "nothing"],
)
def test_what_cannot_be_collected_is_a_mistake_of_usage(
    project: Project, models: str, arguments: list[str], told: str
) -> None:
    project.write(models)

    result = project.run(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])


def test_a_server_is_used_for_the_run_and_its_databases_are_dropped(
    project: Project, postgresql_server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", postgresql_server.address)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    project.write(MODELS)

    # Apart, as compiled modules such as asyncpg do not survive that they are imported twice.
    result = project.run("--andamios-law=roundtrip", "--andamios-engines=postgresql", apart=True)

    result.assert_outcomes(passed=1)
