"""Read a database URL: which backend, through which driver, and what is missing for it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import sqlalchemy as sa
from sqlalchemy.engine import URL, Dialect

from andamios_orm.backends.base import Backend
from andamios_orm.errors import InvalidURL, MissingDriver, NotSupported

__all__ = ["NAMES", "backend_named", "backend_of", "read_url"]

NAMES = ("duckdb", "sqlite", "postgresql", "mariadb", "mysql")
"""What a URL can begin with: the name of a backend."""
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
    backend = backend_named(_ALIASES.get(name, name))
    if backend is None:
        known = ", ".join(sorted(NAMES))
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


@cache
def backend_named(name: str) -> Backend | None:
    """Return the one backend of that name, None if there is none.

    Each is loaded with the first database of its kind, not when the library is imported, because
    it brings SQLAlchemy's dialect.
    """
    if name == "duckdb":
        from andamios_orm.backends.duckdb.backend import DuckDBBackend  # noqa: PLC0415 - the one in use

        return DuckDBBackend()
    if name == "sqlite":
        from andamios_orm.backends.sqlite import SQLiteBackend  # noqa: PLC0415 - the one in use

        return SQLiteBackend()
    if name == "postgresql":
        from andamios_orm.backends.postgresql import PostgreSQLBackend  # noqa: PLC0415 - the one in use

        return PostgreSQLBackend()
    if name in ("mariadb", "mysql"):
        from andamios_orm.backends.mysql.backend import (  # noqa: PLC0415 - the one in use
            MariaDBBackend,
            MySQLBackend,
        )

        return MariaDBBackend() if name == "mariadb" else MySQLBackend()
    return None


def backend_of(dialect: Dialect) -> Backend:
    """Return the backend of a SQLAlchemy dialect. Raises NotSupported for any other driver."""
    backend = backend_named(dialect.name)
    if backend is None or dialect.driver != backend.driver:
        backends = (backend_named(name) for name in NAMES)
        known = ", ".join(f"{b.name}+{b.driver}" for b in backends if b is not None)
        raise NotSupported(
            f"a connection through {dialect.name}+{dialect.driver} cannot be joined",
            f"open the SQLAlchemy engine with one of {known}",
        )
    return backend
