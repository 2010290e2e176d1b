"""Say whose the rows are that are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from pydantic import BaseModel

from andamios_orm.database.source import Source
from andamios_orm.errors import NotLoaded, UsageError
from andamios_orm.queries.terms import Attr
from andamios_orm.repositories.statements import ModelStatements
from andamios_orm.rows.batch import Group
from andamios_orm.rows.usual import Encoded
from andamios_orm.schema.tenants import missing_tenant

__all__ = ["owned", "owned_group", "require_own_rows", "require_tenant"]


def require_tenant(statements: ModelStatements[Any], source: Source) -> None:
    """Raise MissingTenant if the model's rows belong to tenants and the source is of none.

    Raises WrongType for a tenant of another type than the model's.
    """
    if statements.tenant is not None:
        statements.tenant.checked(_tenant_of(statements.tenant, source))


def _tenant_of(attr: Attr, source: Source) -> object:
    if source.tenant is None:
        raise missing_tenant(f"{attr!r}")
    return source.tenant


def owned(statements: ModelStatements[Any], source: Source, encoded: Encoded) -> Encoded:
    """Return fields and values of a row with the tenant's, for a model that has one.

    Raises UsageError for another's row.
    """
    attr = cast("Attr", statements.tenant)
    names, values = encoded
    if attr.name not in names:
        return (*names, attr.name), [*values, _tenant_of(attr, source)]
    _require_own(attr, values[names.index(attr.name)], source)
    return encoded


def owned_group(statements: ModelStatements[Any], source: Source, group: Group) -> Group:
    """Return rows with the tenant's value. Raises UsageError for another's row."""
    attr = statements.tenant
    if attr is None:
        return group
    if attr.name not in group.names:
        own = [_tenant_of(attr, source)] * group.size
        return Group((*group.names, attr.name), group.size, [*group.columns, own])
    for value in group.columns[group.names.index(attr.name)]:
        _require_own(attr, value, source)
    return group


def require_own_rows(
    statements: ModelStatements[Any], source: Source, rows: Iterable[BaseModel]
) -> None:
    """Raise UsageError for a stored row of another tenant, NotLoaded for one of no tenant yet.

    A link table has no tenant of its own to tell the rows apart that it joins.
    """
    attr = statements.tenant
    if attr is None:
        return
    for row in rows:
        if attr.name not in row.__dict__:
            raise NotLoaded(
                f"this {type(row).__name__} has no {attr.name} yet, so it is no stored row",
                "store it with add(), and go on with the instance that add() returns",
            )
        _require_own(attr, row.__dict__[attr.name], source)


def _require_own(attr: Attr, value: object, source: Source) -> None:
    if value != _tenant_of(attr, source):
        raise UsageError(
            f"{attr!r} of an instance is not the tenant on whose behalf it is written",
            f"leave {attr.name} out, which the library fills in, or write it for its own tenant",
        )
