"""Give columns of existing rows a value, a batch at a time, each in a transaction of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.choice import engine_named, live_table
from andamios_orm.migration.operations import BackfillOp
from andamios_orm.migration.render import described
from andamios_orm.migration.sql_names import as_text
from andamios_orm.migration.state import TableName

__all__ = ["backfill_step"]


def backfill_step(operation: BackfillOp) -> Step:
    """Return the step that fills batch after batch.

    Batches are ranges of the primary key, so that no row is looked at twice; a table without one
    is filled at once; so are the key itself, and a table with a key of FLOAT on MariaDB and MySQL.
    """

    live: list[sa.Table] = []

    def batch(connection: sa.Connection, position: str | None) -> str | None:
        if not live:
            live.append(_live(connection, operation.table_name, operation.schema))
        return _fill(connection, operation, live[0], position)

    return Step(batch=batch, told=described(operation), lock=False)


def _live(connection: sa.Connection, name: str, schema: str | None) -> sa.Table:
    """Return the columns of a table, and as its key those by which rows are found again.

    SQLAlchemy's reflection reads MariaDB's doubles as decimals of ten places, by which they are
    not. Raises RevisionProblem.
    """
    engine, table = (
        engine_named(connection.dialect.name),
        live_table(connection, TableName(name, schema)),
    )
    if table is None:
        raise RevisionProblem(
            f"op.backfill() is to fill {TableName(name, schema)}, and there is no such table",
            "name a table that is there when its turn comes",
        )
    key = () if table.primary_key is None else table.primary_key.columns
    # MariaDB and MySQL tell a FLOAT in fewer digits than they compare.
    if engine.name in ("mariadb", "mysql") and any(
        table.column(part).type.startswith("float") for part in key
    ):
        key = ()
    types = {column.name: engine.column_type(column.type) for column in table.columns}
    return sa.Table(
        name,
        sa.MetaData(),
        *(sa.Column(column, types[column], primary_key=True) for column in key),
        *(sa.Column(column, kept) for column, kept in types.items() if column not in key),
        schema=schema,
    )


def _fill(
    connection: sa.Connection, operation: BackfillOp, table: sa.Table, position: str | None
) -> str | None:
    """Fill the rows of one batch; return where it ends, None if there was none left."""
    update = sa.update(table).values(
        {name: sa.text(f"({as_text(sql)})") for name, sql in operation.values.items()}
    )
    if operation.where is not None:
        update = update.where(sa.text(f"({as_text(operation.where)})"))
    keys = list(table.primary_key.columns)
    # Rows whose keys change would be met again, in a later batch.
    if not keys or any(key.name in operation.values for key in keys):
        connection.execute(update)
        return None
    last = None if position is None else _restored(position)
    upper = _end_of_batch(connection, keys, last, operation.batch)
    if upper is None:
        return None
    batch = update.where(_beyond(keys, upper, inclusive=True))
    if last is not None:
        batch = batch.where(_beyond(keys, last, inclusive=False))
    connection.execute(batch)
    return _kept(upper)


def _end_of_batch(
    connection: sa.Connection,
    keys: Sequence[sa.Column[Any]],
    last: Sequence[object] | None,
    size: int,
) -> tuple[object, ...] | None:
    """Return the greatest key of the next rows, None if there are no more."""
    query = sa.select(*keys).order_by(*keys).limit(size)
    if last is not None:
        query = query.where(_beyond(keys, last, inclusive=False))
    of_batch = query.subquery()
    backwards = [column.desc() for column in of_batch.c]
    row = connection.execute(sa.select(of_batch).order_by(*backwards).limit(1)).first()
    return None if row is None else tuple(row)


def _beyond(
    keys: Sequence[sa.Column[Any]], values: Sequence[object], *, inclusive: bool
) -> sa.ColumnElement[bool]:
    """Return the rows up to a key, or those after it."""
    if len(keys) == 1:
        (key,), (value,) = keys, values
        return key <= value if inclusive else key > value
    row = sa.tuple_(*keys)
    bound = sa.tuple_(*(sa.literal(v, k.type) for k, v in zip(keys, values, strict=True)))
    return row <= bound if inclusive else row > bound


# ---- keys as text --------------------------------------------------------------------------------

_READ: dict[type, Callable[[str], object]] = {
    UUID: UUID,
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    bytes: bytes.fromhex,
}


def _kept(values: Sequence[object]) -> str:
    return json.dumps([[type(value).__name__, _text(value)] for value in values])


def _text(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, int | str | float) else str(value)


def _restored(position: str) -> list[object]:
    known = {kind.__name__: read for kind, read in _READ.items()}
    return [known[name](value) if name in known else value for name, value in json.loads(position)]
