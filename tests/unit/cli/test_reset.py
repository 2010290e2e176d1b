"""`db-reset`: what it drops, and what it refuses."""

import json

from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


def test_it_tells_what_would_be_dropped_with_how_many_rows(migrated: CommandLine) -> None:
    migrated.done("db-seed")

    shown = migrated.done("db-reset", "--dry-run").out
    document = json.loads(migrated.done("db-reset", "--dry-run", "--json").out)

    assert "drop hero with 2 row(s)" in shown
    assert document["drops"] == {"hero": 2, "team": 2}


def test_a_reset_database_has_its_tables_and_no_rows(migrated: CommandLine) -> None:
    migrated.done("db-seed")

    told = migrated.done("db-reset", "--yes")

    assert "Applied" in told.out
    assert "andamios-orm db-seed" in told.err
    document = json.loads(migrated.done("db-reset", "--yes", "--json").out)
    assert (sorted(document["dropped"]), len(document["applied"])) == (["hero", "team"], 1)


def test_it_asks_first(migrated: CommandLine) -> None:
    refused = migrated.run("db-reset", typed="n\n")

    assert refused.code == ExitCode.REFUSED
    assert "Nothing was done." in refused.err
    assert migrated.run("db-reset").code == ExitCode.REFUSED
    assert migrated.run("db-reset", typed="y\n").code == 0


def test_production_is_never_reset(migrated: CommandLine) -> None:
    migrated.done("migrate", "new", "x", "--empty")
    migrated.done("migrate", "up", "--yes", "--environment", "production")

    result = migrated.run("db-reset", "--yes")

    assert result.code == ExitCode.REFUSED
    assert "production" in result.err
