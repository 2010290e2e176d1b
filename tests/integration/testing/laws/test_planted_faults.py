"""Each law about many rows finds faults that are planted in the library."""

import operator
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, settings

from andamios_orm import Query, Repository, Session
from andamios_orm.queries import conditions, keyset, orderings
from andamios_orm.queries.loads import ModelRelation
from andamios_orm.repositories.loading import load_related
from andamios_orm.repositories.reading import Rows
from andamios_orm.testing.laws import LAWS, LawBroken, Playground
from tests.integration.testing.laws import shop

DEEP = bool(os.environ.get("ANDAMIOS_TEST_DEEP"))
FOUND = settings(
    max_examples=400,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
"""Enough to find them, and no time to make the example smaller."""

Plant = Callable[[pytest.MonkeyPatch], None]


def _wrapped(owner: type, name: str, change: Callable[..., Awaitable[Any]]) -> Plant:
    """Have a method go through `change`, which gets the method, its object and its arguments."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        genuine = getattr(owner, name)

        async def changed(self: Any, *args: Any, **named: Any) -> Any:
            return await change(genuine, self, *args, **named)

        patch.setattr(owner, name, changed)

    return plant


async def _one_more(genuine: Any, self: Any) -> Any:
    return await genuine(self) + 1


async def _opposite(genuine: Any, self: Any) -> Any:
    return not await genuine(self)


def _ends_left_out(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(conditions._COMPARE, ">=", operator.gt)
    patch.setitem(conditions._COMPARE, "<=", operator.lt)


def _null_is_false(patch: pytest.MonkeyPatch) -> None:
    def clause(self: Any, binder: Any) -> Any:
        return sa.not_(sa.func.coalesce(self.condition.clause(binder), sa.false()))

    patch.setattr(conditions.Negation, "clause", clause)


def _no_nulls_placed(patch: pytest.MonkeyPatch) -> None:
    def clause(self: Any, binder: Any) -> Any:
        clause = self.term.clause(binder)
        return clause.desc() if self.descending else clause.asc()

    patch.setattr(orderings.Ordering, "clause", clause)


def _ties_lost(patch: pytest.MonkeyPatch) -> None:
    genuine = keyset.without_ties

    def without_ties(selection: Any, key: Any) -> Any:
        return selection.orderings or genuine(selection, key)

    patch.setattr(keyset, "without_ties", without_ties)


async def _second_page_first(genuine: Any, self: Any, number: int, *, size: int) -> Any:
    found = await genuine(self, number, size=size)
    found.items.reverse()
    return found


async def _all_but_the_last(genuine: Any, self: Any, **named: Any) -> Any:
    page = await genuine(self, **named)
    if named.get("before") and page.items:
        page.items.pop()
    return page


async def _of_all_rows(genuine: Any, self: Any, *changes: Any) -> Any:
    everything = Repository(self._selection.model, self._source).where(sa.true())
    await genuine(everything, *changes)
    return 1


async def _writes_anyway(genuine: Any, self: Any, key: Any, *changes: Any, **named: Any) -> Any:
    found = await genuine(self, key, *changes, **named)
    await self.update(found)
    return found


async def _loses_a_field(genuine: Any, self: Any, row: Any) -> Any:
    if isinstance(row, shop.Hero):
        row = row.model_copy(update={"age": None})
    return await genuine(self, row)


async def _commits_anyway(genuine: Any, self: Any, kind: Any, error: Any, traceback: Any) -> Any:
    self._aborted = False
    await genuine(self, None, None, None)


async def _keeps_all(genuine: Any, self: Any, connection: Any, name: str) -> None:
    await connection.command(f"RELEASE SAVEPOINT {name}")


async def _backwards(genuine: Any, self: Any, rows: Any) -> Any:
    return (await genuine(self, rows))[::-1]


async def _one_after_the_other(genuine: Any, self: Any, rows: Any) -> Any:
    return [await self.add(row) for row in rows]


async def _adds_only(genuine: Any, self: Any, row: Any, *, on: Any, update: Any = None) -> Any:
    return await genuine(self, row, on=on, update=[])


async def _nothing_on_sqlite(genuine: Any, self: Any, key: Any, *changes: Any) -> Any:
    if self._source.plans.dialect.name == "sqlite":
        return await self.get(key)
    return await genuine(self, key, *changes)


async def _all_but_one(genuine: Any, found: Any, loads: Any, source: Any) -> None:
    await genuine(found, loads, source)
    for row in found:
        for load in loads:
            related = row.__dict__.get(load.relation.name) or getattr(row, load.relation.name)
            if isinstance(related, list) and related:
                related.pop()


def _last_related_row_lost(patch: pytest.MonkeyPatch) -> None:
    async def some(found: Any, loads: Any, source: Any) -> None:
        await _all_but_one(load_related, found, loads, source)

    patch.setattr("andamios_orm.repositories.query.load_related", some)


def _none_is_any(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelRelation, "none", ModelRelation.any)


def _no_stream(patch: pytest.MonkeyPatch) -> None:
    genuine = Rows.stream

    def stream(self: Any, *, batch: int) -> Any:
        return genuine(self.limit(1), batch=batch)

    patch.setattr(Rows, "stream", stream)


async def _other_way_round(genuine: Any, self: Any, *attrs: Any) -> Any:
    return [row[::-1] if isinstance(row, tuple) else row for row in await genuine(self, *attrs)]


FAULTS: list[tuple[str, str, Plant]] = [
    ("filter_parity", "count", _wrapped(Rows, "count", _one_more)),
    ("filter_parity", "exists", _wrapped(Rows, "exists", _opposite)),
    ("filter_parity", "ends of ranges", _ends_left_out),
    ("filter_parity", "null in a negation", _null_is_false),
    ("filter_parity", "nulls in an order", _no_nulls_placed),
    ("page_partition", "ties", _ties_lost),
    ("page_partition", "numbered pages", _wrapped(Rows, "numbered_page", _second_page_first)),
    ("page_partition", "pages backwards", _wrapped(Rows, "page", _all_but_the_last)),
    ("update_frame", "a query's update", _wrapped(Query, "update", _of_all_rows)),
    ("update_frame", "an empty patch", _wrapped(Repository, "patch", _writes_anyway)),
    ("update_frame", "an update", _wrapped(Repository, "update", _loses_a_field)),
    ("unit_of_work", "exceptions", _wrapped(Session, "__aexit__", _commits_anyway)),
    ("unit_of_work", "savepoints", _wrapped(Session, "_undone", _keeps_all)),
    ("bulk_equiv", "order", _wrapped(Repository, "add_all", _backwards)),
    ("bulk_equiv", "all or none", _wrapped(Repository, "add_all", _one_after_the_other)),
    ("bulk_equiv", "upserts", _wrapped(Repository, "upsert", _adds_only)),
    ("dialect_equiv", "one engine", _wrapped(Repository, "patch", _nothing_on_sqlite)),
    ("load_parity", "lists", _last_related_row_lost),
    ("load_parity", "none", _none_is_any),
    ("shape_parity", "streams", _no_stream),
    ("shape_parity", "tuples", _wrapped(Query, "select", _other_way_round)),
]
FIRST = {law: (law, fault, plant) for law, fault, plant in reversed(FAULTS)}
CHOSEN = FAULTS if DEEP else list(reversed(FIRST.values()))
"""One for each law in the ordinary run."""


@pytest.mark.parametrize(
    ("name", "plant"),
    [pytest.param(law, plant, id=f"{law}: {fault}") for law, fault, plant in CHOSEN],
)
def test_a_law_finds_a_fault(name: str, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with Playground("sqlite://", *shop.HEROES) as playground, monkeypatch.context() as patch:
        plant(patch)
        broken = _broken(lambda: LAWS[name].check(playground, using=FOUND))
        _broken(lambda: _run(broken.code))
    _run(broken.code)  # without the fault it holds

    assert broken.law == name


def _run(code: str) -> None:
    exec(code, {})  # noqa: S102 - what a failing law tells users to paste


def _broken(check: Callable[[], None]) -> LawBroken:
    with pytest.raises(LawBroken) as caught:
        check()
    return caught.value
