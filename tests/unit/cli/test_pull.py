"""`schema pull`: models of a database that is there."""

import json
import sqlite3
from contextlib import closing

from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


def test_models_are_written_to_the_terminal(migrated: CommandLine) -> None:
    result = migrated.done("schema", "pull")

    assert "class Hero(Model, table=True):" in result.out
    assert "age: Col[int | None] = field(default=None, ge=0)" in result.out
    assert result.err == ""


def test_models_are_written_to_a_file_and_no_file_is_lost(migrated: CommandLine) -> None:
    result = migrated.done("schema", "pull", "-o", "app/pulled.py")
    again = migrated.run("schema", "pull", "-o", "app/pulled.py")
    forced = migrated.run("schema", "pull", "-o", "app/pulled.py", "--force", "--json")

    assert "Wrote 2 models to app/pulled.py" in result.err
    assert again.code == ExitCode.USAGE
    assert "there is a file app/pulled.py already" in again.err
    assert json.loads(forced.out)["tables"] == 2


def test_pulled_models_need_no_migration(migrated: CommandLine) -> None:
    migrated.done("schema", "pull", "-o", "app/models.py", "--force")

    assert "Nothing to do" in migrated.done("migrate", "new", "as it was").out


def test_what_models_cannot_say_is_told(migrated: CommandLine) -> None:
    with closing(sqlite3.connect(migrated.folder / "app.db")) as connection, connection:
        connection.execute("CREATE TABLE log (line TEXT)")

    result = migrated.done("schema", "pull")
    document = json.loads(migrated.done("schema", "pull", "--json").out)

    assert "the table log has no primary key" in result.err
    assert "the next revision would change it" in result.err
    assert document["differences"] == ["the table log has no primary key, so it can have no model"]
    assert document["source"] == result.out
