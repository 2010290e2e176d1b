"""`doctor`: what it looks at, and what it says of what is not well."""

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest

from andamios_orm import Database
from andamios_orm.cli.doctor import _traps
from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


def examined(cli: CommandLine, *arguments: str) -> dict[str, Any]:
    found = json.loads(cli.run("doctor", "--json", *arguments).out)
    return {each["what"]: each for each in found}


def test_a_project_that_is_well_has_nothing_to_do(migrated: CommandLine) -> None:
    result = migrated.done("doctor")

    assert "✗" not in result.out
    assert examined(migrated)["foreign keys"]["found"] == "enforced"


def test_pending_revisions_are_told_with_the_command(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    result = project.run("doctor")

    assert result.code == ExitCode.ERROR
    assert "1 pending" in result.out
    assert "andamios-orm migrate up" in result.out


def test_models_that_no_revision_has_are_told(project: CommandLine) -> None:
    found = examined(project)["models"]

    assert "difference(s)" in found["found"]
    assert "migrate new" in found["fix"]


def test_a_migration_that_was_stopped_is_told(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")
    (path,) = (project.folder / "migrations" / "sqlite").glob("*.py")
    path.write_text(
        path.read_text().replace("\n\n\ndef down", '\n    op.execute("oops")\n\n\ndef down', 1)
    )
    project.run("migrate", "up", "--yes")

    assert examined(project)["migrations"]["fix"] == "andamios-orm migrate resume"


def test_settings_that_are_missing_are_told(cli: CommandLine) -> None:
    found = examined(cli)["settings"]

    assert found["found"] == "no database is named"
    assert "pyproject.toml" in found["fix"]


def test_a_database_that_does_not_answer_is_told(project: CommandLine) -> None:
    found = examined(project, "--url", "postgresql://nobody@127.0.0.1:1/x")

    assert found["connection"]["fix"]


def test_a_package_that_is_missing_is_told(
    migrated: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> str:
        if name == "asyncpg":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("andamios_orm.cli.doctor.version", without)

    assert "not installed" in examined(migrated)["asyncpg"]["found"]


async def test_each_engine_is_looked_at_for_its_traps(database_url: str) -> None:
    async with Database(database_url) as db, db.connect() as connection:
        found = await _traps(db.engine_name, connection)

    assert [each for each in found if each.fix is not None] == []
    assert len(found) == (0 if db.engine_name == "duckdb" else 1)
