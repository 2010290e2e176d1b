"""A command line, and a project that it has begun."""

from pathlib import Path

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line in an empty folder."""
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def project(cli: CommandLine) -> CommandLine:
    """The command line in a new project on SQLite."""
    cli.done("init", "--url", "sqlite:///app.db")
    return cli


@pytest.fixture
def migrated(project: CommandLine) -> CommandLine:
    """The command line in a project whose first migration is applied."""
    project.done("migrate", "new", "first tables")
    project.done("migrate", "up", "--yes")
    return project
