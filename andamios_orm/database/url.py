"""Read a database URL: which backend, through which driver, and what is missing for it."""

from __future__ import annotations

from importlib.util import find_spec

import sqlalchemy as sa
from sqlalchemy.engine import URL, Dialect

from andamios_orm.backends.base import Backend
from andamios_orm.backends.duckdb.backend import DuckDBBackend
from andamios_orm.backends.mysql.backend import MariaDBBackend, MySQLBackend
from andamios_orm.backends.postgresql import PostgreSQLBackend
from andamios_orm.backends.sqlite import SQLiteBackend
from andamios_orm.errors import InvalidURL, MissingDriver, NotSupported

__all__ = ["BACKENDS", "backend_of", "read_url"]

BACKENDS: dict[str, Backend] = {
    b.name: b
    for b in (
        DuckDBBackend(),
        SQLiteBackend(),
        PostgreSQLBackend(),
        MariaDBBackend(),
        MySQLBackend(),
    )
}
"""Every backend, by the name that a URL begins with."""
_ALIASES = {"postgres": "postgresql"}
_EXAMPLES = "duckdb:///shop.duckdb, postgresql://user:password@host/database"


def read_url(text: str | URL) -> tuple[URL, Backend]:
    """Return the URL with its async driver, and its backend.

    Raises InvalidURL for what is no URL of a known database, MissingDriver if the driver's
    package is not installed. No message shows the URL: it may hold a password.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # The parser's own message repeats the text.
        raise InvalidURL("the database URL cannot be read", f"write it like {_EXAMPLES}") from None
    name, _, driver = url.drivername.partition("+")
    backend = BACKENDS.get(_ALIASES.get(name, name))
    if backend is None:
        known = ", ".join(sorted(BACKENDS))
        raise InvalidURL(
            f"there is no backend for `{name}`; known: {known}", f"write it like {_EXAMPLES}"
        )
    if driver not in ("", backend.driver):
        raise InvalidURL(
            f"{backend.name} is driven by {backend.driver}, not by `{driver}`",
            f"write `{backend.name}://...`, without a driver",
        )
    if find_spec(backend.package) is None:
        raise MissingDriver(
            f"{backend.name} needs the package `{backend.package}`, which is not installed",
            f'pip install "andamios-orm[{backend.extra}]"'
            if backend.extra
            else f"pip install {backend.package}",
        )
    return url.set(drivername=f"{backend.name}+{backend.driver}"), backend


def backend_of(dialect: Dialect) -> Backend:
    """Return the backend of a SQLAlchemy dialect. Raises NotSupported for any other driver."""
    backend = BACKENDS.get(dialect.name)
    if backend is None or dialect.driver != backend.driver:
        known = ", ".join(f"{b.name}+{b.driver}" for b in BACKENDS.values())
        raise NotSupported(
            f"a connection through {dialect.name}+{dialect.driver} cannot be joined",
            f"open the SQLAlchemy engine with one of {known}",
        )
    return backend
