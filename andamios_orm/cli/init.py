"""`init`: a project that runs, in an empty folder."""

from __future__ import annotations

import json
from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer

from andamios_orm.cli.config import load_config, masked
from andamios_orm.cli.options import AsJson
from andamios_orm.cli.output import Output
from andamios_orm.cli.running import Project
from andamios_orm.errors import ConfigurationProblem

__all__ = ["COMMANDS"]

_init = typer.Typer(rich_markup_mode=None, add_completion=False)


@_init.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where.", show_default="this folder")] = Path(),
    package: Annotated[str, typer.Option(help="The name of the package with the models.")] = "app",
    url: Annotated[str, typer.Option(help="The database.")] = "duckdb:///app.duckdb",
    migration: Annotated[
        bool, typer.Option("--migration", help="Write the first migration, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Begin a project: a package with models and seeds, and the settings in pyproject.toml.

    No file that is there is overwritten. A pyproject.toml without these settings gets them at its
    end.

    Example: mkdir heroes && cd heroes && andamios-orm init
    """
    if not package.isidentifier() or iskeyword(package):
        raise ConfigurationProblem(
            f"`{package}` is no name for a package", "pass a word, as in --package app"
        )
    output = Output(as_json=as_json)
    files = _files(folder, package, url)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if migration:
        files[_first_migration(folder)] = ""
    if as_json:
        output.document({"files": sorted(files)})
        return
    for path in files:
        output.line(f"Wrote {path}")
    first = "" if migration else 'andamios-orm migrate new "first tables", '
    output.note(f"Next: {first}andamios-orm migrate up, andamios-orm db-seed")


def _files(folder: Path, package: str, url: str) -> dict[Path, str]:
    """Return what to write. Raises ConfigurationProblem if a project is there already."""
    pyproject = folder / "pyproject.toml"
    existing = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else None
    # As JSON, a text is quoted as TOML quotes it.
    settings = _SETTINGS.format(url=json.dumps(url), package=package)
    files = {
        folder / package / "__init__.py": f'"""The {package} project."""\n',
        folder / package / "models.py": _MODELS,
        folder / package / "seeds.py": _SEEDS.format(package=package),
    }
    there = [path for path in files if path.exists()]
    if existing is not None and "[tool.andamios-orm]" in existing:
        there.append(pyproject)
    if there:
        raise ConfigurationProblem(
            f"{', '.join(map(str, there))} is there already, and nothing was written",
            "run it in an empty folder, or choose another --package",
        )
    files[pyproject] = settings if existing is None else f"{existing.rstrip()}\n\n{settings}"
    # A repository often has these from its first day on.
    extra = {
        folder / "README.md": _README.format(package=package, name=folder.resolve().name),
        folder / ".gitignore": _GITIGNORE,
    }
    return files | {path: text for path, text in extra.items() if not path.exists()}


def _first_migration(folder: Path) -> Path:
    config = load_config(folder=folder)
    path = Project(config, Output()).migrating(lambda migrator: migrator.new("first tables"))
    if path is None:
        raise ConfigurationProblem(
            f"{masked(config.url)} has these tables already, so no migration was written",
            "pass another --url",
        )
    return folder / path.relative_to(config.root)


_SETTINGS = """\
[tool.andamios-orm]
url = {url}
models = ["{package}.models"]
seeds = ["{package}.seeds"]
"""

_MODELS = '''\
"""What the project stores."""

from andamios_orm import Col, Model, field, generated


class Team(Model, table=True):
    """A team of heroes."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, min_length=1, max_length=50)


class Hero(Model, table=True):
    """Somebody who helps."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, min_length=1, max_length=50)
    age: Col[int | None] = field(default=None, ge=0)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
'''

_SEEDS = '''\
"""Rows that the project needs from its first day on: `andamios-orm db-seed` stores them."""

from andamios_orm.seeding import seed
from {package}.models import Hero, Team


@seed(Team, key="name")
def teams() -> list[Team]:
    """The teams that there are."""
    return [Team(name="Engineers"), Team(name="Admirals")]


@seed(Hero, key="name", environments=["development", "test"])
def heroes() -> list[Hero]:
    """Heroes to play with."""
    return [Hero(name="Ada", age=36), Hero(name="Grace", age=85)]
'''

_README = """\
# {name}

The models are in `{package}/models.py`, the rows to begin with in `{package}/seeds.py`.

    andamios-orm dev-setup             # make this machine ready
    andamios-orm migrate new "..."     # after a change of the models: write the migration
    andamios-orm migrate               # see it, and apply it
    andamios-orm db-seed --sample      # made up rows to play with
    andamios-orm schema graph          # a picture of the tables
"""

_GITIGNORE = """\
__pycache__/
.andamios/
.env
*.duckdb
*.duckdb.wal
*.db
"""

COMMANDS = {"init": _init}
