"""`RepositoryMachine`: a repository and a dict, used alike, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import SearchStrategy

from andamios_orm.backends.base import Isolation
from andamios_orm.errors import (
    AndamiosError,
    NotFound,
    StaleVersion,
    TransactionAborted,
    TransactionConflict,
    UniqueViolation,
    UsageError,
)
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import Kind, ModelSpec
from andamios_orm.seeding import sample
from andamios_orm.seeding.ordering import referred_models
from andamios_orm.seeding.pools import Pools
from andamios_orm.testing.laws.drawing import sorts_by_code_point
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.machines.actors import Actor, Failed
from andamios_orm.testing.machines.drawing import Drawing
from andamios_orm.testing.machines.expected import Key, Locks, Table, Unique, differences
from andamios_orm.testing.machines.patience import lose_patience
from andamios_orm.testing.strategies.conditions import Filter
from andamios_orm.testing.strategies.storable import Storable

__all__ = ["RepositoryMachine", "run_machine"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=Model)

_CONNECTIONS = 5
"""Those of a playground."""
_PARENTS = 3
"""Rows of each model that is referred to."""

_Failures = frozenset[type[AndamiosError]]
_SORTABLE = {Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.UUID}


def _of_machine(make: Callable[[RepositoryMachine], SearchStrategy[T]]) -> SearchStrategy[T]:
    """Return a strategy that depends on what the machine has come to."""
    return st.runner().flatmap(make)


def _there(machine: RepositoryMachine) -> Sequence[Model]:
    return [row for actor in machine.actors for row in actor.view.rows(deleted=True)]


def _step(
    does: Callable[[Actor], bool], target: Bundle[Any] | None = None, **given: SearchStrategy[Any]
) -> Callable[[F], F]:
    """Make a rule of a method; `who` is an actor of whom this holds, else the step is not taken."""
    who = _of_machine(
        lambda m: st.sampled_from([n for n, actor in enumerate(m.actors) if does(actor)])
    )
    targets: Sequence[Bundle[Any]] = () if target is None else (target,)

    def decorated(function: F) -> F:
        made = rule(targets=targets, who=who, **given)(function)  # type: ignore[call-overload] # not `target`
        return cast("F", precondition(lambda m: any(map(does, m.actors)))(made))

    return decorated


_writes = attrgetter("may_write")
_reads = attrgetter("may_act")
_begins = attrgetter("may_begin")
_in_session = attrgetter("is_in_session")
_nests = attrgetter("may_nest")
_nested = attrgetter("depth")
_ROWS = _of_machine(lambda m: m.drawing.rows(m.table, _there(m), m.pools))
_BATCHES = _of_machine(lambda m: m.drawing.batches(m.table, _there(m), m.pools))
_CHANGES = _of_machine(lambda m: m.drawing.changes(m.table, _there(m), m.pools))
_ALIKE = _of_machine(lambda m: m.drawing.changes(m.table, _there(m), m.pools, alike=True))
_CONDITIONS = _of_machine(lambda m: m.drawing.conditions(_there(m)))
_STRANGERS = _of_machine(lambda m: m.drawing.keys(m.spec, m.storable))
_LEVELS = _of_machine(
    lambda m: st.sampled_from([None, None, None, *m.playground.db.capabilities.isolation])
)
_TARGETS = _of_machine(lambda m: st.integers(0, len(m.targets) - 1) if m.targets else st.none())
_ORDERS = _of_machine(lambda m: st.sampled_from(m.sortable) if m.sortable else st.none())


class RepositoryMachine(RuleBasedStateMachine):
    """A test of a repository by many steps: what it does to a table, a dict does as well.

    Two actors use the table: each with a session of its own, or call by call. After every step what
    the actor sees of the table is what it should see: its own changes, those that others
    have committed, and no others. Errors come where they are due, and change nothing.

    Where writers take turns (DuckDB, SQLite) the second actor only reads while the first one has a
    session to write; in memory SQLite has one connection, so the actors take turns. On servers a
    statement that another's lock is in the way of raises TransactionConflict at once, and its
    transaction is over.

    A failure prints the shortest steps that lead to it, as code.

    <!-- no-run: a test case of its own, for pytest or unittest to collect -->
    ```python
    from andamios_orm.testing.machines import RepositoryMachine

    TestHeroes = RepositoryMachine.for_model(Hero, "duckdb://").TestCase
    ```
    """

    keys = Bundle("keys")
    seen = Bundle("seen")

    model: ClassVar[type[Model]]
    url: ClassVar[str]
    repository: ClassVar[type[Repository[Any]]]
    spec: ClassVar[ModelSpec]
    storable: ClassVar[Storable]
    drawing: ClassVar[Drawing]
    shared: ClassVar[Playground | None] = None
    pools: ClassVar[Pools]

    playground: Playground
    table: Table
    actors: list[Actor]
    targets: list[Unique]
    """What an upsert can mean, by values that a program gives."""
    sortable: ClassVar[list[str]]
    """The fields that the database orders as Python does."""

    @classmethod
    def for_model(
        cls,
        model: type[M],
        url: str,
        *,
        repository: type[Repository[M]] = Repository,
        instances: SearchStrategy[M] | None = None,
        conditions: SearchStrategy[Filter[M]] | None = None,
    ) -> type[RepositoryMachine]:
        """Return the machine of a model on a database, whose `TestCase` is a test.

        The database must not have the model's table: it is made for the test. `repository` is a
        class of your own to test, `instances` and `conditions` are the strategies of what is
        stored, and of what is asked for, by default `strategies.models` and `strategies.filters`.
        """
        spec = spec_of(model)
        storable = cast("Storable", url.partition(":")[0].partition("+")[0])
        members = {
            "__module__": cls.__module__,
            "model": model,
            "url": url,
            "repository": repository,
            "spec": spec,
            "storable": storable,
            "drawing": Drawing.of(model, spec, storable, instances, conditions),
        }
        found = cast("type[RepositoryMachine]", type(f"{model.__name__}Machine", (cls,), members))
        case = found.TestCase

        class TestCase(case):  # type: ignore[misc, valid-type] # hypothesis makes its base
            @classmethod
            def setUpClass(cls) -> None:
                cls.enterClassContext(found.playing())

        TestCase.__name__, TestCase.__qualname__ = case.__name__, case.__qualname__
        found.TestCase = TestCase  # type: ignore[assignment] # the same, with a database
        return found

    @classmethod
    @contextmanager
    def playing(cls) -> Iterator[Playground]:
        """The database of all examples: its tables, and the rows that others refer to."""
        with Playground(cls.url, cls.model) as playground:
            parents = [m for m in referred_models([cls.model]) if m is not cls.model]
            playground.run(_prepared(playground, parents))
            cls.pools = Pools([cls.model])
            for parent in parents:
                playground.run(cls.pools.read(Repository(parent, playground.db)))
            by_code_point = playground.run(sorts_by_code_point(playground))
            kinds = _SORTABLE if by_code_point else _SORTABLE - {Kind.TEXT}
            cls.sortable = [f.name for f in cls.spec.fields if f.storage.kind in kinds]
            cls.shared = playground
            try:
                yield playground
            finally:
                cls.shared = None

    def __init__(self) -> None:
        super().__init__()
        self._own = None if self.shared is not None else type(self).playing()
        if self._own is not None:
            self._own.__enter__()
        self.playground = cast("Playground", self.shared)
        self.table = Table(self.model, self.playground.db.engine_name)
        self.actors = [Actor(self.playground, self.table, self.repository) for _ in range(2)]
        self.actors[0].other, self.actors[1].other = self.actors[1], self.actors[0]
        self.playground.run(_made_anew(self.playground, self.model))
        made = {f.name for f in self.spec.fields if f.server_made}
        self.targets = [u for u in self.table.uniques if u.certain and not made & set(u.names)]

    def teardown(self) -> None:
        """Undo what is open, and compare the table a last time."""
        try:
            for actor in self.actors:
                if actor.session is not None:
                    actor.lose(Failed("the example has ended"))
            self._see(self.actors[0])
        finally:
            if self._own is not None:
                self._own.__exit__(None, None, None)

    # -- storing

    @initialize(in_session=st.booleans(), isolation=_LEVELS)
    def start(self, in_session: bool, isolation: Isolation | None) -> None:
        """Begin inside a session, or call by call."""
        if in_session:
            self.actors[0].begin(isolation, read_only=False)

    @initialize(target=keys, key=_STRANGERS)
    def stranger(self, key: Any) -> Any:
        """Give a key that no row has yet."""
        return key

    @_step(_writes, target=keys, row=_ROWS)
    def add(self, who: int, row: Any) -> Any:
        """Store a row."""
        actor = self.actors[who]
        values = row.__dict__
        return self._keys_of(self._added(actor, [row], lambda r: _in_list(r.add(row)), [values]))

    @_step(_writes, target=keys, rows=_BATCHES)
    def add_all(self, who: int, rows: list[Any]) -> Any:
        """Store rows, all or none."""
        actor = self.actors[who]
        return self._keys_of(
            self._added(actor, rows, lambda r: r.add_all(rows), [row.__dict__ for row in rows])
        )

    def _added(
        self,
        actor: Actor,
        rows: list[Model],
        work: Callable[[Repository[Any]], Awaitable[list[Model]]],
        values: list[dict[str, Any]],
    ) -> list[Model]:
        if not rows:
            return []
        known = list(actor.view.current.values())
        taken, uncertain = False, False
        for row, own in zip(rows, values, strict=True):
            taken |= self.table.taken(own, known, certain=True)
            uncertain |= self.table.taken(own, known, certain=False)
            known.append(row)
        touched = Locks(set(), set().union(*map(self.table.tokens, values)))
        stored = self._attempt(
            actor,
            work,
            fails=_unless(not taken, UniqueViolation),
            may_fail=_unless(not uncertain, UniqueViolation),
            touched=touched,
        )
        if stored is None:
            return []
        _equal("the number of rows", len(stored), len(values))
        for row, own in zip(stored, values, strict=True):
            _require(row, own | self._first())
            actor.view.put(row)
        actor.done()
        self._see(actor)
        return stored

    def _first(self) -> dict[str, object]:
        roles = self.spec.roles
        found: dict[str, object] = {}
        if "version" in roles:
            found[roles["version"].name] = 1
        if "deleted_at" in roles:
            found[roles["deleted_at"].name] = None
        return found

    def _keys_of(self, rows: list[Model]) -> MultipleResults[Any]:
        return multiple(*map(self._key, rows))

    def _key(self, row: Model) -> Any:
        parts = tuple(getattr(row, f.name) for f in self.spec.primary_key)
        return parts if len(parts) > 1 else parts[0]

    # -- reading

    @_step(_reads, target=seen, key=keys)
    def get(self, who: int, key: Any) -> Any:
        """Read the row with a key, which may be there or not."""
        actor = self.actors[who]
        expected = self._standing(actor, key)
        found = self._attempt(
            actor, lambda r: r.get(key), fails=_unless(expected is not None, NotFound)
        )
        if found is None:
            return multiple()
        _require(found, cast("Model", expected).__dict__)
        return found

    @_step(_reads, key=keys)
    def find(self, who: int, key: Any) -> None:
        """Look for the row with a key, which may be there or not."""
        actor = self.actors[who]
        expected = self._standing(actor, key)
        found = self._attempt(actor, lambda r: _in_list(r.find(key)))
        if found is not None:
            _require_rows(found, [expected], self.table)

    @_step(_reads, condition=_CONDITIONS)
    def list_some(self, who: int, condition: Filter[Any]) -> None:
        """Read, count and look for the rows that a condition means."""
        actor = self.actors[who]
        expected = [row for row in actor.view.rows() if condition.holds(row) is True]

        async def read(repository: Repository[Any]) -> tuple[list[Model], int, bool]:
            query = repository.where(condition.condition)
            return await query.all(), await query.count(), await query.exists()

        found = self._attempt(actor, read)
        if found is None:
            return
        rows, count, exists = found
        _require_rows(rows, expected, self.table)
        _equal("count()", count, len(expected))
        _equal("exists()", exists, bool(expected))

    @_step(_reads, order=_ORDERS, size=st.integers(1, 3), descending=st.booleans())
    def read_pages(self, who: int, order: str | None, size: int, descending: bool) -> None:
        """Read all rows page by page, forwards and backwards."""
        actor = self.actors[who]
        if order is None:
            return
        attr = getattr(self.model, order)
        found = self._attempt(
            actor,
            lambda r: _pages(r.order_by(attr.desc() if descending else attr.asc()), size),
        )
        if found is None:
            return
        forwards, backwards = found
        _require_rows(forwards, list(actor.view.rows()), self.table)
        _equal("the pages backwards", backwards, forwards)
        values = [v for row in forwards if (v := getattr(row, order)) is not None]
        _equal("the order", values, sorted(values, reverse=descending))

    # -- changing

    @_step(_writes, target=seen, row=seen, changes=_CHANGES)
    def update(self, who: int, row: Any, changes: dict[str, Any]) -> Any:
        """Write a row as it was read, perhaps long ago, with some changes."""
        actor = self.actors[who]
        changed = row.model_copy(update=changes)
        old = self._standing(actor, self._key(row))
        fails = self._row_failure(old, self._version(row))
        values = {
            f.name: changed.__dict__[f.name]
            for f in self.spec.fields
            if f.role is None and not f.primary_key and f.name in changed.__dict__
        }
        if not self._is_valid(changed):
            return multiple()
        return self._changed(actor, row, old, values, fails, lambda r: r.update(changed))

    @_step(_writes, target=seen, key=keys, changes=_CHANGES, version=st.integers(1, 3) | st.none())
    def patch(self, who: int, key: Any, changes: dict[str, Any], version: int | None) -> Any:
        """Set some fields of the row with a key."""
        actor = self.actors[who]
        if "version" not in self.spec.roles:
            version = None
        old = self._standing(actor, key)
        fails = self._row_failure(old, version)
        if old is not None and not self._is_valid(old.model_copy(update=changes)):
            return multiple()
        assigned = [getattr(self.model, name).set(value) for name, value in changes.items()]
        return self._changed(
            actor,
            old,
            old,
            changes,
            fails,
            lambda r: r.patch(key, *assigned, if_version=version),
        )

    def _changed(
        self,
        actor: Actor,
        row: Model | None,
        old: Model | None,
        values: Mapping[str, object],
        fails: type[AndamiosError] | None,
        work: Callable[[Repository[Any]], Awaitable[Model]],
    ) -> Any:
        after = {} if old is None else {**old.__dict__, **values}
        others = self._others(actor, old)
        taken = fails is None and self.table.taken(after, others, certain=True)
        uncertain = fails is None and self.table.taken(after, others, certain=False)
        touched = Locks()
        if old is not None and fails is None:
            touched.rows.add(self.table.key_of(old))
            before = self.table.tokens(old.__dict__)
            touched.tokens |= self.table.tokens(after) - before
        if self._is_out_of_reach(actor, touched, unseen=old is None):
            return multiple()
        failures = frozenset({fails} if fails else {UniqueViolation} if taken else ())
        stored = self._attempt(
            actor,
            work,
            fails=failures,
            may_fail=_unless(not uncertain, UniqueViolation),
            touched=touched,
        )
        if stored is None:
            return multiple()
        met = cast("Model", old)  # else it would have failed
        _require(stored, self._after(met, values, changes=bool(values)))
        actor.view.put(stored)
        actor.done()
        self._see(actor)
        return stored

    def _after(
        self, old: Model, values: Mapping[str, object], *, changes: bool
    ) -> dict[str, object]:
        """Return what a row is after a change; what the database's clock says is left out."""
        found = {**old.__dict__, **values}
        roles = self.spec.roles
        if changes and "version" in roles:
            found[roles["version"].name] = cast("int", found[roles["version"].name]) + 1
        if changes and "updated_at" in roles:
            found.pop(roles["updated_at"].name, None)
        return found

    @_step(_writes, target=keys, row=_ROWS, target_number=_TARGETS)
    def upsert(self, who: int, row: Any, target_number: int | None) -> Any:
        """Store a row, or change the one that has its key."""
        return self._upserted(who, [row], target_number, many=False)

    @_step(_writes, target=keys, rows=_BATCHES, target_number=_TARGETS)
    def upsert_all(self, who: int, rows: list[Any], target_number: int | None) -> Any:
        """Store rows or change those that have their keys, all or none."""
        return self._upserted(who, rows, target_number, many=True)

    def _upserted(self, who: int, rows: list[Any], target_number: int | None, *, many: bool) -> Any:
        actor = self.actors[who]
        if target_number is None or not rows:
            return multiple()
        target = self.targets[target_number]
        meant = [target.of(row.__dict__) for row in rows]
        if None in meant:
            return multiple()
        on = [getattr(self.model, name) for name in target.names]
        fails: set[type[AndamiosError]] = set()
        may_fail: set[type[AndamiosError]] = set()
        touched = Locks()
        # Row by row: those that are there, and what becomes of them.
        known = dict(actor.view.current)
        results: list[dict[str, object]] = []
        for number, (row, key) in enumerate(zip(rows, meant, strict=True)):
            place = next((k for k, o in known.items() if target.of(o.__dict__) == key), None)
            old = None if place is None else known[place]
            if old is not None and not self.table.is_standing(old):
                fails.add(UniqueViolation)
            if old is not None and place not in actor.view.visible:
                # Another has stored it since this one began to look.
                may_fail |= {UniqueViolation, TransactionConflict}
                if actor.writes_to_newest:
                    return multiple()
            update = {} if old is None else self._overwritten(row, target.names)
            after = row.__dict__ | self._first() if old is None else {**old.__dict__, **update}
            if old is not None and update and not self._is_valid(old.model_copy(update=update)):
                return multiple()
            others = [o for k, o in known.items() if k != place]
            if self.table.taken(after, others, certain=True):
                fails.add(UniqueViolation)
            if self.table.taken(after, others, certain=False):
                may_fail.add(UniqueViolation)
            if old is None:
                touched.tokens |= self.table.tokens(after)
                results.append(dict(after))
            else:
                touched.rows.add(cast("Key", place))
                touched.tokens |= self.table.tokens(after) - self.table.tokens(old.__dict__)
                results.append(self._after(old, update, changes=bool(update)))
            # No key that is stored has a None.
            known[place or (None, number)] = row.model_copy(update=after)
        if len(rows) > 1:
            # In which order rows are stored is the library's affair.
            fails, may_fail = set(), {*may_fail, UniqueViolation}
        twice = many and len(set(meant)) < len(meant)
        if self._is_out_of_reach(actor, touched):
            return multiple()
        stored = self._attempt(
            actor,
            lambda r: r.upsert_all(rows, on=on) if many else _in_list(r.upsert(rows[0], on=on)),
            fails=frozenset(fails),
            may_fail=frozenset(may_fail),
            refused=UsageError if twice else None,
            touched=touched,
        )
        if stored is None:
            return multiple()
        _equal("the number of rows", len(stored), len(results))
        for row, expected in zip(stored, results, strict=True):
            _require(row, expected)
            key = self.table.key_of(row)
            there = actor.view.current.get(key)
            if there is None or differences(row, there.__dict__):
                actor.view.put(row)
            else:
                # Left as it is, or given the same values, which locks it on some engines.
                actor.keep_maybe(Locks({key}, self.table.tokens(row.__dict__)))
        actor.done()
        self._see(actor)
        return self._keys_of(stored)

    def _overwritten(self, row: Model, key: tuple[str, ...]) -> dict[str, object]:
        """Return the fields that an upsert changes in a row that is there."""
        return {
            f.name: row.__dict__[f.name]
            for f in self.spec.fields
            if f.name in row.model_fields_set
            and not (f.name in key or f.primary_key or f.server_made)
        }

    @_step(_writes, condition=_CONDITIONS, changes=_ALIKE)
    def update_some(self, who: int, condition: Filter[Any], changes: dict[str, Any]) -> None:
        """Set fields of the rows that a condition means."""
        actor = self.actors[who]
        if not changes:
            return
        met = [row for row in actor.view.rows() if condition.holds(row) is True]
        if not all(self._is_valid(row.model_copy(update=changes)) for row in met):
            return
        assigned = [getattr(self.model, name).set(value) for name, value in changes.items()]
        self._some(
            actor,
            met,
            lambda r: r.where(condition.condition).update(*assigned),
            {self.table.key_of(row): self._after(row, changes, changes=True) for row in met},
        )

    # -- removing

    @_step(_writes, key=keys)
    def delete(self, who: int, key: Any) -> None:
        """Remove the row with a key, or mark it."""
        actor = self.actors[who]
        old = self._standing(actor, key)
        self._removed(actor, old, None, lambda r: r.delete(key), marks=True)

    @_step(_writes, row=seen)
    def delete_seen(self, who: int, row: Any) -> None:
        """Remove a row as it was read, perhaps long ago."""
        actor = self.actors[who]
        old = self._standing(actor, self._key(row))
        self._removed(actor, old, self._version(row), lambda r: r.delete(row), marks=True)

    @_step(_writes, key=keys)
    def purge(self, who: int, key: Any) -> None:
        """Remove the row with a key for good."""
        actor = self.actors[who]
        old = actor.view.visible.get(self._found_by(key))
        self._removed(actor, old, None, lambda r: r.purge(key), marks=False)

    @_step(_writes, condition=_CONDITIONS)
    def delete_some(self, who: int, condition: Filter[Any]) -> None:
        """Remove the rows that a condition means, or mark them."""
        actor = self.actors[who]
        met = [row for row in actor.view.rows() if condition.holds(row) is True]
        after = {self.table.key_of(row): self._marked(row) for row in met}
        self._some(actor, met, lambda r: r.where(condition.condition).delete(), after)

    @_step(_writes, key=keys)
    def restore(self, who: int, key: Any) -> None:
        """Take the mark from the row with a key."""
        actor = self.actors[who]
        if "deleted_at" not in self.spec.roles:
            return
        mark = self.spec.roles["deleted_at"].name
        old = actor.view.visible.get(self._found_by(key))
        if old is not None and self.table.is_standing(old):
            old = None
        fails = None if old is not None else NotFound
        self._changed(actor, old, old, {mark: None}, fails, lambda r: r.restore(key))

    def _removed(
        self,
        actor: Actor,
        old: Model | None,
        version: object,
        work: Callable[[Repository[Any]], Awaitable[None]],
        *,
        marks: bool,
    ) -> None:
        fails = self._row_failure(old, version)
        touched = Locks()
        if old is not None and fails is None:
            touched.rows.add(self.table.key_of(old))
        if self._is_out_of_reach(actor, touched, unseen=old is None):
            return
        failures = frozenset({fails} if fails else ())
        done = self._attempt(actor, lambda r: _true(work(r)), fails=failures, touched=touched)
        if done is None:
            return
        met = cast("Model", old)  # else it would have failed
        after = self._marked(met) if marks else None
        self._settle(actor, {self.table.key_of(met): after})

    def _marked(self, row: Model) -> dict[str, object] | None:
        """Return what a row is after `delete`; None for gone."""
        mark = self.spec.roles.get("deleted_at")
        if mark is None:
            return None
        found = self._after(row, {}, changes=True)
        del found[mark.name]
        return found

    def _some(
        self,
        actor: Actor,
        met: list[Model],
        work: Callable[[Repository[Any]], Awaitable[int]],
        after: Mapping[Key, dict[str, object] | None],
    ) -> None:
        touched = Locks({self.table.key_of(row) for row in met}, set())
        if self._is_out_of_reach(actor, touched):
            return
        if self._moves_elsewhere(actor):
            return
        count = self._attempt(actor, work, touched=touched)
        if count is None:
            return
        _equal("the number of rows", count, len(met))
        self._settle(actor, after)

    def _moves_elsewhere(self, actor: Actor) -> bool:
        """Whether rows that it does not see as they are might be met by a condition."""
        snapshot = actor.view.snapshot
        return snapshot is not None and any(
            actor.view.is_stale(key) for key in {*snapshot, *self.table.rows}
        )

    def _settle(self, actor: Actor, after: Mapping[Key, dict[str, object] | None]) -> None:
        """Take note of changes that were not given back; what the clock says is read."""
        if all(values is None for values in after.values()):
            for key in after:
                actor.view.remove(key)
        else:
            stored = self._stored(actor)
            if stored is None:
                return
            if gone := after.keys() - stored.keys():
                raise AssertionError(f"the rows with the keys {gone} are gone")
            for key, values in after.items():
                _require(stored[key], cast("dict[str, object]", values))
                actor.view.put(stored[key])
        actor.done()
        self._see(actor)

    # -- transactions

    @_step(_begins, isolation=_LEVELS, read_only=st.booleans())
    def begin(self, who: int, isolation: Isolation | None, read_only: bool) -> None:
        """Open a session, if the actor has none."""
        actor = self.actors[who]
        actor.begin(isolation, read_only=read_only or not actor.may_write)

    @_step(_in_session)
    def commit(self, who: int) -> None:
        """Commit, and go on in the same session."""
        actor = self.actors[who]
        actor.commit()
        self._see_from_outside(actor)
        self._see(actor)

    @_step(_in_session)
    def rollback(self, who: int) -> None:
        """Roll back, and go on in the same session."""
        actor = self.actors[who]
        actor.rollback()
        self._see_from_outside(actor)
        self._see(actor)

    @_step(_in_session)
    def end(self, who: int) -> None:
        """Leave the session, which commits."""
        actor = self.actors[who]
        actor.end()
        self._see(actor)

    @_step(_in_session)
    def fail(self, who: int) -> None:
        """Leave the session with an error."""
        actor = self.actors[who]
        actor.lose(Failed("the transaction was to fail"))
        self._see(actor)

    @_step(_nests)
    def nest(self, who: int) -> None:
        """Begin a part of the transaction."""
        actor = self.actors[who]
        actor.nest()
        self._see(actor)

    @_step(_nested)
    def leave(self, who: int) -> None:
        """End the innermost part of the transaction."""
        actor = self.actors[who]
        actor.leave()
        self._see(actor)

    @_step(_nested)
    def undo(self, who: int) -> None:
        """Undo the innermost part of the transaction."""
        actor = self.actors[who]
        actor.undo()
        self._see(actor)

    # -- what should be

    def _standing(self, actor: Actor, key: Any) -> Model | None:
        """Return the row with a key, as the actor finds it."""
        row = actor.view.visible.get(self._found_by(key))
        return row if row is not None and self.table.is_standing(row) else None

    def _found_by(self, key: Any) -> Key:
        values = key if len(self.spec.primary_key) > 1 else (key,)
        names = (f.name for f in self.spec.primary_key)
        found = self.table.uniques[0].of(dict(zip(names, values, strict=True)))
        return cast("Key", found)

    def _version(self, row: Model) -> object:
        field = self.spec.roles.get("version")
        return None if field is None else getattr(row, field.name)

    def _row_failure(self, row: Model | None, version: object) -> type[AndamiosError] | None:
        """Return what is raised for a row that is gone, or was changed since."""
        if row is None:
            return NotFound
        return StaleVersion if version is not None and version != self._version(row) else None

    def _others(self, actor: Actor, row: Model | None) -> list[Model]:
        own = None if row is None else self.table.key_of(row)
        return [other for key, other in actor.view.current.items() if key != own]

    def _is_valid(self, row: Model) -> bool:
        """Whether the model takes a row as a whole."""
        if not self.spec.whole_row_validators:
            return True
        try:
            self.model.model_validate(row.__dict__, by_name=True)
        except ValueError:
            return False
        return True

    def _is_out_of_reach(self, actor: Actor, touched: Locks, *, unseen: bool = False) -> bool:
        """Whether the engine changes newer rows than those that the actor sees, as InnoDB does.

        `unseen` is a row that the actor does not see, and which may be there for the engine.
        """
        if not actor.writes_to_newest:
            return False
        stale = any(actor.view.is_stale(key) for key in touched.rows)
        return stale or (unseen and self._moves_elsewhere(actor))

    # -- doing it

    def _attempt(
        self,
        actor: Actor,
        work: Callable[[Repository[Any]], Awaitable[T]],
        *,
        fails: _Failures = frozenset(),
        may_fail: _Failures = frozenset(),
        refused: type[AndamiosError] | None = None,
        touched: Locks | None = None,
    ) -> T | None:
        """Return the result of a call, None where it failed as it should.

        It fails with one of `fails`, if there are any, and may do so with `may_fail`; `refused` is
        for a call that never comes to the database. Raises AssertionError for another end.
        """
        held = Locks() if touched is None else touched
        must: set[type[AndamiosError]] = set(fails)
        may: set[type[AndamiosError]] = set(may_fail)
        if refused is not None:
            must, may = {refused}, set()
        elif actor.is_aborted:
            must, may = {TransactionAborted}, set()
        else:
            stale = any(actor.view.is_stale(key) for key in held.rows)
            if stale or actor.must_meet_conflict(held):
                must.add(TransactionConflict)
            if actor.may_meet_conflict() or (touched is not None and actor.may_wait(touched)):
                may.add(TransactionConflict)
        fresh = actor.view.snapshot is None
        actor.look()
        try:
            result = actor.run(_awaited(work(actor.repository())))
        except AndamiosError as error:
            if type(error) not in must | may:
                raise
            actor.failed(error)
            if fresh and actor.writes_to_newest:
                # InnoDB begins to look with the first SELECT.
                actor.view.snapshot = None
            self._see(actor)
            return None
        if must:
            raise AssertionError(
                f"{' or '.join(sorted(kind.__name__ for kind in must))} was to be raised, and"
                f" {result!r} came back"
            )
        return result

    def _stored(self, actor: Actor) -> dict[Key, Model] | None:
        """Return the rows of the table, as the actor reads them; None after a conflict."""
        deleted = "deleted_at" in self.spec.roles
        try:
            rows = actor.run(_awaited(actor.repository(deleted=deleted).all()))
        except TransactionConflict as error:
            if not actor.may_meet_conflict():
                raise
            actor.failed(error)
            return None
        found = {self.table.key_of(row): row for row in rows}
        _equal("the number of different keys", len(found), len(rows))
        return found

    def _see(self, actor: Actor) -> None:
        """Compare what the actor sees of the table with what it should see."""
        if actor.is_aborted or not actor.may_act:
            return
        actor.look()
        stored = self._stored(actor)
        if stored is not None:
            _require_rows(list(stored.values()), list(actor.view.rows(deleted=True)), self.table)

    def _see_from_outside(self, actor: Actor) -> None:
        """Compare what the others see after a transaction has ended."""
        if actor.other.session is None:
            self._see(actor.other)


def run_machine(
    model: type[M],
    url: str,
    settings: settings | None = None,
    *,
    repository: type[Repository[M]] = Repository,
    instances: SearchStrategy[M] | None = None,
    conditions: SearchStrategy[Filter[M]] | None = None,
) -> None:
    """Test a repository against a dict, as often as the settings of hypothesis say.

    The arguments are those of `RepositoryMachine.for_model`. Raises AssertionError, or what the
    library raises where it should not, with the steps that lead to it; UsageError for a database
    that has the table already.

    ```python
    from hypothesis import settings

    from andamios_orm.testing.machines import run_machine

    run_machine(Hero, "sqlite://", settings(max_examples=5, stateful_step_count=10))
    ```
    """
    machine = RepositoryMachine.for_model(
        model, url, repository=repository, instances=instances, conditions=conditions
    )
    with machine.playing():
        run_state_machine_as_test(machine, settings=_patient(settings))


# ---- parts of steps ------------------------------------------------------------------------------


def _patient(given: settings | None) -> settings:
    """Return settings under which no example takes too long: a database is not quick."""
    return settings(given, deadline=None, suppress_health_check=list(HealthCheck))


async def _prepared(playground: Playground, parents: list[type[Model]]) -> None:
    await lose_patience(playground.db, _CONNECTIONS)
    if parents:
        await sample(playground.db, parents, size=_PARENTS)


async def _made_anew(playground: Playground, model: type[Model]) -> None:
    """Drop and create the table, or only empty it where another one refers to it.

    So that each example finds the same, also when it is run again: counters begin at 1, and no
    server cleans up behind the examples before, which takes locks.
    """
    table = table_of(model)
    others_refer = any(
        key.column.table is table
        for other in playground.models
        if other is not model
        for key in table_of(other).foreign_keys
    )

    def make(connection: sa.Connection) -> None:
        # Types that other tables have as well stay: they are the MetaData's.
        table.drop(connection)
        table.create(connection)

    async with playground.db.session() as session:
        if others_refer:
            await session.execute(sa.delete(table))
        else:
            await session.run_sync(make)


async def _pages(query: Any, size: int) -> tuple[list[Model], list[Model]]:
    """Return all rows of all pages, from the first to the last, and back again."""
    page = await query.page(size=size)
    forwards = list(page.items)
    while page.next is not None:
        page = await query.page(size=size, after=page.next)
        forwards += page.items
    backwards = list(page.items)
    while page.previous is not None:
        page = await query.page(size=size, before=page.previous)
        backwards = [*page.items, *backwards]
    return forwards, backwards


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def _in_list(work: Awaitable[T]) -> list[T]:
    return [await work]


async def _true(work: Awaitable[None]) -> bool:
    await work
    return True


def _unless(holds: bool, failure: type[AndamiosError]) -> _Failures:
    return frozenset() if holds else frozenset({failure})


def _require(row: Model, values: Mapping[str, object]) -> None:
    """Raise AssertionError for a row that has other values."""
    if found := differences(row, values):
        told = ", ".join(f"{n} is {is_!r}, not {should!r}" for n, (is_, should) in found.items())
        raise AssertionError(f"{row!r}: {told}")


def _require_rows(
    found: Sequence[Model | None], expected: Sequence[Model | None], table: Table
) -> None:
    """Raise AssertionError for other rows, in whatever order."""
    there = {table.key_of(row): row for row in found if row is not None}
    wanted = {table.key_of(row): row for row in expected if row is not None}
    if len(found) != len(expected) or there.keys() != wanted.keys():
        raise AssertionError(f"there are the rows {list(found)!r}, not {list(expected)!r}")
    for key, row in wanted.items():
        _require(there[key], row.__dict__)


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what} is {found!r}, not {expected!r}")
