"""The program itself: its commands, its help, and how it ends after an error."""

import importlib
import json
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from andamios_orm import errors
from andamios_orm.cli.app import COMMANDS, main
from andamios_orm.cli.exit_codes import MEANINGS, ExitCode
from andamios_orm.cli.telling import exit_code_of
from andamios_orm.testing.servers import ServerUnavailable
from tests.command_line import CommandLine

ROOT = Path(__file__).parents[3]


def test_help_names_every_command_and_every_exit_code(cli: CommandLine) -> None:
    told = cli.done("--help").out

    assert [name for name in COMMANDS if f"  {name} " not in told] == []
    assert [code for code in MEANINGS if f"  {int(code)}  {MEANINGS[code]}" not in told] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_what_it_is_for_with_an_example(cli: CommandLine, name: str) -> None:
    command = get_command(
        importlib.import_module(f"andamios_orm.cli.{COMMANDS[name][0]}").COMMANDS[name]
    )
    for more in ([], *([each] for each in getattr(command, "commands", ()))):
        told = " ".join(cli.done(name, *more, "--help").out.split())

        _, _, example = told.partition(" Example: ")
        assert " ".join(["andamios-orm", name, *more]) in example.partition(" Options: ")[0]


def test_without_a_command_it_tells_which_there_are(cli: CommandLine) -> None:
    result = cli.run()

    assert result.code == ExitCode.USAGE
    assert "migrate" in result.out + result.err


def test_a_command_that_there_is_not_is_a_mistake_of_usage(cli: CommandLine) -> None:
    assert cli.run("migrat").code == ExitCode.USAGE


def test_the_version_is_that_of_the_package(cli: CommandLine) -> None:
    assert cli.done("--version").out.strip() == version("andamios-orm")


def test_help_loads_no_database_code() -> None:
    program = (
        "import sys\n"
        "from andamios_orm.cli.app import main\n"
        "sys.argv = ['andamios-orm', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('sqlalchemy', 'alembic', 'pydantic', 'rich', 'duckdb', 'asyncio')\n"
        "print('\\n', [n for n in heavy if n in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1].strip() == "[]", done.stderr


def test_an_error_is_told_with_what_to_do_and_a_code(cli: CommandLine) -> None:
    result = cli.run("migrate", "status")

    assert result.code == ExitCode.USAGE
    assert result.out == ""
    assert result.err.startswith("Error: no ")
    assert "Fix: write models" in result.err


def test_an_error_is_a_document_for_programs(cli: CommandLine) -> None:
    result = cli.run("migrate", "status", "--json")

    assert json.loads(result.out)["error"] == "ConfigurationProblem"
    assert json.loads(result.out)["exit_code"] == result.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("p", "f"), ExitCode.USAGE),
        (errors.MigrationPending("p", "f"), ExitCode.PENDING),
        (errors.DatabaseUnavailable("p", "f"), ExitCode.UNREACHABLE),
        (ServerUnavailable("p", "f"), ExitCode.UNREACHABLE),
        (errors.AnswerNeeded("p", "f", questions=()), ExitCode.REFUSED),
        (errors.MigrationHalfDone("p", "f"), ExitCode.HALF_DONE),
        (errors.ChecksumMismatch("p", "f", revisions=()), ExitCode.CHANGED),
        (errors.MigrationLocked("p", "f"), ExitCode.LOCKED),
        (errors.AndamiosError("p", "f"), ExitCode.ERROR),
    ],
)
def test_each_error_has_its_exit_code(error: errors.AndamiosError, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_a_mistake_of_ours_is_a_traceback(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andamios_orm.cli.settings.project", lambda **given: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        cli.run("config")


def test_ctrl_c_ends_it_with_130(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("andamios_orm.cli.app.app", interrupt)

    result = cli.run("config")

    assert (result.code, result.err) == (130, "interrupted\n")


def test_the_package_is_the_program_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["andamios_orm", "--version"])

    with pytest.raises(SystemExit) as end:
        # By its path: pytest rewrites the modules of a package with a plugin, and what loads them
        # cannot be asked for the code.
        runpy.run_path(str(ROOT / "andamios_orm" / "__main__.py"), run_name="__main__")

    assert not end.value.code
    assert importlib.import_module("andamios_orm.__main__").main is main


def test_the_guide_has_every_command_and_every_exit_code() -> None:
    guide = (ROOT / "docs" / "guides" / "command-line.md").read_text()

    assert [name for name in COMMANDS if f"`{name}" not in guide] == []
    assert [code for code in MEANINGS if f"| {int(code)} | {MEANINGS[code]} |" not in guide] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("migrate", "up", "--bogus"), ExitCode.USAGE),
        (("migrate", "to"), ExitCode.USAGE),
        (("migrate", "up"), ExitCode.REFUSED),
        (("migrate", "stamp", "base"), ExitCode.REFUSED),
        (("migrate", "squash", "one"), ExitCode.REFUSED),
        (("db-reset",), ExitCode.REFUSED),
        (("migrate", "up", "nowhere"), ExitCode.ERROR),
    ],
)
def test_a_command_for_programs_writes_one_document_however_it_ends(
    project: CommandLine, arguments: tuple[str, ...], code: ExitCode
) -> None:
    project.done("migrate", "new", "first tables")

    result = project.run(*arguments, "--json")

    assert result.code == code
    assert json.loads(result.out)["exit_code"] == code
    assert result.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("migrate", "upp"), "upp"),
        (("migrate", "up", "--nope"), "--nope"),
        (("schema", "show", "--database"), "--database"),
    ],
)
def test_a_program_is_told_what_was_written_wrongly(
    cli: CommandLine, arguments: tuple[str, ...], problem: str
) -> None:
    # In front: what comes last may be taken for the value of an option.
    result = cli.run(*arguments[:-1], "--json", arguments[-1])

    found = json.loads(result.out)
    assert (found["error"], found["exit_code"]) == ("UsageError", ExitCode.USAGE)
    assert problem in found["problem"]


def test_a_program_gets_a_document_when_a_module_of_the_project_ends_it(
    project: CommandLine,
) -> None:
    models = project.folder / "app" / "models.py"
    models.write_text(f"{models.read_text()}\nraise SystemExit(3)\n")

    result = project.run("migrate", "status", "--json")

    assert result.code == 3
    assert json.loads(result.out)["error"] == "Ended"


def test_a_program_gets_a_document_when_a_module_of_the_project_fails(
    project: CommandLine,
) -> None:
    models = project.folder / "app" / "models.py"
    models.write_text(f"{models.read_text()}\n1 / 0\n")

    with pytest.raises(ZeroDivisionError):
        project.run("migrate", "status", "--json")

    assert json.loads(project.told().out)["error"] == "ZeroDivisionError"
