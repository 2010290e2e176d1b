"""What a database says of itself, and what is not done to one in production."""

from __future__ import annotations

from andamios_orm.errors import WrongEnvironment
from andamios_orm.migration.journal import Journal

__all__ = ["PRODUCTION", "refuse_in_production", "refuse_other_environment", "refuse_unconfirmed"]

PRODUCTION = "production"


def refuse_other_environment(journal: Journal, environment: str | None) -> str | None:
    """Return the environment of a database, which it keeps from its first migration on.

    Raises WrongEnvironment if it is another than the one that is asked for.
    """
    kept = journal.fact("environment")
    if kept is not None and environment is not None and kept != environment:
        raise WrongEnvironment(
            f"this database is {kept}, and the environment is {environment}",
            f"set --environment {kept}, or the URL of the {environment} database",
        )
    return kept or environment


def refuse_in_production(environment: str | None, what: str) -> None:
    """Raise WrongEnvironment for what nobody does to a database in production."""
    if environment == PRODUCTION:
        raise WrongEnvironment(
            f"this database is {PRODUCTION}: {what} is refused there",
            "use another database, with --url",
        )


def refuse_unconfirmed(environment: str | None, name: str, confirm: str | None) -> None:
    """Raise WrongEnvironment where data in production would go and nobody typed its name."""
    if environment == PRODUCTION and confirm != name:
        raise WrongEnvironment(
            f"this removes data of the database {name}, which is {PRODUCTION}",
            f"confirm it with the name of the database: --confirm {name}",
        )
