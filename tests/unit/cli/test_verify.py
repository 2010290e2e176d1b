"""`verify`: the laws, with made up rows, in databases made for it."""

import json

import pytest

from andamios_orm.cli import verify
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.testing import laws
from tests.command_line import CommandLine

FEW = ("--examples", "5", "--seed", "1")
FAULT = """

class Rounding(sa.types.TypeDecorator):
    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value // 10 * 10


class Price(Model, table=True):
    id: Col[int] = generated()
    cents: Col[int] = field(ge=0, le=100, column_type=Rounding())
"""


@pytest.fixture
def faulty(project: CommandLine) -> CommandLine:
    """A project with a column type that loses digits."""
    path = project.folder / "app" / "models.py"
    path.write_text(f"import sqlalchemy as sa\n{path.read_text()}{FAULT}")
    return project


def test_laws_that_hold_are_ok_in_a_table_of_laws_and_engines(project: CommandLine) -> None:
    result = project.done("verify", *FEW, "--law", "roundtrip", "--law", "json_roundtrip")

    words = [line.split() for line in result.out.splitlines() if line.strip()]
    assert words[0] == ["law", "duckdb", "sqlite"]
    assert words[2:] == [["roundtrip", "ok", "ok"], ["json_roundtrip", "ok", "ok"]]


def test_the_projects_database_is_not_touched(project: CommandLine) -> None:
    project.done("verify", *FEW, "--law", "roundtrip", "--engine", "sqlite")

    assert not (project.folder / "app.db").exists()


def test_all_laws_are_checked_if_none_is_named(project: CommandLine) -> None:
    result = project.done("verify", "--examples", "1", "--engine", "sqlite")

    assert all(name in result.out for name in laws.LAWS)


def test_a_broken_law_is_told_with_its_example_as_code(faulty: CommandLine) -> None:
    result = faulty.run(
        "verify", "Price", "--examples", "50", "--law", "roundtrip", "--engine", "sqlite"
    )

    assert result.code == ExitCode.DIFFERENT
    assert "broken" in result.out
    assert "roundtrip does not hold on sqlite for Price" in result.out
    assert "from app.models import Price" in result.out
    assert 'laws.roundtrip.replay("sqlite://", [Price(id=1, cents=1)])' in result.out
    assert "The same examples again: --seed" in result.err


def test_the_same_seed_makes_the_same_examples(faulty: CommandLine) -> None:
    arguments = ("verify", "Price", "--law", "roundtrip", "--engine", "sqlite", "--seed", "7")

    first, second = faulty.run(*arguments), faulty.run(*arguments)

    assert first == second


def test_other_models_are_not_asked(faulty: CommandLine) -> None:
    faulty.done("verify", "Team", *FEW, "--law", "roundtrip", "--engine", "sqlite")


def test_what_an_engine_cannot_have_is_spared_with_the_reason(project: CommandLine) -> None:
    project.change("app/models.py", "table=True", 'table=True, schema="app"')

    result = project.done("verify", *FEW, "--law", "roundtrip", "--engine", "sqlite")

    assert "spared on sqlite: sqlite has no schemas" in result.out


def test_programs_get_the_same_as_a_document(faulty: CommandLine) -> None:
    result = faulty.run(
        "verify", "Price", *FEW, "--law", "roundtrip", "--law", "json_roundtrip", "--json"
    )

    assert result.code == ExitCode.DIFFERENT
    document = json.loads(result.out)
    assert (document["examples"], document["seed"]) == (5, 1)
    found = [(v["law"], v["engine"], v["verdict"]) for v in document["verdicts"]]
    assert found == [
        ("roundtrip", "duckdb", "broken"),
        ("json_roundtrip", "duckdb", "ok"),
        ("roundtrip", "sqlite", "broken"),
        ("json_roundtrip", "sqlite", "ok"),
    ]
    broken, ok = document["verdicts"][:2]
    assert broken["broken"].endswith(broken["code"])
    assert broken["code"].startswith("from andamios_orm.testing import laws\n")
    assert (ok["broken"], ok["code"], ok["reason"]) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--law", "gravity"), "there is no law `gravity`"),
        (("--engine", "abacus"), "there is no engine `abacus`"),
        (("Nobody",), "no model is called `Nobody`"),
        (("--examples", "0"), "--examples"),
    ],
    ids=["law", "engine", "model", "examples"],
)
def test_what_there_is_not_is_a_mistake_of_usage(
    project: CommandLine, arguments: tuple[str, ...], told: str
) -> None:
    result = project.run("verify", *arguments)

    assert result.code == ExitCode.USAGE
    assert told in result.err


def test_without_hypothesis_the_extra_is_named(
    project: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "find_spec", lambda name: None)

    result = project.run("verify")

    assert result.code == ExitCode.USAGE
    assert 'pip install "andamios-orm[testing]"' in result.err


def test_a_project_without_models_is_told(project: CommandLine) -> None:
    (project.folder / "app" / "models.py").write_text("")

    result = project.run("verify")

    assert result.code == ExitCode.USAGE
    assert "the project has no models" in result.err
