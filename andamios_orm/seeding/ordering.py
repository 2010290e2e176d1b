"""Put models in the order of their foreign keys: a row is stored after those it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from andamios_orm.database.session import Session
from andamios_orm.errors import SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.seeding.pools import groups_of

__all__ = ["in_order", "referred_models", "require_tables"]


def in_order(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return models, each after those that its rows refer to.

    Where models refer to each other, a reference that may be missing gives way.
    """
    chosen = sorted(set(models), key=lambda model: table_of(model).fullname)
    targets = {model: _targets(model) for model in chosen}
    found: dict[type[Model], None] = {}
    begun: set[type[Model]] = set()

    def visit(model: type[Model]) -> None:
        begun.add(model)
        for target, required in targets[model].items():
            if target in begun or target not in targets:
                continue
            if required or model not in _reachable(target, targets):
                visit(target)
        found[model] = None

    for model in chosen:
        if model not in begun:
            visit(model)
    return list(found)


def referred_models(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return models with all that they refer to, and what these refer to."""
    found: dict[type[Model], None] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += _targets(model)
    return list(found)


def _targets(model: type[Model]) -> Mapping[type[Model], bool]:
    """Return the other models that one refers to, and whether its rows always do."""
    fields = spec_of(model).by_name
    found: dict[type[Model], bool] = {}
    for group in groups_of(model):
        if group.target is not model:
            required = not any(fields[name].nullable for name in group.names)
            found[group.target] = found.get(group.target, False) or required
    return found


def _reachable(
    start: type[Model], targets: Mapping[type[Model], Mapping[type[Model], bool]]
) -> set[type[Model]]:
    found: set[type[Model]] = set()
    waiting = [start]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += [target for target in targets.get(model, ()) if target not in found]
    return found


async def require_tables(session: Session, models: Iterable[type[Model]]) -> None:
    """Raise SeedProblem for models whose tables the database does not have."""
    tables = [table_of(model) for model in models]

    def missing(connection: sa.Connection) -> list[str]:
        inspector = sa.inspect(connection)
        return [t.fullname for t in tables if not inspector.has_table(t.name, schema=t.schema)]

    if found := await session.run_sync(missing):
        raise SeedProblem(
            f"the database has no table {', '.join(found)}",
            "create it first: `andamios-orm migrate up`",
        )
