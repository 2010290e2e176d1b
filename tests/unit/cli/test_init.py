"""`init`: what it writes, and what it leaves alone."""

import json
import shutil
import tomllib

import pytest

from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


def test_a_project_begins_with_models_seeds_and_settings(cli: CommandLine) -> None:
    result = cli.done("init", "--json")

    assert json.loads(result.out) == {
        "files": [
            ".gitignore",
            "README.md",
            "app/__init__.py",
            "app/models.py",
            "app/seeds.py",
            "pyproject.toml",
        ]
    }
    settings = tomllib.loads((cli.folder / "pyproject.toml").read_text())["tool"]["andamios-orm"]
    assert settings["url"] == "duckdb:///app.duckdb"


def test_the_first_migration_is_written_where_that_is_asked_for(cli: CommandLine) -> None:
    cli.done("init", "--url", "sqlite:///app.db", "--migration")

    assert cli.done("migrate", "up", "--yes").out.rstrip().endswith("first tables")
    again = cli.run("init", "--package", "app2", "--migration")
    assert again.code == ExitCode.USAGE, "the settings are there"


def test_a_database_that_has_the_tables_needs_no_first_migration(migrated: CommandLine) -> None:
    shutil.rmtree(migrated.folder / "migrations")
    migrated.done("migrate", "stamp", "base", "--yes")
    other = migrated.folder / "other"
    url = f"sqlite:///{migrated.folder}/app.db"

    result = migrated.run("init", str(other), "--url", url, "--migration")

    assert result.code == ExitCode.USAGE
    assert "has these tables already" in result.err


def test_a_file_that_is_there_is_left_as_it_is(cli: CommandLine) -> None:
    (cli.folder / "README.md").write_text("mine")
    (cli.folder / "pyproject.toml").write_text('[project]\nname = "mine"\n')

    cli.done("init")

    assert (cli.folder / "README.md").read_text() == "mine"
    found = tomllib.loads((cli.folder / "pyproject.toml").read_text())
    assert found["project"]["name"] == "mine"
    assert "andamios-orm" in found["tool"]


def test_a_project_is_not_begun_twice(project: CommandLine) -> None:
    before = (project.folder / "app" / "models.py").read_bytes()

    result = project.run("init")

    assert result.code == ExitCode.USAGE
    assert "nothing was written" in result.err
    assert (project.folder / "app" / "models.py").read_bytes() == before


@pytest.mark.parametrize("name", ["my-app", "class", ""])
def test_a_package_has_a_name_that_python_can_import(cli: CommandLine, name: str) -> None:
    assert cli.run("init", "--package", name).code == ExitCode.USAGE
    assert list(cli.folder.iterdir()) == []
