"""What a command works with: its settings read, its models loaded, its database opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from andamios_orm.cli.config import Config, load_config, load_modules
from andamios_orm.cli.output import Output

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.exc import DBAPIError

    from andamios_orm.database.engine import Database
    from andamios_orm.migration import Migrator

__all__ = ["Project", "project"]

R = TypeVar("R")


@dataclass(frozen=True)
class Project:
    """What a command works with: the settings, and where it writes to."""

    config: Config
    output: Output

    def load_models(self) -> None:
        """Import the modules that declare the models."""
        load_modules(self.config, self.config.models)

    def database(self) -> Database:
        """Return the database, not opened yet. The models must be loaded."""
        from andamios_orm.database.engine import Database  # noqa: PLC0415 - commands that need one

        return Database(self.config.url, metadata=self.metadata())

    def metadata(self) -> sa.MetaData:
        """Return where the models of the settings are declared, which must be loaded.

        Raises ConfigurationProblem for models of several MetaDatas, which one database cannot have.
        """
        from andamios_orm.errors import ConfigurationProblem  # noqa: PLC0415 - as above
        from andamios_orm.schema.registry import declarations, default_metadata  # noqa: PLC0415 - as above

        names = self.config.models
        found = {
            declaration.metadata
            for declaration in declarations()
            if any(f"{declaration.model.__module__}.".startswith(f"{name}.") for name in names)
        }
        if len(found) > 1:
            raise ConfigurationProblem(
                f"the models of {', '.join(names)} have several MetaDatas",
                "name the modules of one database only; further databases have a table of their"
                " own, [tool.andamios-orm.databases.NAME]",
            )
        return found.pop() if found else default_metadata

    def migrating(self, function: Callable[[Migrator], Awaitable[R]]) -> R:
        """Call a function with the migrations of the database, the models loaded."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

        from andamios_orm.database.loop import run  # noqa: PLC0415 - as above
        from andamios_orm.migration import Migrator  # noqa: PLC0415 - as above

        self.load_models()

        async def call() -> R:
            async with self.database() as database:
                given = self.config.environment if self.config.environment_is_given else None
                migrator = Migrator(database, self.config.migrations, environment=given)
                return await function(migrator)

        try:
            return run(call())
        except DBAPIError as error:
            # Migrations speak through a connection of SQLAlchemy's, which translates nothing.
            raise self._refused(error) from None

    def _refused(self, error: DBAPIError) -> BaseException:
        from andamios_orm.database.connection import translated  # noqa: PLC0415 - as above
        from andamios_orm.database.url import read_url  # noqa: PLC0415 - as above
        from andamios_orm.errors import StatementFailed  # noqa: PLC0415 - as above

        url, backend = read_url(self.config.url)
        told = translated(error, backend, url.get_dialect()())
        if isinstance(told, StatementFailed):
            told.fix = "correct the revision; `andamios-orm migrate status` tells what is done"
        return told


def project(
    *,
    url: str | None = None,
    database: str | None = None,
    environment: str | None = None,
    as_json: bool = False,
    no_color: bool = False,
) -> Project:
    """Return what a command works with. Raises ConfigurationProblem."""
    config = load_config({"url": url, "environment": environment}, database=database)
    return Project(config, Output(as_json=as_json, color=not no_color))
