"""What a shell offers for the word that is being typed: models, revisions, databases.

A shell shows no error while somebody types, so a project that cannot be read offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps

from andamios_orm.cli.config import load_config
from andamios_orm.cli.running import project

__all__ = ["databases", "models", "revisions"]

Offered = list[tuple[str, str]]
"""Each word with what it is, in a few words."""


def _offering(found: Callable[[], Iterable[tuple[str, str]]]) -> Callable[[str], Offered]:
    @wraps(found)
    def offer(incomplete: str) -> Offered:
        try:
            words = list(found())
        except Exception:
            return []
        return [(word, told) for word, told in words if word.startswith(incomplete)]

    # typer asks a completer's parameters by their annotations.
    offer.__annotations__ = {"incomplete": str, "return": Offered}
    del offer.__wrapped__  # or typer would look at `found` instead
    return offer


@_offering
def databases() -> Iterable[tuple[str, str]]:
    """The databases that the settings name."""
    return [(name, "") for name in load_config().databases]


@_offering
def models() -> Iterable[tuple[str, str]]:
    """The models of the project, each with its table."""
    found = project()
    found.load_models()
    from andamios_orm.schema.registry import declarations  # noqa: PLC0415 - loaded while asked

    own = found.metadata()
    return [(d.model.__name__, d.full_name) for d in declarations() if d.metadata is own]


@_offering
def revisions() -> Iterable[tuple[str, str]]:
    """The revisions of the configured database's engine, the newest first."""
    from andamios_orm.database.engine import Database  # noqa: PLC0415 - loaded while asked
    from andamios_orm.migration.revisions import Revisions  # noqa: PLC0415 - as above

    config = load_config()
    engine = Database(config.url).engine_name
    known = Revisions(config.migrations / engine, engine).all()
    found = [(revision.id, revision.message) for revision in reversed(known)]
    return [*found, ("head", "the newest"), ("base", "before the first")]
