"""How columns look on MySQL and MariaDB: exact text, microseconds, and 16 bytes for a UUID."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles

from andamios_orm.errors import NotSupported
from andamios_orm.schema.representations import checks
from andamios_orm.schema.representations.base import Representation
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["ExactText", "enforces_length", "represent"]

_SHORT = 768
"""Characters of a VARCHAR at most: what an index of InnoDB takes (3,072 bytes of utf8mb4)."""
_SHORT_BYTES = 3072
# MySQL's scale ends at 30, MariaDB's at 38 (manuals, "Fixed-Point Types" and "DECIMAL").
_MAX_DIGITS, _MAX_PLACES = 65, 30


class ExactText(sa.Text):
    """Text that is equal to itself only: no case, accents or trailing spaces are overlooked.

    With `length` it is a VARCHAR, which can be indexed, else a LONGTEXT. The character set is
    named in the column, because a server's default may be latin1.
    """

    __visit_name__ = "andamios_exact_text"
    cache_ok = True


@compiles(ExactText)
def _render_exact_text(kept: ExactText, compiler: Any, **kw: Any) -> str:
    # Both collations compare code points and do not pad with spaces, under different names.
    mariadb = compiler.dialect.is_mariadb
    collation = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
    name = f"VARCHAR({kept.length})" if kept.length else "LONGTEXT"
    return f"{name} CHARACTER SET utf8mb4 COLLATE {collation}"


def represent(storage: Storage, *, keyed: bool = False) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context.

    `keyed` columns are indexed, so their text must fit a key. Raises NotSupported for decimals of
    more digits than the engines have.
    """
    kind = storage.kind
    if kind is Kind.TEXT:
        short = _short(storage.length, _SHORT, keyed=keyed)
        return Representation(ExactText(short), checks.text(short or storage.length))
    if kind is Kind.BYTES:
        short = _short(storage.length, _SHORT_BYTES, keyed=keyed)
        kept = sa.VARBINARY(short) if short else mysql.LONGBLOB()
        return Representation(kept, checks.data(short or storage.length))
    if kind is Kind.DECIMAL:
        return _decimal(cast("int", storage.precision), cast("int", storage.scale))
    return _BY_KIND[kind]


def enforces_length(storage: Storage, *, keyed: bool) -> bool:
    """Whether the column's type refuses what is longer than declared."""
    limit = _SHORT if storage.kind is Kind.TEXT else _SHORT_BYTES
    return _short(storage.length, limit, keyed=keyed) is not None


def _short(length: int | None, limit: int, *, keyed: bool) -> int | None:
    if length is None:
        return limit if keyed else None
    return length if length <= limit or keyed else None


def _decimal(precision: int, scale: int) -> Representation:
    if precision > _MAX_DIGITS or scale > _MAX_PLACES:
        raise NotSupported(
            f"DECIMAL has {_MAX_DIGITS} digits at most, {_MAX_PLACES} of them after the point, and"
            f" {precision} and {scale} are declared",
            "declare fewer max_digits and decimal_places, or use PostgreSQL",
        )
    return Representation(sa.Numeric(precision, scale), checks.exact_decimal(precision, scale))


def _whole(value: object) -> object:
    # A sum of whole numbers is a DECIMAL, which a sum of `int` should not show.
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _naive_utc(value: datetime) -> datetime:
    return checks.instant(value).replace(tzinfo=None)


def _instant(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


_MIDNIGHT = datetime.min


def _clock(value: timedelta) -> time:
    # TIME is an interval of up to 838 hours there, and drivers give it as one.
    return (_MIDNIGHT + value).time()


def _interval(value: int | Decimal) -> timedelta:
    return timedelta(microseconds=int(value))


def _bytes_of(value: UUID) -> bytes:
    return value.bytes


def _uuid(value: bytes) -> UUID:
    return UUID(bytes=value)


_BY_KIND = {
    Kind.INTEGER: Representation(sa.BigInteger(), checks.integer, _whole),
    Kind.BOOLEAN: Representation(mysql.TINYINT(1), int, bool),
    Kind.FLOAT: Representation(mysql.DOUBLE(), checks.never_infinite),
    Kind.DATE: Representation(sa.Date(), checks.day),
    Kind.TIME: Representation(mysql.TIME(fsp=6), checks.clock_time, _clock, _clock),
    # Not TIMESTAMP, which ends in 2038.
    Kind.DATETIME: Representation(mysql.DATETIME(fsp=6), _naive_utc, _instant, _instant),
    Kind.NAIVE_DATETIME: Representation(mysql.DATETIME(fsp=6), checks.wall_clock),
    Kind.INTERVAL: Representation(sa.BigInteger(), checks.microseconds, _interval, _interval),
    # Sixteen bytes take any UUID; MariaDB's own type refuses some.
    Kind.UUID: Representation(sa.BINARY(16), _bytes_of, _uuid, _uuid),
}
