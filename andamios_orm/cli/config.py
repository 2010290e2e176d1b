"""The settings of a project: from options, the environment, `.env` and `pyproject.toml`."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

from andamios_orm.errors import ConfigurationProblem

__all__ = ["SETTINGS", "Config", "Setting", "load_config", "load_modules", "masked"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it was found: its value, and where it came from."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a setting before it is looked for."""

    default: object
    variables: tuple[str, ...]
    many: bool = False
    told: str = ""


SETTINGS: Mapping[str, _Known] = {
    "url": _Known(None, ("ANDAMIOS_URL", "DATABASE_URL"), told="the database"),
    "models": _Known((), ("ANDAMIOS_MODELS",), many=True, told="modules that declare the models"),
    "migrations": _Known("migrations", ("ANDAMIOS_MIGRATIONS",), told="folder of the revisions"),
    "seeds": _Known((), ("ANDAMIOS_SEEDS",), many=True, told="modules and folders of seeds"),
    "environment": _Known("development", ("ANDAMIOS_ENVIRONMENT",), told="what the database is"),
}
_TABLE = "tool.andamios-orm"


@dataclass(frozen=True)
class Config:
    """The settings of one database of a project."""

    root: Path
    """The folder of pyproject.toml, or the current one."""
    settings: Mapping[str, Setting]
    database: str | None = None
    databases: tuple[str, ...] = field(default=())
    """The names of further databases, for `--database`."""

    @property
    def url(self) -> str:
        """The URL of the database. Raises ConfigurationProblem if there is none."""
        found = self.settings["url"].value
        if not found and self.database is not None:
            raise ConfigurationProblem(
                f"the database {self.database} has no url",
                f'write url = "..." under [{_TABLE}.databases.{self.database}] in pyproject.toml,'
                f" set {_variables_of(self.database)}_URL, or pass --url",
            )
        if not found:
            raise ConfigurationProblem(
                "no database is named",
                f'write url = "duckdb:///app.duckdb" under [{_TABLE}] in pyproject.toml, set'
                " ANDAMIOS_URL, or pass --url; `andamios-orm init` begins a project",
            )
        return str(found)

    @property
    def models(self) -> tuple[str, ...]:
        """The modules that declare the models. Raises ConfigurationProblem if there are none."""
        found = self._many("models")
        if not found:
            raise ConfigurationProblem(
                "no module with models is named",
                f'write models = ["app.models"] under [{_TABLE}] in pyproject.toml, or set'
                " ANDAMIOS_MODELS",
            )
        return found

    @property
    def seeds(self) -> tuple[str, ...]:
        """The modules and folders of seeds."""
        return self._many("seeds")

    @property
    def migrations(self) -> Path:
        """The folder of the revisions."""
        return self.root / str(self.settings["migrations"].value)

    @property
    def environment(self) -> str:
        """What the database is: development, production, or what a project calls it."""
        return str(self.settings["environment"].value)

    @property
    def environment_is_given(self) -> bool:
        """Whether somebody has said so."""
        return self.settings["environment"].origin != "default"

    def _many(self, name: str) -> tuple[str, ...]:
        value = self.settings[name].value
        return tuple(value) if isinstance(value, list | tuple) else ()


def load_config(
    options: Mapping[str, object] | None = None,
    *,
    database: str | None = None,
    folder: Path | None = None,
) -> Config:
    """Return the settings; `options` are those of the command line, None where not given.

    Raises ConfigurationProblem for a file that cannot be read, a setting of another type, one that
    nobody knows, and a database that is not named.
    """
    here = (folder or Path.cwd()).resolve()
    pyproject = _pyproject(here)
    root = here if pyproject is None else pyproject.parent
    table = {} if pyproject is None else _table(pyproject)
    databases = table.pop("databases", {})
    named = _named(databases, database)
    dotenv = _dotenv(root)
    settings = {
        name: _found(name, known, options or {}, dotenv, named, table, database)
        for name, known in SETTINGS.items()
    }
    names = tuple(databases) if isinstance(databases, dict) else ()
    return Config(root, settings, database, names)


def _pyproject(here: Path) -> Path | None:
    """Return the nearest pyproject.toml, upwards from a folder."""
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder / "pyproject.toml"
    return None


def _table(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationProblem(f"{path} cannot be read: {error}", "mend the file") from None
    tool = content.get("tool", {})
    table = tool.get("andamios-orm", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationProblem(f"{path}: {_TABLE} is no table", f"write [{_TABLE}]")
    _refuse_unknown(table, f"[{_TABLE}]", {*SETTINGS, "databases"})
    return dict(table)


def _refuse_unknown(table: Mapping[str, object], where: str, known: set[str]) -> None:
    if unknown := sorted(table.keys() - known):
        raise ConfigurationProblem(
            f"{where} in pyproject.toml has no setting {', '.join(unknown)}",
            f"known are {', '.join(sorted(known))}",
        )


def _named(databases: object, name: str | None) -> Mapping[str, object]:
    if name is None:
        return {}
    found = databases.get(name) if isinstance(databases, dict) else None
    if not isinstance(found, dict):
        known = ", ".join(databases) if isinstance(databases, dict) and databases else "none"
        raise ConfigurationProblem(
            f"no database `{name}` is configured; there are: {known}",
            f"write [{_TABLE}.databases.{name}] with its url in pyproject.toml",
        )
    _refuse_unknown(found, f"[{_TABLE}.databases.{name}]", set(SETTINGS))
    return found


def _dotenv(root: Path) -> Mapping[str, str]:
    path = root / ".env"
    if not path.is_file():
        return {}
    # It is read, not loaded: nothing but these settings is taken from it.
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is a file

    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _found(
    name: str,
    known: _Known,
    options: Mapping[str, object],
    dotenv: Mapping[str, str],
    named: Mapping[str, object],
    table: Mapping[str, object],
    database: str | None,
) -> Setting:
    for value, origin in _places(name, known, options, dotenv, named, table, database):
        if value is not None and value != "":
            return Setting(_typed(name, known, value, origin), origin)
    return Setting(known.default, "default")


def _places(
    name: str,
    known: _Known,
    options: Mapping[str, object],
    dotenv: Mapping[str, str],
    named: Mapping[str, object],
    table: Mapping[str, object],
    database: str | None,
) -> Iterator[tuple[object, str]]:
    yield options.get(name), f"--{name}"
    if database is not None:
        # The variables speak of the one database of the project.
        variable = f"{_variables_of(database)}_{name.upper()}"
        yield os.environ.get(variable), variable
        yield dotenv.get(variable), f".env {variable}"
        yield named.get(name), f"pyproject.toml [{_TABLE}.databases.{database}]"
        if name == "url":
            return
    for variable in known.variables:
        yield os.environ.get(variable), variable
    for variable in known.variables:
        yield dotenv.get(variable), f".env {variable}"
    yield table.get(name), f"pyproject.toml [{_TABLE}]"


def _variables_of(database: str) -> str:
    """Return what the names of the variables of a further database begin with."""
    return f"ANDAMIOS_{database.upper().replace('-', '_')}"


def _typed(name: str, known: _Known, value: object, origin: str) -> object:
    if known.many:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return tuple(value)
        raise ConfigurationProblem(
            f"{name} of {origin} is no list of texts", f'write {name} = ["app.{name}"]'
        )
    if isinstance(value, str):
        return value
    raise ConfigurationProblem(f"{name} of {origin} is no text", f'write {name} = "..."')


def masked(url: str) -> str:
    """Return a URL without its password, and without what else in it may be secret."""
    import sqlalchemy as sa  # noqa: PLC0415 - a command that shows a URL, not every one

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "(a URL that cannot be read)"
    words = ("pass", "key", "token", "secret")
    secret = {n: "***" for n in parsed.query if any(word in n.lower() for word in words)}
    query = {**parsed.query, **secret}
    shown = parsed.set(query=query).render_as_string(hide_password=True)
    return shown.replace(quote("***"), "***")


def load_modules(config: Config, names: Sequence[str]) -> None:
    """Import modules of the project. Raises ConfigurationProblem for one that cannot be."""
    root = str(config.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    for name in names:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise ConfigurationProblem(
                    f"there is no module `{name}`, which the settings name",
                    f"create it, or correct the name; it is looked for from {root} on",
                ) from None
            raise
