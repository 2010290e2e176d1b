"""Make up rows for tests: `await factories(Hero).create(name="Ada")`.

The values are those of `andamios_orm.seeding.sample`: from what the model says of its fields, the
same for the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import MissingDriver, SeedProblem, UsageError
from andamios_orm.models.base import Model
from andamios_orm.queries.loads import Load, loads_of
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import Pairs
from andamios_orm.seeding.making import Make, RowMaker
from andamios_orm.seeding.pools import Group, groups_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from andamios_orm.queries.expressions import AnyColumn, Path

__all__ = ["Factories", "Factory", "factory"]

M = TypeVar("M", bound=Model)

_Source: TypeAlias = "Database | Session | AsyncConnection | AsyncSession"


class Factories:
    """The factories of one test: one for each model, which know each other's rows.

    `source` is where rows are stored; without it they can be built only. The same `seed` makes the
    same rows. `make` says how to make the values of single fields, with a `random.Random`.
    `reuse` is how often `create_many` has a row refer to one that is there already.

    Raises MissingDriver without polyfactory.

    ```python
    from andamios_orm.testing.factories import Factories

    factories = Factories(db, seed=7)
    hero = await factories(Hero).create(name="Hedy", team=await factories(Team).create())
    assert hero.team_id is not None
    ```
    """

    def __init__(
        self,
        source: _Source | None = None,
        *,
        seed: int = 42,
        make: Mapping[AnyColumn, Make] | None = None,
        reuse: float = 0.8,
    ) -> None:
        if find_spec("polyfactory") is None:
            raise MissingDriver(
                "factories need the package `polyfactory`, which is not installed",
                'pip install "andamios-orm[testing]"',
            )
        self.seed = seed
        self.reuse = reuse
        self._source = source
        self._make = {(attr.model, attr.name): function for attr, function in (make or {}).items()}
        self._factories: dict[type[Model], Factory[Any]] = {}

    def __call__(self, model: type[M]) -> Factory[M]:
        """Return the factory of a model, always the same."""
        found = self._factories.get(model)
        if found is None:
            own = {name: make for (of, name), make in self._make.items() if of is model}
            maker = RowMaker(model, self.seed, own)
            found = self._factories[model] = Factory(self, model, maker, frozenset(own))
        return cast("Factory[M]", found)

    def repository(self, model: type[M]) -> Repository[M]:
        """Return where the rows of a model are stored. Raises UsageError."""
        if self._source is None:
            raise UsageError(
                f"there is no database to store a {model.__name__} in",
                f"pass one, `factory({model.__name__}, db)`, or call build()",
            )
        return Repository(model, self._source)


class Factory(Generic[M]):
    """Makes up the rows of one model; made by `factory()` and `Factories`.

    What is given by name is a field, or a relation to one row: `create(team=avengers)`. Optional
    foreign keys are None if they are not given.
    """

    def __init__(
        self, factories: Factories, model: type[M], maker: RowMaker, made: frozenset[str]
    ) -> None:
        self._factories = factories
        self._model = model
        self._spec = spec_of(model)
        self._maker = maker
        self._groups = [group for group in groups_of(model) if not made.issuperset(group.names)]
        self._stored: list[M] = []
        self._busy = False

    def build(self, **values: object) -> M:
        """Return an instance that is not stored; its foreign keys lead nowhere, if not given.

        Raises UsageError for what is no field, InvalidRow for a value that the model refuses, and
        SeedProblem if it refuses whatever is made up, or if there are no more that are unique.
        """
        given = self._fields(values)
        for group in self._groups:
            for name in group.names:
                if name not in given:
                    nullable = self._spec.by_name[name].nullable
                    given[name] = None if nullable else self._maker.value(name)
        return self._made(given)

    async def create(self, **values: object) -> M:
        """Store a row and return it as stored. What it has to refer to is created as well.

        Raises what `build` and `Repository.add` raise, and UsageError without a database.
        """
        return (await self._create(1, values, reuse=0))[0]

    async def create_many(self, count: int, /, **values: object) -> list[M]:
        """Store so many rows, all or none, and return them as stored.

        Four in five refer to rows that this factory's family has made before; `reuse=` of
        `Factories` sets that. Raises what `create` raises.
        """
        return await self._create(count, values, reuse=self._factories.reuse)

    async def graph(self, count: int, /, *paths: Path[M, Any], **values: object) -> M:
        """Store a row with `count` rows at the end of each relation to many; return it with them.

        `paths` are those of `Repository.load`, also nested. Raises what `create` raises.

        ```python
        from andamios_orm.testing.factories import factory

        team = await factory(Team, db).graph(3, Team.heroes)
        assert len(team.heroes) == 3
        ```
        """
        row = await self._grown(values, loads_of(paths, self._model), count)
        same = [
            getattr(self._model, f.name) == getattr(row, f.name) for f in self._spec.primary_key
        ]
        return await self._factories.repository(self._model).load(*paths).where(*same).one()

    async def _create(self, count: int, values: Mapping[str, object], reuse: float) -> list[M]:
        repository = self._factories.repository(self._model)
        if self._busy:
            raise SeedProblem(
                f"a {self._spec.name} needs another {self._spec.name} to refer to",
                "create one by hand, and give it by the name of the relation",
            )
        self._busy = True
        try:
            given = self._fields(values)
            rows = [self._made(await self._referring(given, reuse)) for _ in range(count)]
        finally:
            self._busy = False
        stored = await repository.add_all(rows)
        self._stored += stored
        return stored

    def _made(self, given: Mapping[str, object]) -> M:
        row = self._maker.row(dict, given)
        if row is None:
            raise SeedProblem(
                f"there is no other {self._spec.name} that differs from those before in what must"
                " be unique",
                "give a value that is, or make fewer",
            )
        return cast("M", row)

    def _fields(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return values by field, where some are given by relation. Raises UsageError."""
        found: dict[str, object] = {}
        relations = relation_names(self._model)
        for name, value in values.items():
            if name in self._spec.by_name:
                found[name] = value
            elif name in relations and (relation := relation_of(self._model, name)).forward:
                found |= _filled(relation.pairs, value)
            elif name in relations:
                raise UsageError(
                    f"{self._spec.name}.{name} are other rows, which refer to this one",
                    f"write graph(3, {self._spec.name}.{name}), or create them after it",
                )
            else:
                raise UsageError(
                    f"{self._spec.name} has no field `{name}`",
                    f"give some of {', '.join(self._spec.by_name)}",
                )
        return found

    async def _referring(self, given: Mapping[str, object], reuse: float) -> dict[str, object]:
        """Return what was given, and the foreign keys."""
        values = dict(given)
        for group in self._groups:
            own = [name for name in group.names if name not in values]
            if all(self._spec.by_name[name].nullable for name in own):
                values |= dict.fromkeys(own)
            else:
                other = await self._other(group, values, reuse)
                pairs = zip(group.names, group.theirs, strict=True)
                values |= {name: getattr(other, theirs) for name, theirs in pairs if name in own}
        return values

    async def _other(self, group: Group, values: Mapping[str, object], reuse: float) -> Model:
        """Return a row to refer to: one that is there, or a new one."""
        pairs = zip(group.names, group.theirs, strict=True)
        known = {theirs: values[name] for name, theirs in pairs if values.get(name) is not None}
        family = self._factories(group.target)
        alone = any(set(group.names) <= set(key) for key in self._maker.keys)
        if not alone and self._maker.random.random() < reuse:
            fitting = [
                row
                for row in family._stored  # noqa: SLF001 - of the same class
                if all(getattr(row, name) == value for name, value in known.items())
            ]
            if fitting:
                return self._maker.random.choice(fitting)
        return await family.create(**known)

    async def _grown(self, values: Mapping[str, object], loads: Sequence[Load], count: int) -> M:
        given = self._fields(values)
        behind: list[Load] = []
        for load in loads:
            relation = load.relation.spec
            if not relation.forward:
                behind.append(load)
            elif not given.keys() >= {own.name for own, _ in relation.pairs}:
                given |= _filled(relation.pairs, await self._end(load, {}, count))
        row = await self.create(**given)
        for load in behind:
            relation = load.relation.spec
            for _ in range(count if relation.many else 1):
                if relation.link is None:
                    await self._end(load, _given_to(relation.pairs, row), count)
                else:
                    other = await self._end(load, {}, count)
                    link = self._factories(cast("type[Model]", relation.link))
                    await link.create(
                        **_given_to(relation.pairs, row), **_filled(relation.onward, other)
                    )
        return row

    async def _end(self, load: Load, values: Mapping[str, object], count: int) -> Model:
        """Return a new row at the end of a relation."""
        family = self._factories(cast("type[Model]", load.relation.spec.target))
        found: Model = await family._grown(values, load.further, count)  # noqa: SLF001 - as above
        return found


def factory(
    model: type[M],
    source: _Source | None = None,
    *,
    seed: int = 42,
    make: Mapping[AnyColumn, Make] | None = None,
) -> Factory[M]:
    """Return what makes up rows of a model, and of those that it has to refer to.

    `source` is where `create` stores them; `build` needs none. The same `seed` makes the same
    rows. `make` says how to make the values of single fields, with a `random.Random`: for types of
    your own, and for models with validators. Raises MissingDriver without polyfactory.

    ```python
    from andamios_orm.testing.factories import factory

    assert factory(Hero, seed=7).build() == factory(Hero, seed=7).build()
    assert factory(Hero, make={Hero.age: lambda random: 30}).build().age == 30
    ```
    """
    return Factories(source, seed=seed, make=make)(model)


def _filled(pairs: Pairs, other: object) -> dict[str, object]:
    """Return the fields that refer, with the values of what they refer to."""
    return {own.name: getattr(other, theirs.name, None) for own, theirs in pairs}


def _given_to(pairs: Pairs, row: object) -> dict[str, object]:
    """Return the fields of another row that refer to this one."""
    return {theirs.name: getattr(row, own.name) for own, theirs in pairs}
