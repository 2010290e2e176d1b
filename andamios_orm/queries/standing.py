"""What holds for every query of a model: rows marked as deleted, or of others, are not there."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement

from andamios_orm.queries.conditions import Condition, NullTest
from andamios_orm.queries.nodes import Binder, Key
from andamios_orm.queries.terms import Attr
from andamios_orm.schema.compiler import spec_of
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


_by_model: dict[tuple[type[BaseModel], bool], tuple[Condition, ...]] = {}


def standing_conditions(
    model: type[BaseModel], *, with_deleted: bool = False
) -> tuple[Condition, ...]:
    """Return the conditions that every query of a model has without being asked.

    Always the same objects: that the row is the tenant's, and, unless `with_deleted`, that it is
    not marked as deleted.
    """
    found = _by_model.get((model, with_deleted))
    if found is None:
        role: Role = "tenant" if with_deleted else "deleted_at"
        attr = _role(model, role)
        found = () if with_deleted else standing_conditions(model, with_deleted=True)
        if attr is not None:
            one = TenantCondition(attr) if with_deleted else NullTest(attr, negated=False)
            found = (*found, one)
        _by_model[model, with_deleted] = found
    return found


def _role(model: type[BaseModel], role: Role) -> Attr | None:
    spec = spec_of(model)
    field = spec.roles.get(role)
    return None if field is None else cast("Attr", getattr(spec.model, field.name))
