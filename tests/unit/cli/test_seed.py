"""`db-seed`: what it stores, tells and refuses."""

import json
from typing import Any

import pytest
import typer

from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.seed import size_of
from tests.command_line import CommandLine


def documented(cli: CommandLine, *arguments: str) -> Any:
    return json.loads(cli.run(*arguments, "--json").out)


def test_seeds_are_stored_and_counted_and_stored_no_second_time(migrated: CommandLine) -> None:
    first = documented(migrated, "db-seed")
    again = migrated.done("db-seed")

    assert [found["created"] for found in first["seeds"]] == [2, 2]
    assert again.out.split() == [
        *("model", "created", "updated", "unchanged", "rows/s"),
        *again.out.split()[5:],
    ]
    assert "Team" in again.out
    assert "Done in" in again.err


def test_a_dry_run_stores_nothing(migrated: CommandLine) -> None:
    dry = migrated.done("db-seed", "--dry-run")

    assert "Nothing was stored" in dry.err
    assert documented(migrated, "db-seed")["seeds"][0]["created"] == 2


def test_one_model_alone_is_seeded(migrated: CommandLine) -> None:
    found = documented(migrated, "db-seed", "--only", "team")

    assert [seed["model"] for seed in found["seeds"]] == ["Team"]


def test_seeds_for_other_environments_are_told(migrated: CommandLine) -> None:
    result = migrated.run("db-seed", "--environment", "staging")

    assert "Skipped heroes(): it is for another environment." in result.err


def test_empty_tables_are_filled_with_samples(migrated: CommandLine) -> None:
    found = documented(migrated, "db-seed", "--sample", "--size", "20", "--only", "Team")
    told = migrated.done("db-seed", "--sample", "--size", "1k")

    assert found["samples"] == [{"model": "Team", "created": 0, "kept": 2}]
    assert "made up" in told.out
    assert "there already" in told.out


def test_samples_alone_need_no_seeds(migrated: CommandLine) -> None:
    migrated.change("pyproject.toml", 'seeds = ["app.seeds"]\n', "")

    refused = migrated.run("db-seed")
    result = migrated.done("db-seed", "--sample", "--size", "50")

    assert refused.code == ExitCode.USAGE
    assert "no seeds are named" in refused.err
    assert "Hero" in result.out
    assert "unchanged" not in result.out


def test_fixtures_lie_in_a_folder_of_the_project(
    migrated: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated.change("pyproject.toml", '["app.seeds"]', '["fixtures/", "app.seeds"]')
    fixtures = migrated.folder / "fixtures"
    fixtures.mkdir()
    (fixtures / "team.csv").write_text("name\nA\n\nB,C\n")

    wrong = migrated.run("db-seed")
    (fixtures / "team.csv").write_text("name\nA\n")
    right = documented(migrated, "db-seed")
    (fixtures / "people.csv").write_text("name\nA\n")
    monkeypatch.chdir(migrated.folder / "app")
    elsewhere = migrated.run("db-seed")

    assert wrong.code == ExitCode.ERROR
    assert "fixtures/team.csv, line 4: 2 cells" in wrong.err
    assert f"{fixtures.as_posix()}/people.csv: no model has this name" in elsewhere.err
    assert right["seeds"][0] == {"model": "Team", "created": 3, "updated": 0, "unchanged": 0}


def test_nothing_is_made_up_in_production(migrated: CommandLine) -> None:
    result = migrated.run("db-seed", "--sample", "--url", "sqlite:///other.db", "-e", "production")

    assert result.code == ExitCode.REFUSED
    assert "production" in result.err


def test_a_database_says_what_it_is(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")
    project.done("migrate", "up", "--yes", "--environment", "production")

    refused = project.run("db-seed", "--sample")
    other = project.run("db-seed", "--environment", "test")

    assert refused.code == other.code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("text", "rows"), [("500", 500), ("10k", 10_000), ("2M", 2_000_000), ("1_000", 1000)]
)
def test_a_size_is_written_as_people_do(text: str, rows: int) -> None:
    assert size_of(text) == rows


def test_a_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="no number of rows"):
        size_of("many")
