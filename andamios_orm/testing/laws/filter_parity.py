"""The law that a condition means in the database what it means in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from sqlalchemy.sql.elements import Grouping

from andamios_orm.errors import UsageError
from andamios_orm.models.base import Model
from andamios_orm.queries.expressions import Predicate
from andamios_orm.queries.orderings import Ordering
from andamios_orm.repositories.repository import Repository
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import orders, rows_of, sort_attrs
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.sorting import require_sorted
from andamios_orm.testing.laws.stored import Key, as_code, key_of, store
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.strategies.conditions import Filter, filters

__all__ = ["filter_parity"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    attrs = {model: sort_attrs(playground, model) for model in _asked(playground)}

    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from([*attrs]))
        rows = draw(rows_of(playground, model))
        near = [row for row in rows if type(row) is model]
        condition = draw(filters(model, storable=playground.engine, near=near))
        said = [condition.holds(row) for row in near]
        return model, rows, condition, said, draw(orders(attrs[model]))

    return examples()


def _asked(playground: Playground) -> list[type[Model]]:
    """Return the models with a field that a condition can be about."""
    found: list[type[Model]] = []
    for model in playground.models:
        with suppress(UsageError):
            filters(model)
            found.append(model)
    return found


def _spared(playground: Playground) -> str | None:
    return None if _asked(playground) else "no model has a field that the library does not fill in"


async def _holds(
    playground: Playground,
    model: type[Model],
    rows: Sequence[Model],
    condition: Filter[Any] | Predicate,
    said: Sequence[bool | None],
    order: Sequence[Ordering],
) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    repository = Repository(model, db)
    expected = {
        key_of(row): verdict
        for row, verdict in zip((row for row in rows if type(row) is model), said, strict=True)
    }
    query = repository.where(_predicate(condition)).order_by(*cast("Sequence[Any]", order))
    found = await query.all()
    true = {key for key, verdict in expected.items() if verdict is True}
    if len(found) != len(true) or {key_of(row) for row in found} != true:
        raise Broken(f"keys where {as_code(condition)}", expected=true, found=found)
    require_sorted(f"where({as_code(condition)})", found, order)
    if (count := await query.count()) != len(found):
        raise Broken(f"count() where {as_code(condition)}", expected=len(found), found=count)
    if (exists := await query.exists()) != bool(found):
        raise Broken(f"exists() where {as_code(condition)}", expected=bool(found), found=exists)
    await _require_partition(repository, condition, expected)


async def _require_partition(
    repository: Repository[Any],
    condition: Filter[Any] | Predicate,
    expected: Mapping[Key, bool | None],
) -> None:
    """Each row is in exactly one part: where the condition holds, does not, or is null."""
    p = cast("Any", _predicate(condition))
    parts = {True: p, False: ~p, None: _is_null(p)}
    found: dict[Key, list[bool | None]] = {key: [] for key in expected}
    for verdict, part in parts.items():
        for row in await repository.where(part).all():
            found.setdefault(key_of(row), []).append(verdict)
    for key, verdicts in found.items():
        if verdicts != [expected[key]]:
            raise Broken(
                f"which of p, not p, and p is null hold for the row with the key {as_code(key)},"
                f" p being {as_code(condition)}",
                expected=[expected[key]],
                found=verdicts,
            )


def _is_null(predicate: Any) -> Any:
    # SQLAlchemy writes `x LIKE y ESCAPE z IS NULL` without parentheses.
    return Grouping(sa.and_(predicate)).is_(None)


def _predicate(condition: Filter[Any] | Predicate) -> Predicate:
    return condition.condition if isinstance(condition, Filter) else condition


filter_parity = Law(
    name="filter_parity",
    statement=(
        "`where(p)` finds the rows of which p is true in Python, in the order asked for; `count`"
        " and `exists` agree; and each row is where p is true, false or null, and nowhere else."
    ),
    examples=_examples,
    holds=_holds,
    spared=_spared,
)
