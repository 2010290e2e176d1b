"""On whose behalf a law stores rows that belong to tenants."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from andamios_orm.database.engine import Database
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import Kind
from andamios_orm.testing.laws.playground import Playground

__all__ = ["of_somebody", "on_behalf"]

_SOMEBODY = {Kind.TEXT: "acme", Kind.UUID: UUID(int=1), Kind.INTEGER: 1}


def of_somebody(playground: Playground) -> Database:
    """Return the playground's database on behalf of a tenant, if its models have tenants."""
    return on_behalf(playground.db, playground.models)


def on_behalf(database: Database, models: Iterable[type[Model]]) -> Database:
    """Return a database on behalf of a tenant, and as it is where no model has tenants."""
    for model in models:
        field = spec_of(model).roles.get("tenant")
        if field is not None:
            return database.for_tenant(_SOMEBODY[field.storage.kind])
    return database
