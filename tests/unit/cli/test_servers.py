"""`db-start`, `db-stop` and `dev-setup`: what is started, what is kept, what is refused."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from andamios_orm.cli import servers
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.errors import DatabaseUnavailable
from tests.command_line import CommandLine


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: a server does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="andamios-cli-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def outside(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    """The command line in a project there, whose server is ended with the test."""
    cli = CommandLine(open_folder, monkeypatch, capsys)
    monkeypatch.setattr(shutil, "which", without_docker)
    cli.done("init", "--url", "postgresql://postgres@127.0.0.1:1/app")
    yield cli
    cli.run("db-stop")


def started(cli: CommandLine) -> dict[str, str]:
    """Start the server as a terminal does: it outlives the process that has started it."""
    command = [sys.executable, "-m", "andamios_orm", "db-start", "--json"]
    done = subprocess.run(
        command, cwd=cli.folder, env=os.environ, capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


find = shutil.which


def without_docker(name: str) -> str | None:
    return None if name == "docker" else find(name)


@pytest.mark.parametrize("url", ["duckdb:///app.duckdb", "sqlite:///app.db"])
def test_an_embedded_database_needs_no_server(cli: CommandLine, url: str) -> None:
    cli.done("init", "--url", url)

    assert "needs no server" in cli.done("db-start").out
    assert "No server runs here" in cli.done("db-stop").out


@pytest.mark.usefixtures("postgresql_binaries")
def test_a_server_goes_on_until_it_is_stopped_and_keeps_its_data(
    outside: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = started(outside)
    assert "It runs already" in outside.done("db-start").out
    monkeypatch.setenv("ANDAMIOS_URL", first["url"])
    outside.done("migrate", "new", "first tables")
    outside.done("dev-setup")
    assert "Stopped." in outside.done("db-stop").out
    assert "No server runs here." in outside.done("db-stop").out
    stopped = outside.run("migrate", "status")

    second = started(outside)
    monkeypatch.setenv("ANDAMIOS_URL", second["url"])
    seeded = json.loads(outside.done("db-seed", "--json").out)

    assert stopped.code == ExitCode.UNREACHABLE
    assert [(each["created"], each["unchanged"]) for each in seeded["seeds"]] == [(0, 2), (0, 2)]


def test_a_server_that_cannot_be_started_tells_why(
    outside: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_PG_BIN", str(outside.folder))

    result = outside.run("db-start")

    assert result.code == ExitCode.UNREACHABLE
    assert "the server did not start" in result.err
    assert "server.log" in result.err


def test_only_known_servers_can_be_started(outside: CommandLine) -> None:
    result = outside.run("db-start", "oracle")

    assert result.code == ExitCode.USAGE
    assert "postgresql, mariadb, mysql" in result.err


def test_patience_with_a_server_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_PATIENCE", 0.0)

    with pytest.raises(DatabaseUnavailable, match="did not start within 0 seconds"):
        servers._wait(lambda: False, "the server did not start")


# ---- docker --------------------------------------------------------------------------------------


@pytest.fixture
def docker(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What docker is called with, in a project that has a compose.yaml."""
    calls: list[list[str]] = []

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        calls.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    (project.folder / "compose.yaml").write_text("services: {}\n")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    return calls


def test_compose_is_used_where_docker_answers(
    project: CommandLine, docker: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_URL", "postgresql://postgres@127.0.0.1:1/app")

    assert "docker compose" in project.done("db-start").out
    assert "docker compose" in project.done("db-stop").out

    assert docker == [
        ["info"],
        ["compose", "up", "--detach", "--wait"],
        ["info"],
        ["compose", "down"],
    ]


def test_a_docker_that_does_not_answer_is_left_alone(
    project: CommandLine, docker: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)

    assert "No server runs here" in project.done("db-stop").out


def test_what_compose_cannot_do_is_an_error_of_its_own(
    project: CommandLine, docker: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, int("compose" in command))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("ANDAMIOS_URL", "postgresql+asyncpg://postgres@127.0.0.1:1/app")

    result = project.run("db-start")

    assert result.code == ExitCode.UNREACHABLE
    assert "docker compose up failed, with exit code 1" in result.err


# ---- dev-setup -----------------------------------------------------------------------------------


def test_a_machine_is_made_ready_and_may_be_so_again(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    first = project.done("dev-setup")
    again = json.loads(project.done("dev-setup", "--json").out)

    assert first.out == "Ready.\n"
    assert "Applied" in first.err
    assert "Hero" in first.err
    assert again == {"applied": []}


def test_without_seeds_only_migrations_are_applied(project: CommandLine) -> None:
    project.change("pyproject.toml", 'seeds = ["app.seeds"]\n', "")

    assert project.done("dev-setup").out == "Ready.\n"


def test_a_server_that_does_not_answer_is_started_if_a_person_agrees(
    project: CommandLine, docker: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_URL", "postgresql://postgres@127.0.0.1:1/app")

    refused = project.run("dev-setup", typed="n\n")
    agreed = project.run("dev-setup", typed="y\n")

    assert "does not answer. Start a server here?" in refused.err
    assert refused.code == ExitCode.UNREACHABLE
    assert docker == [["info"], ["compose", "up", "--detach", "--wait"]]
    assert agreed.code == ExitCode.UNREACHABLE, "what compose started is no such database"


def test_a_server_at_another_url_is_told(
    project: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_URL", "postgresql://postgres@127.0.0.1:1/app")
    monkeypatch.setattr(servers, "_compose", lambda *given: False)
    monkeypatch.setattr(servers, "_started", lambda *given: {"url": "postgresql://here/app"})

    result = project.run("dev-setup", "--yes")

    assert result.code == ExitCode.USAGE
    assert 'set ANDAMIOS_URL="postgresql://here/app"' in result.err


def test_a_server_that_runs_already_is_not_started_twice(
    project: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_URL", "postgres://postgres@127.0.0.1:1/app")
    note = project.folder / ".andamios" / "server.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"pid": os.getpid(), "url": "postgresql://here/app"}))

    result = project.run("dev-setup", "--yes")

    assert result.code == ExitCode.USAGE
    assert "a server runs at postgresql://here/app" in result.err
    assert note.exists()


def test_a_program_is_not_asked_whether_to_start_a_server(outside: CommandLine) -> None:
    result = outside.run("dev-setup", "--json")

    assert result.code == ExitCode.UNREACHABLE
    assert json.loads(result.out)["error"] == "DatabaseUnavailable"
