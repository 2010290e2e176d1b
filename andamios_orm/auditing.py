"""Find stored rows that their model no longer accepts: after a rule was added, or written past it.

A row that is read by a repository is validated, and the first wrong one raises InvalidRow. Here
they are all found, and the table is read in pieces, so it may be larger than memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Dialect

from andamios_orm.database.engine import Database
from andamios_orm.errors import InvalidRow
from andamios_orm.models.base import Model
from andamios_orm.queries import to_sql
from andamios_orm.queries.selection import Selection
from andamios_orm.repositories.streaming import Stream
from andamios_orm.rows.decode import REFUSALS, judged, loads_of, model_decoder
from andamios_orm.rows.plan import Plan, Row, compile_plan
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.secrets import is_secret

__all__ = ["AuditReport", "UnfitRow", "audit"]

_SECRET = "(secret)"  # noqa: S105 - what is shown instead of one


@dataclass(frozen=True, slots=True)
class UnfitRow:
    """A stored row that its model refuses. No value of it is kept but its key."""

    key: tuple[object, ...]
    """Its primary key, in declared order; "(secret)" in place of a secret part."""
    fields: Mapping[str, str]
    """The kind of failure by field, in pydantic's vocabulary."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit of one table found."""

    model: type[Model]
    rows: int
    """Rows that were read."""
    unfit: int
    """Rows that the model refuses."""
    counts: Mapping[str, int]
    """How often each failure was met: `{"age (greater_than_equal)": 3}`, most often first."""
    first: tuple[UnfitRow, ...]
    """The first of them, in the order of the primary key."""


async def audit(
    db: Database,
    model: type[Model],
    *,
    limit: int = 100,
    batch: int = 1000,
    progress: Callable[[int], object] | None = None,
) -> AuditReport:
    """Read all rows of a model's table, of all tenants and those marked as deleted, too; return
    what the model refuses of them.

    `limit` is how many of these rows are told one by one; all are counted. `progress` is called
    with the number of rows that were read so far. Raises DatabaseError.

    ```python
    from andamios_orm.auditing import audit

    report = await audit(db, Hero)
    assert (report.rows, report.unfit) == (2, 0)
    ```
    """
    spec = spec_of(model)
    order = [getattr(model, part.name) for part in spec.primary_key]
    selection = Selection(model).order_by(*order)
    plan: Plan[list[Any]] = db.plans.get(
        ("audit", model), lambda dialect: _plan(model, selection, dialect)
    )
    stream: Stream[UnfitRow | None] = Stream(
        db.stream(), plan, selection.values(), batch, _as_they_are
    )
    rows = unfit = 0
    counts: Counter[str] = Counter()
    first: list[UnfitRow] = []
    async for row in stream:
        rows += 1
        if progress is not None and rows % batch == 0:
            progress(rows)
        if row is None:
            continue
        unfit += 1
        counts.update(f"{name} ({kind})" for name, kind in row.fields.items())
        if len(first) < limit:
            first.append(row)
    return AuditReport(model, rows, unfit, dict(counts.most_common()), tuple(first))


async def _as_they_are(found: list[Any]) -> list[Any]:
    return found


def _plan(model: type[Model], selection: Selection, dialect: Dialect) -> Plan[list[Any]]:
    statement = to_sql.select(selection, dialect.name)
    judge = _judge(model, dialect)
    return compile_plan(statement, dialect, judge, table=table_of(model), many=True)


def _judge(model: type[Model], dialect: Dialect) -> Callable[[Sequence[Row]], list[Any]]:
    """Return the function from rows to what is wrong with each, None for nothing."""
    spec, table = spec_of(model), table_of(model)
    decode = model_decoder(spec, table, dialect)
    loads = loads_of(spec, table, dialect)

    def wrong(row: Row) -> UnfitRow | None:
        values, fields = judged(spec, loads, row)
        if not fields:
            return None
        key = tuple(_SECRET if is_secret(f) else values.get(f.name) for f in spec.primary_key)
        return UnfitRow(key, fields)

    def judge(rows: Sequence[Row]) -> list[UnfitRow | None]:
        try:
            # Together they take a fraction of the time, and most are as they should be.
            decode(rows)
        except (InvalidRow, *REFUSALS):
            return [wrong(row) for row in rows]
        return [None] * len(rows)

    return judge
