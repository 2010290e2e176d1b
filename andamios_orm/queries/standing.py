"""What holds for every query of a model: rows marked as deleted, or of others, are not there."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement

from andamios_orm.queries.conditions import Condition, NullTest
from andamios_orm.queries.nodes import Binder, Key
from andamios_orm.queries.terms import Attr
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.kept import kept
from andamios_orm.schema.spec import Role
from andamios_orm.schema.tenants import TENANT, TenantOf

__all__ = ["TenantCondition", "standing_conditions"]


class TenantCondition(Condition):
    """A row belongs to the tenant on whose behalf the statement runs."""

    __slots__ = ("attr", "value_type")

    def __init__(self, attr: Attr) -> None:
        self.attr = attr
        where = f"{attr.model.__name__}.{attr.name}"
        self.value_type = TenantOf(attr.storage, None, field=where)

    def key(self) -> Key:
        return ("tenant", self.attr.id)

    def values(self, into: list[object]) -> None:
        into.append(TENANT)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        column = self.attr.clause(binder)
        return cast("ColumnElement[Any]", column == binder.bind(TENANT, self.value_type))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.attr.models(into)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.attr.names_only(model)

    def __repr__(self) -> str:
        return f"{self.attr!r} == TENANT"


def standing_conditions(
    model: type[BaseModel], *, with_deleted: bool = False
) -> tuple[Condition, ...]:
    """Return the conditions that every query of a model has without being asked.

    Always the same objects: that the row is the tenant's, and, unless `with_deleted`, that it is
    not marked as deleted.
    """
    make = _of_all_rows if with_deleted else _of_rows
    return kept(model, make, lambda: make(model))


def _of_all_rows(model: type[BaseModel]) -> tuple[Condition, ...]:
    tenant = _role(model, "tenant")
    return () if tenant is None else (TenantCondition(tenant),)


def _of_rows(model: type[BaseModel]) -> tuple[Condition, ...]:
    of_all, deleted = standing_conditions(model, with_deleted=True), _role(model, "deleted_at")
    return of_all if deleted is None else (*of_all, NullTest(deleted, negated=False))


def _role(model: type[BaseModel], role: Role) -> Attr | None:
    spec = spec_of(model)
    field = spec.roles.get(role)
    return None if field is None else cast("Attr", getattr(spec.model, field.name))
