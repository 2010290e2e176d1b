"""The engines that tests run on, and marks for tests that are about some of them."""

from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from andamios_orm import Database
from andamios_orm.database.url import read_url
from andamios_orm.testing.engines import ENGINES

__all__ = ["ENGINES", "driver_url", "not_on", "only_on", "server_of"]


def only_on(*names: str) -> pytest.MarkDecorator:
    """Run the test on these engines, of those that the suite knows."""
    return _on(name for name in ENGINES if name in names)


def not_on(*names: str) -> pytest.MarkDecorator:
    """Run the test on all engines but these: the test is about what they lack."""
    return _on(name for name in ENGINES if name not in names)


def _on(names: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("database_url", list(names), indirect=True)


def server_of(db: Database) -> str:
    """The kind of server behind a database, whatever its URL says."""
    name = db._pool.backend.name
    return "mariadb" if name == "mysql" else name


def driver_url(database_url: str) -> sa.URL:
    """The URL under which SQLAlchemy's own engines open the database."""
    url, _ = read_url(database_url)
    return url
