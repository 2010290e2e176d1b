"""On whose behalf a law stores rows that belong to tenants."""

from __future__ import annotations

from uuid import UUID

from andamios_orm.database.engine import Database
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import Kind
from andamios_orm.testing.laws.playground import Playground

__all__ = ["of_somebody"]

_SOMEBODY = {Kind.TEXT: "acme", Kind.UUID: UUID(int=1), Kind.INTEGER: 1}


def of_somebody(playground: Playground) -> Database:
    """Return the database on behalf of a tenant, and as it is where no model has tenants."""
    for model in playground.models:
        field = spec_of(model).roles.get("tenant")
        if field is not None:
            return playground.db.for_tenant(_SOMEBODY[field.storage.kind])
    return playground.db
