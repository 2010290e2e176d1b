"""How columns look on an engine that has a type for each kind: PostgreSQL."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import sqlalchemy as sa

from andamios_orm.schema.representations import checks
from andamios_orm.schema.representations.base import Expression, Representation
from andamios_orm.schema.representations.reads import whole_number
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["represent"]


def represent(storage: Storage) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context."""
    kind = storage.kind
    if kind is Kind.TEXT:
        kept = sa.String(storage.length) if storage.length else sa.Text()
        many = checks.many_texts(storage.length)
        return Representation(kept, checks.text(storage.length), bind_many=many)
    if kind is Kind.BYTES:
        return Representation(sa.LargeBinary(), checks.data(storage.length))
    if kind is Kind.DECIMAL:
        precision, scale = cast("int", storage.precision), cast("int", storage.scale)
        return Representation(
            sa.Numeric(precision, scale),
            checks.exact_decimal(precision, scale),
            bind_many=checks.many_decimals(precision, scale),
        )
    if kind is Kind.FLOAT:
        return Representation(
            sa.Double(),
            checks.finite if storage.finite else checks.any_float,
            bind_many=checks.many_floats,
        )
    return _BY_KIND[kind]


# asyncpg gives its own subclass; a field that was declared UUID gets UUID.
_plain_uuid = Expression("{UUID}(int={0}.int)", UUID=UUID)

_BY_KIND = {
    Kind.INTEGER: Representation(
        sa.BigInteger(), checks.integer, whole_number, bind_many=checks.many_integers
    ),
    Kind.BOOLEAN: Representation(sa.Boolean()),
    Kind.DATE: Representation(sa.Date(), checks.day),
    Kind.TIME: Representation(sa.Time(), checks.clock_time),
    Kind.DATETIME: Representation(
        sa.DateTime(timezone=True), checks.instant, bind_many=checks.many_instants
    ),
    Kind.NAIVE_DATETIME: Representation(sa.DateTime(), checks.wall_clock),
    Kind.INTERVAL: Representation(sa.Interval()),
    Kind.UUID: Representation(sa.Uuid(), None, _plain_uuid, _plain_uuid),
}
