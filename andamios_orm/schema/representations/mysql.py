"""How columns look on MySQL and MariaDB: exact text, microseconds, and 16 bytes for a UUID."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from andamios_orm.errors import NotSupported
from andamios_orm.schema.representations import checks
from andamios_orm.schema.representations.base import Expression, Representation
from andamios_orm.schema.representations.reads import whole_number
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["ExactText", "enforces_length", "key_bytes", "represent"]

_KEY_BYTES = 3072
"""What an index of InnoDB takes, in bytes; a character of utf8mb4 counts as four."""
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


def key_bytes(sized: int, others: int) -> int:
    """Return how many bytes each of `sized` texts or byte strings of one index can have.

    `others` is how many columns of other types the index has; none takes more than 32 bytes.
    """
    return (_KEY_BYTES - 32 * others) // sized


def represent(storage: Storage, *, limit: int | None = None) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context.

    `limit` is how many bytes an index leaves to the column, None for one that is in none. Raises
    NotSupported for decimals of more digits than the engines have.
    """
    kind = storage.kind
    if kind is Kind.TEXT:
        short = _short(storage, limit)
        most = short or storage.length
        return Representation(
            ExactText(short), checks.text(most), bind_many=checks.many_texts(most)
        )
    if kind is Kind.BYTES:
        short = _short(storage, limit)
        kept = sa.VARBINARY(short) if short else _long_bytes()
        return Representation(kept, checks.data(short or storage.length))
    if kind is Kind.DECIMAL:
        return _decimal(cast("int", storage.precision), cast("int", storage.scale))
    return _by_kind()[kind]


def enforces_length(storage: Storage, *, limit: int | None) -> bool:
    """Whether the column's type refuses what is longer than declared."""
    return _short(storage, limit) is not None


def _short(storage: Storage, limit: int | None) -> int | None:
    """Return the length of the column's type, None for one without a length.

    A declared length is kept, also where an index cannot hold it: the server then says so.
    """
    unit = 4 if storage.kind is Kind.TEXT else 1
    if storage.length is None:
        return None if limit is None else limit // unit
    fits = storage.length * unit <= _KEY_BYTES
    return storage.length if fits or limit is not None else None


def _decimal(precision: int, scale: int) -> Representation:
    if precision > _MAX_DIGITS or scale > _MAX_PLACES:
        raise NotSupported(
            f"DECIMAL has {_MAX_DIGITS} digits at most, {_MAX_PLACES} of them after the point, and"
            f" {precision} and {scale} are declared",
            "declare fewer max_digits and decimal_places, or use PostgreSQL",
        )
    return Representation(
        sa.Numeric(precision, scale),
        checks.exact_decimal(precision, scale),
        bind_many=checks.many_decimals(precision, scale),
    )


_naive_utc = checks.instant.then("{0}.replace(tzinfo=None)")


def _many_naive_utc(values: list[datetime]) -> list[datetime] | None:
    found = checks.many_instants(values)
    return None if found is None else [value.replace(tzinfo=None) for value in found]


_instant = Expression("{0}.replace(tzinfo={UTC})", UTC=UTC)


# TIME is an interval of up to 838 hours there, and drivers give it as one.
_clock = Expression("({midnight} + {0}).time()", midnight=datetime.min)
_interval = Expression("{timedelta}(microseconds=int({0}))", timedelta=timedelta)


def _bytes_of(value: UUID) -> bytes:
    return value.bytes


_uuid = Expression("{UUID}(bytes={0})", UUID=UUID)


# SQLAlchemy's dialect is loaded with the first database of its kind, not with the library.
def _long_bytes() -> sa.types.TypeEngine[bytes]:
    from sqlalchemy.dialects.mysql import LONGBLOB  # noqa: PLC0415 - its first use

    return LONGBLOB()


@cache
def _by_kind() -> Mapping[Kind, Representation]:
    from sqlalchemy.dialects import mysql  # noqa: PLC0415 - its first use

    return {
        Kind.INTEGER: Representation(
            sa.BigInteger(), checks.integer, whole_number, bind_many=checks.many_integers
        ),
        Kind.BOOLEAN: Representation(mysql.TINYINT(1), int, bool, bind_many=checks.many_booleans),
        Kind.FLOAT: Representation(
            mysql.DOUBLE(), checks.never_infinite, bind_many=checks.many_floats
        ),
        Kind.DATE: Representation(sa.Date(), checks.day),
        Kind.TIME: Representation(mysql.TIME(fsp=6), checks.clock_time, _clock, _clock),
        # Not TIMESTAMP, which ends in 2038.
        Kind.DATETIME: Representation(
            mysql.DATETIME(fsp=6), _naive_utc, _instant, _instant, bind_many=_many_naive_utc
        ),
        Kind.NAIVE_DATETIME: Representation(mysql.DATETIME(fsp=6), checks.wall_clock),
        Kind.INTERVAL: Representation(sa.BigInteger(), checks.microseconds, _interval, _interval),
        # Sixteen bytes take any UUID; MariaDB's own type refuses some.
        Kind.UUID: Representation(sa.BINARY(16), _bytes_of, _uuid, _uuid),
    }
