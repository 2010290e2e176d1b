"""`audit`: rows that their model no longer accepts."""

import json
import sqlite3
from contextlib import closing

from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


def spoil(cli: CommandLine) -> None:
    cli.done("db-seed")
    with closing(sqlite3.connect(cli.folder / "app.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE hero SET age = -4711")


def test_rows_as_the_models_say_are_no_news(migrated: CommandLine) -> None:
    migrated.done("db-seed")

    result = migrated.done("audit")

    assert "Team: 2 rows, all as the model says." in result.out


def test_wrong_rows_are_told_by_key_field_and_kind(migrated: CommandLine) -> None:
    spoil(migrated)

    result = migrated.run("audit", "Hero", "--limit", "1")

    assert result.code == ExitCode.DIFFERENT
    assert "Hero: 2 of 2 rows do not fit the model." in result.out
    assert "age (greater_than_equal)" in result.out
    assert "1 more; see them with --limit." in result.err
    assert "4711" not in result.out


def test_programs_get_the_same_as_a_document(migrated: CommandLine) -> None:
    spoil(migrated)

    result = migrated.run("audit", "hero", "--json")

    assert result.code == ExitCode.DIFFERENT
    assert json.loads(result.out) == [
        {
            "model": "Hero",
            "rows": 2,
            "unfit": 2,
            "counts": {"age (greater_than_equal)": 2},
            "first": [
                {"key": [1], "fields": {"age": "greater_than_equal"}},
                {"key": [2], "fields": {"age": "greater_than_equal"}},
            ],
        }
    ]


def test_all_wrong_rows_are_shown_where_there_is_room(migrated: CommandLine) -> None:
    spoil(migrated)

    assert "more" not in migrated.run("audit", "Hero").err


def test_a_model_that_there_is_not_is_a_mistake_of_usage(migrated: CommandLine) -> None:
    result = migrated.run("audit", "Nobody")

    assert result.code == ExitCode.USAGE
    assert "no model is called `Nobody`" in result.err
