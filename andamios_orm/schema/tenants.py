"""The value that stands for the tenant at hand, until a statement gets its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.engine import Dialect

from andamios_orm.errors import MissingTenant
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.representations.base import Converter

__all__ = ["TENANT", "TenantOf", "missing_tenant", "with_tenant"]


class _Tenant:
    __slots__ = ()

    def __repr__(self) -> str:
        return "TENANT"


TENANT: Final = _Tenant()
"""Stands among a statement's values for the tenant on whose behalf it runs."""


class TenantOf(Stored):
    """The type of a parameter for which a tenant must have been put."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Converter:
        """Return tenant → driver value, which raises MissingTenant where there is none."""
        bind = super().bind_processor(dialect)

        def bound(value: object) -> object:
            if value is TENANT:
                raise missing_tenant(self.field)
            return value if bind is None else bind(value)

        return bound


def missing_tenant(field: str) -> MissingTenant:
    """Return the error for a field whose model is used without a tenant."""
    return MissingTenant(
        f"{field} says whose a row is, and nobody said on whose behalf this is done",
        "use `database.for_tenant(...)`, or a session of it, in the place of the database",
    )


def with_tenant(values: Sequence[object], tenant: object) -> list[object]:
    """Return the values with the tenant in its places."""
    return [tenant if value is TENANT else value for value in values]
