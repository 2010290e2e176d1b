"""Make up rows from what models say of their values, and fill empty tables with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any

from andamios_orm.database.engine import Database
from andamios_orm.database.extras import require
from andamios_orm.database.session import Session
from andamios_orm.errors import DatabaseError, SeedProblem, WrongEnvironment
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.seeding.making import ABSENT, Make, RowMaker
from andamios_orm.seeding.ordering import in_order, referred_models, require_tables
from andamios_orm.seeding.pools import Group, Pools, groups_of
from andamios_orm.seeding.reports import SampleCount, SampleReport, SeedProgress
from andamios_orm.seeding.running import models_of

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import AnyColumn

__all__ = ["sample"]

_BATCH = 1000


async def sample(
    db: Database,
    models: Iterable[type[Model]] | None = None,
    *,
    size: int = 1000,
    seed: int = 42,
    environment: str = "development",
    make: Mapping[AnyColumn, Make] | None = None,
    progress: Callable[[SeedProgress], object] | None = None,
) -> SampleReport:
    """Fill the empty tables of models with `size` rows each, made up from what the models say.

    All models of the database, or these and those they refer to, get rows that their models take:
    within bounds, matching patterns, unique where they must be, and referring to rows that are
    there. The same `seed` makes the same values on every machine; keys, times and defaults that
    the database makes are left to it. A table that has rows keeps these and gets no others. Where
    no `size` rows can differ in what must be unique, there are fewer. `make` says how to make the
    values of single fields, with a `random.Random`.

    All happens in one transaction, batch by batch; what stays in memory are keys. `progress` is
    called after each batch.

    Raises WrongEnvironment in production, MissingDriver without polyfactory, SeedProblem for a
    model that refuses what was made up, such as with validators of its own.

    ```python
    from andamios_orm.seeding import sample


    async with Database("sqlite://") as playground:
        await playground.create_all()
        report = await sample(playground, [Hero], size=50)
        assert [count.created for count in report.counts] == [50, 50]  # of Team and of Hero
        assert await Repository(Hero, playground).where(Hero.age < 0).count() == 0
    ```
    """
    if environment == "production":
        raise WrongEnvironment(
            "made up rows have no place in production",
            "run it in another environment: `--environment development`, or"
            " ANDAMIOS_ENVIRONMENT=development",
        )
    await require("seeding", "polyfactory")
    chosen = in_order(referred_models(models_of(db) if models is None else models))
    makes = {(attr.model, attr.name): function for attr, function in (make or {}).items()}
    pools = Pools(chosen)
    counts: list[SampleCount] = []
    async with db.session() as session:
        await require_tables(session, chosen)
        for model in chosen:
            own = {name: f for (of, name), f in makes.items() if of is model}
            counts.append(await _fill(session, model, size, seed, own, pools, progress))
    return SampleReport(tuple(counts))


async def _fill(
    session: Session,
    model: type[Model],
    size: int,
    seed: int,
    make: Mapping[str, Make],
    pools: Pools,
    progress: Callable[[SeedProgress], object] | None,
) -> SampleCount:
    started = perf_counter()
    repository: Repository[Any] = Repository(model, session)
    kept = await repository.count()
    if kept:
        await pools.read(repository)
        return SampleCount(model, 0, kept, perf_counter() - started)
    rows = Rows(model, size, seed, make, pools)
    created = 0
    while batch := list(rows.next(min(_BATCH, max(10, created)))):
        try:
            stored = await repository.add_all(batch)
        except DatabaseError as error:
            raise SeedProblem(
                f"samples of {model.__name__}: {error.problem}",
                f"say how to make these values with `make={{{model.__name__}.field: ...}}`;"
                " nothing was stored",
            ) from None
        pools.add(model, stored)
        created += len(stored)
        if progress is not None:
            progress(SeedProgress(model, created, max(created, rows.size)))
    return SampleCount(model, created, 0, perf_counter() - started)


class Rows:
    """Makes up the rows of one model, some at a time."""

    def __init__(
        self,
        model: type[Model],
        size: int,
        seed: int,
        make: Mapping[str, Make],
        pools: Pools,
    ) -> None:
        self._spec = spec_of(model)
        self._maker = RowMaker(model, seed, make)
        self._random = self._maker.random
        self._make = make
        self._pools = pools
        self._groups = groups_of(model)
        self.size = size
        self._combinations = self._combined(size)

    def next(self, count: int) -> Iterator[Model]:
        """Yield the next rows; fewer when there are no more."""
        while count and self._maker.made < self.size:
            number = next(self._combinations[1]) if self._combinations else 0
            row = self._maker.row(lambda number=number: self._referring(number))  # type: ignore[misc] # mypy cannot infer a default
            if row is None:
                # There are no more that differ from those before.
                self.size = self._maker.made
                return
            count -= 1
            yield row

    def _combined(self, size: int) -> tuple[list[Group], Iterator[int]] | None:
        """Return the references that make up a key, and which of all their combinations to take."""
        for key in self._maker.keys:
            groups = [g for g in self._groups if set(g.names) <= set(key)]
            if {n for g in groups for n in g.names} == set(key) - self._make.keys() == set(key):
                sizes = [len(self._pools.of(group)) for group in groups]
                total = prod(sizes)
                self.size = min(size, total)
                return groups, iter(self._random.sample(range(total), self.size))
        return None

    def _referring(self, number: int) -> dict[str, object]:
        """Return the fields of foreign keys."""
        values: dict[str, object] = {}
        combined: Sequence[Group] = self._combinations[0] if self._combinations else ()
        for group in combined:
            rows = self._pools.of(group)
            number, place = divmod(number, len(rows))
            values.update(zip(group.names, rows[place], strict=True))
        for group in self._groups:
            if group in combined or values.keys() >= set(group.names):
                continue
            values.update(self._reference(group, values))
        return values

    def _reference(self, group: Group, values: Mapping[str, object]) -> dict[str, object]:
        own = [n for n in group.names if n not in values]
        nullable = all(self._spec.by_name[name].nullable for name in own)
        rows = self._pools.matching(group, values)
        if nullable and (not rows or self._random.random() < ABSENT):
            return dict.fromkeys(own)
        if not rows:
            raise SeedProblem(
                f"{self._spec.name}.{own[0]} needs a {group.target.__name__}, and there is none",
                f"store some {group.target.__name__} first, or let {own[0]} be None",
            )
        return dict(zip(group.names, self._random.choice(rows), strict=True))
