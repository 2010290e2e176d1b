"""A small project in an empty folder, and its command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from andamios_orm.cli.app import main

MODELS = '''
import sqlalchemy as sa

from andamios_orm import Col, Model, Related, Repository, field, generated, relation


class Base(Model, metadata=sa.MetaData()):
    pass


class Team(Base, table=True):
    """A group of heroes."""

    id: Col[int] = generated()
    name: Col[str] = field(column="label", unique=True, max_length=50, comment="as they say")


class Hero(Base, table=True):
    __table_args__ = (sa.UniqueConstraint("name", "age"),)

    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    age: Col[int] = field(ge=0, server_default=7)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)

    team: Related[Team | None] = relation()


class Power(Base, table=True):
    id: Col[int] = generated()


class Badge(Base, table=True):
    hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)


def old(database):
    return Repository(Hero, database).where(Hero.age > 40)
'''


class Project:
    """A folder with models and settings; `run` is the command line in it."""

    def __init__(self, folder: Path, url: str | None, run: Callable[..., int]) -> None:
        self.folder = folder
        self.module = f"shop_{uuid4().hex}"
        self._run = run
        (folder / f"{self.module}.py").write_text(MODELS, encoding="utf-8")
        settings = ["[tool.andamios-orm]", f'models = ["{self.module}"]']
        if url is not None:
            settings.append(f"url = {json.dumps(url)}")
        (folder / "pyproject.toml").write_text("\n".join(settings), encoding="utf-8")

    def run(self, *arguments: str) -> int:
        """Return the exit code of a command."""
        return self._run(*arguments)

    @property
    def models(self) -> Any:
        """The module of the models; a command has to have loaded it."""
        return sys.modules[self.module]


NewProject: TypeAlias = Callable[[str | None], Project]


@pytest.fixture
def new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NewProject:
    """Make a project whose database is at a URL, or one that names none."""
    monkeypatch.chdir(tmp_path)
    # The command line puts the project's folder there, and does not take it away.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("ANDAMIOS_URL", "DATABASE_URL", "ANDAMIOS_MODELS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["andamios-orm", *arguments])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return lambda url: Project(tmp_path, url, run)
