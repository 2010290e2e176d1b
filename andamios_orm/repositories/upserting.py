"""Insert a row, or change the one that has its key already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence, Set
from contextlib import nullcontext, suppress
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel

from andamios_orm.database.session import Session
from andamios_orm.database.source import Source
from andamios_orm.errors import NotLoaded, UniqueViolation, UsageError, WrongType
from andamios_orm.models.base import Model
from andamios_orm.queries import terms
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.upserting import Conflict, unique_keys
from andamios_orm.repositories.statements import ModelStatements
from andamios_orm.repositories.tenants import owned_group
from andamios_orm.repositories.writing import Writer, comparable
from andamios_orm.rows.batch import Group
from andamios_orm.rows.plan import Plan
from andamios_orm.rows.usual import Encoded
from andamios_orm.schema.spec import Kind, ModelSpec

__all__ = ["Upserter", "is_undisturbed", "upserter_of"]

M = TypeVar("M", bound=Model)
R = TypeVar("R")

_CLAIMED = 0
_MANY = 500
"""Rows that are looked for in one statement."""
_SHAPES = 32
"""Sets of fields that are kept for a key: instances with ever other ones are not usual."""

Names: TypeAlias = tuple[str, ...]


class _Prepared(NamedTuple):
    """What an upsert needs that depends on no value."""

    conflict: Conflict
    places: tuple[int, ...]
    """Where the key's values are among those of the row."""


class _Target(NamedTuple):
    """A key by which rows are found."""

    attrs: tuple[terms.Attr, ...]
    names: Names
    """Its fields."""
    kept: frozenset[str]
    """The fields that an existing row keeps unless `update=` names them."""
    custom: bool
    """Whether the database may find values equal that Python does not."""
    others: tuple[frozenset[str], ...]
    """For each other key of the table, its field that the database counts, if there is one."""
    changing: frozenset[str]
    """The fields that decide in further keys: a row that gets another value gives one up."""
    nameable: bool
    """Whether an INSERT can say that this key is meant."""
    prepared: dict[tuple[Names, frozenset[str] | None, bool], _Prepared]
    """What was prepared, by the fields that have values and those that are overwritten."""


class _Part(NamedTuple):
    """Rows of one call with values for the same fields, of which the same are overwritten."""

    places: list[int]
    """Where they stand among the given ones."""
    group: Group
    conflict: Conflict
    keys: list[tuple[object, ...]]
    """What tells the rows apart, empty where only the database knows."""


class Upserter(Generic[M]):
    """Upserts the rows of one model."""

    def __init__(self, statements: ModelStatements[M]) -> None:
        self._statements = statements
        self._writer = Writer(statements)
        self._targets: dict[tuple[object, ...], _Target] = {}

    # -- the calls

    def known(
        self,
        source: Source,
        instance: M,
        encoded: Encoded,
        on: Sequence[object],
        update: object,
    ) -> Plan[list[M]] | None:
        """Return the statement that does all of it, where an earlier call was like this one.

        None where that is not known; then there is `one`. Raises UsageError.
        """
        if update is not None or (type(on) is not list and type(on) is not tuple):
            return None
        names, values = encoded
        # What `_shape` says, without a call.
        given = frozenset(instance.__pydantic_fields_set__)
        plan = source.plans.find((self, names, given, *map(id, on)))
        if plan is not None:
            for attr in on:
                name = attr.name
                if values[names.index(name)] is None:
                    raise self._equals_nothing(name)
        return plan

    async def one(
        self, source: Source, instance: M, encoded: Encoded, on: object, update: object
    ) -> M:
        """Store an instance, or change the row that has its values of `on`; return the row."""
        target = self._target(source, on)
        chosen = self._chosen(target, update)
        names, values = encoded
        given = instance.model_fields_set if chosen is None else None
        conflict, places = self._prepared(target, names, given, chosen)
        for place in places:
            if values[place] is None:
                raise self._equals_nothing(names[place])
        # Where references forbid a change, models that come later may refer to this one.
        if (
            source.capabilities.referenced_updates
            and len(target.prepared) < _SHAPES
            and self._is_fetched(source, target, names, conflict)
        ):
            plan = self._statements.insert(source.plans, names, conflict)
            source.plans.get(self._shape(instance, names, on, update), lambda _: plan)
        return await _undisturbed(
            source, lambda: self._upsert(source, target, names, values, conflict)
        )

    def _shape(
        self, instance: M, names: Names, on: object, update: object
    ) -> tuple[object, ...] | None:
        """Return what a call without `update=` depends on, besides the values; None for others.

        Columns stand there as themselves, which their targets keep alive.
        """
        if update is not None or (type(on) is not list and type(on) is not tuple):
            return None
        return (self, names, frozenset(instance.__pydantic_fields_set__), *map(id, on))

    async def many(
        self, source: Source, instances: Iterable[M], on: object, update: object
    ) -> list[M]:
        """Do the same with many instances, all or none; return the rows in the same order."""
        target = self._target(source, on)
        chosen = self._chosen(target, update)
        given = list(instances)
        overwritten = self._overwritten(given, target, chosen)
        hands_on = len(given) > 1 and not all(map(target.changing.isdisjoint, overwritten))
        # Rows of one table that refer to each other are given in the right order.
        as_given = self._statements.refers_to_itself or (hands_on and not _may_fail_alone(source))
        parts = list(self._parts(source, target, given, chosen, overwritten, as_given=as_given))
        self._require_different(target, (key for part in parts for key in part.keys))
        if not parts:
            return []

        def attempt(parts: list[_Part]) -> Awaitable[list[M]]:
            return self._upsert_parts(source, target, parts, len(given))

        if as_given or not hands_on:
            return await _undisturbed(source, lambda: attempt(parts))
        # First in few statements, sorted where others would wait for the rows. So once more where
        # another's INSERT came between: in any other order the two could wait for each other.
        with suppress(UniqueViolation):
            async with source.savepoint() if isinstance(source, Session) else nullcontext():
                return await _undisturbed(source, lambda: attempt(parts))
        # A row may have met another one in a value that this one is to give up before it.
        return await attempt(
            list(self._parts(source, target, given, chosen, overwritten, as_given=True))
        )

    # -- what is asked for

    def _target(self, source: Source, on: object) -> _Target:
        """Return the key made of these columns. Raises WrongType, UsageError."""
        dialect_name = source.plans.dialect.name
        # By the columns themselves, which the target keeps alive: no call checks them again.
        ids = (dialect_name, *map(id, on)) if type(on) is list or type(on) is tuple else ()
        found = self._targets.get(ids)
        if found is None:
            found = self._new_target(dialect_name, self._attrs("on", on))
            self._targets[dialect_name, *map(id, found.attrs)] = found
        return found

    def _new_target(self, dialect_name: str, attrs: tuple[terms.Attr, ...]) -> _Target:
        spec = self._statements.spec
        names = tuple(attr.name for attr in attrs)
        fields = {f.column: f.name for f in spec.fields}
        keys = list(unique_keys(self._statements.table, dialect_name))
        usable = [
            tuple(fields[column] for column in key.columns)
            for key in keys
            if key.exact and fields.keys() >= set(key.columns)
        ]
        if sorted(names) not in map(sorted, usable):
            fits = ", ".join(f"on=[{', '.join(map(self._shown, key))}]" for key in usable)
            raise UsageError(
                f"no unique key of {spec.name} consists of"
                f" {', '.join(map(self._shown, names)) or 'no column'}, so several rows could be"
                " meant",
                f"use {fits}, or declare the columns unique together",
            )
        conditions = [
            key.where
            for key in keys
            if key.exact and {fields.get(column) for column in key.columns} == set(names)
        ]
        if len(conditions) > 1 and all(condition is not None for condition in conditions):
            raise UsageError(
                f"several unique indexes of {spec.name} are of"
                f" {', '.join(map(self._shown, names))}, each for some rows, and an upsert is about"
                " one of them",
                "use another key, or declare the columns unique in all rows",
            )
        if any(attr.storage.kind is Kind.JSON for attr in attrs):
            raise UsageError(
                f"{' and '.join(map(self._shown, names))} holds JSON, and engines disagree on when"
                " two JSON texts are equal",
                "use another unique key",
            )
        counted = {f.column for f in spec.fields if f.counted}
        others = [
            key for key in keys if {fields.get(column) for column in key.columns} != set(names)
        ]
        return _Target(
            attrs,
            names,
            frozenset(
                f.name for f in spec.fields if f.name in names or f.primary_key or f.server_made
            ),
            custom=any(attr.storage.kind is Kind.CUSTOM for attr in attrs),
            others=tuple(
                frozenset(fields[column] for column in counted & set(key.columns)) for key in others
            ),
            changing=frozenset(
                fields[column]
                for key in others
                for column in (key.columns if key.plain and key.where is None else fields)
                if column in fields
            ),
            nameable=dialect_name != "sqlite" or not _has_row_number(spec, names),
            prepared={},
        )

    def _chosen(self, target: _Target, update: object) -> frozenset[str] | None:
        """Return the fields that `update=` names, None for those that were given."""
        if update is None:
            return None
        attrs = self._attrs("update", update)
        key = {f.name for f in self._statements.spec.primary_key}
        for attr in attrs:
            if attr.name in key or attr.name in target.names:
                raise UsageError(
                    f"update= names {attr!r}, which says which row it is",
                    "name the columns that an existing row gets anew",
                )
            if attr.field.role is not None:
                raise UsageError(
                    f"update= names {attr!r}, which the library sets", "leave it out of update="
                )
        return frozenset(attr.name for attr in attrs)

    def _attrs(self, parameter: str, given: object) -> tuple[terms.Attr, ...]:
        """Return columns of the model. Raises WrongType, UsageError."""
        shown = type(given).__name__
        if isinstance(given, Sequence):
            wrong = [item for item in given if not isinstance(item, terms.Attr)]
            shown = f"{type(wrong[0]).__name__} in it" if wrong else ""
        if shown:
            raise WrongType(
                f"{parameter}= got a {shown}",
                f"pass a list of columns read on the class, as in `{parameter}=[Hero.name]`",
            )
        attrs: tuple[terms.Attr, ...] = tuple(given)  # type: ignore[arg-type] # checked above
        for attr in attrs:
            if attr.model is not self._statements.model:
                raise UsageError(
                    f"{attr!r} is not a column of {self._statements.spec.name}",
                    f"use the columns read on {self._statements.spec.name} itself",
                )
        return attrs

    def _shown(self, name: str) -> str:
        return f"{self._statements.spec.name}.{name}"

    # -- what is given

    def _require_given(self, target: _Target, chosen: frozenset[str] | None, names: Names) -> None:
        """Raise NotLoaded if a field that is needed has no value yet."""
        for name in (*target.names, *(chosen or ())):
            if name not in names:
                raise NotLoaded(
                    f"{self._shown(name)} has no value yet, which the upsert needs",
                    "give the instance one, or leave the field out of on= and update=",
                )

    def _prepared(
        self,
        target: _Target,
        names: Names,
        given: Set[str] | None,
        chosen: frozenset[str] | None,
    ) -> _Prepared:
        """Return what is the same for all instances that give the same fields.

        An existing row gets the fields that are `chosen`, or else those that are `given`. Raises
        NotLoaded.
        """
        shape = (names, chosen if given is None else frozenset(given), given is None)
        found = target.prepared.get(shape)
        if found is None:
            self._require_given(target, chosen, names)
            fields = (chosen or frozenset()) if given is None else given - target.kept
            found = _Prepared(
                _conflict(target, names, fields), tuple(map(names.index, target.names))
            )
            if len(target.prepared) < _SHAPES:
                target.prepared[shape] = found
        return found

    def _equals_nothing(self, name: str) -> UsageError:
        """Return the error for a key that no row can be found by."""
        return UsageError(
            f"{self._shown(name)} is None, which equals nothing in a unique key: each"
            " upsert would store another row",
            "store such a row with add(), or use another key",
        )

    def _require_different(self, target: _Target, keys: Iterable[tuple[object, ...]]) -> None:
        """Raise UsageError if two instances mean one row."""
        seen: set[tuple[object, ...]] = set()
        for key in keys:
            if key in seen:
                raise UsageError(
                    "two of the instances have the same"
                    f" {' and '.join(map(self._shown, target.names))}, so what one of them says"
                    " would be lost",
                    "keep one of them, or upsert them in two calls",
                )
            seen.add(key)

    def _parts(
        self,
        source: Source,
        target: _Target,
        given: list[M],
        chosen: frozenset[str] | None,
        overwritten: list[frozenset[str]],
        *,
        as_given: bool,
    ) -> Iterator[_Part]:
        """Yield the instances in parts that few statements store, sorted unless `as_given`.

        Raises what add() raises.
        """
        for fields, together in _alike(overwritten, as_given=as_given):
            start = 0
            rendered = self._statements.encoder.rendered_all([given[n] for n in together])
            for alike in rendered:
                group = owned_group(self._statements, source, alike)
                self._require_given(target, chosen, group.names)
                columns = [group.columns[group.names.index(name)] for name in target.names]
                for values in zip(*columns, strict=True):
                    for name, value in zip(target.names, values, strict=True):
                        if value is None:
                            raise self._equals_nothing(name)
                keys = [] if target.custom else list(map(comparable, zip(*columns, strict=True)))
                places = together[start : start + group.size]
                part = _Part(places, group, _conflict(target, group.names, fields), keys)
                ordered = source.capabilities.concurrent_writers and not as_given
                yield _in_order_of_keys(part) if ordered else part
                start += group.size

    def _overwritten(
        self, given: Sequence[object], target: _Target, chosen: frozenset[str] | None
    ) -> list[frozenset[str]]:
        """Return for each instance the fields that an existing row gets from it."""
        if chosen is not None:
            return [chosen] * len(given)
        # What is no instance is refused where it is encoded.
        return [
            frozenset(one.model_fields_set if isinstance(one, BaseModel) else ()) - target.kept
            for one in given
        ]

    # -- one row

    def _is_fetched(
        self, source: Source, target: _Target, names: Names, conflict: Conflict
    ) -> bool:
        """Whether one statement, which needs no transaction around it, gives the row back."""
        spec, capabilities = self._statements.spec, source.capabilities
        return (
            capabilities.insert_returning
            and (bool(conflict.update) or not capabilities.on_conflict)
            and not (spec.judges_defaults or spec.whole_row_validators)
            and self._is_one_statement(source, target, names)
        )

    async def _upsert(
        self,
        source: Source,
        target: _Target,
        names: Names,
        values: list[object],
        conflict: Conflict,
    ) -> M:
        statements, capabilities = self._statements, source.capabilities
        if not self._is_one_statement(source, target, names):
            async with source.unit() as unit:
                return await self._in_turn(unit, target, names, values, conflict)
        if capabilities.insert_returning and (conflict.update or not capabilities.on_conflict):
            plan = statements.insert(source.plans, names, conflict)
            if not (statements.spec.judges_defaults or statements.spec.whole_row_validators):
                rows = await source.fetch(plan, values)
            else:
                # What the row is like is judged when it comes back, and a refusal undoes it.
                async with source.unit() as unit:
                    rows = await unit.fetch(plan, values)
            # Without a row the one in the way is out of sight, and the database says so.
            return rows[0] if rows else await self._writer.insert(source, names, values)
        async with source.unit() as unit:
            if capabilities.insert_returning:
                rows = await unit.fetch(statements.insert(unit.plans, names, conflict), values)
                if rows:
                    return rows[0]
            else:
                await unit.affect(statements.insert_only(unit.plans, names, conflict), values)
            return await self._existing(unit, target, names, values)

    def _is_one_statement(self, source: Source, target: _Target, names: Names) -> bool:
        """Whether the engine's own upsert does what is asked for, and nothing else.

        That of MariaDB and MySQL changes a row that any key is shared with. DuckDB removes and
        adds each row that it changes, which a reference to the row forbids.
        """
        capabilities = source.capabilities
        if not target.nameable:
            return False
        if not capabilities.on_conflict:
            if not self._sees(target):
                return False
            # A key that is counted meets no row.
            return not any(counted.issubset(names) for counted in target.others)
        return capabilities.referenced_updates or not self._statements.is_referred_to()

    def _sees(self, target: _Target) -> bool:
        """Whether a row with the key is there for queries, too."""
        roles = self._statements.spec.roles
        tenant = roles.get("tenant")
        return "deleted_at" not in roles and (tenant is None or tenant.name in target.names)

    async def _in_turn(
        self,
        unit: Source,
        target: _Target,
        names: Names,
        values: list[object],
        conflict: Conflict,
    ) -> M:
        """Look for the row, and insert or update it, while no other transaction can."""
        statements = self._statements
        if not unit.capabilities.on_conflict:
            # Whoever comes first has the key, and the others wait: a plain INSERT would leave
            # each of them with a lock that keeps the others from updating.
            await self._claim(unit, target, names, values)
        found = await self._find(unit, target, names, values)
        if found is None:
            return await self._writer.insert(unit, names, values)
        update = conflict.update
        version = statements.spec.roles.get("version")
        claimed = version is not None and getattr(found, version.name) == _CLAIMED
        if not update and not claimed:
            return found
        key = [getattr(found, part.name) for part in statements.spec.primary_key]
        changed = [values[names.index(name)] for name in update]
        return await self._writer.update(unit, update, changed, key) or found

    async def _claim(
        self, unit: Source, target: _Target, names: Names, values: list[object]
    ) -> None:
        """Store the row, unless there is one: then lock that."""
        version = self._statements.spec.roles.get("version")
        if version is not None and version.name not in names:
            # So that a row that was stored just now is known by it, and counted to 1.
            names, values = (*names, version.name), [*values, _CLAIMED]
        claim = Conflict(target.names, ())
        await unit.affect(self._statements.insert_only(unit.plans, names, claim), values)

    async def _existing(
        self, unit: Source, target: _Target, names: Names, values: list[object]
    ) -> M:
        found = await self._find(unit, target, names, values)
        # Gone since, or out of sight: then the database says what is in the way.
        return found or await self._writer.insert(unit, names, values)

    async def _find(
        self, unit: Source, target: _Target, names: Names, values: Sequence[object]
    ) -> M | None:
        """Return the row with these values of the key."""
        selection = self._statements.rows.where(
            *(attr == values[names.index(attr.name)] for attr in target.attrs)
        )
        rows = await self._select(unit, selection)
        return rows[0] if rows else None

    async def _select(self, unit: Source, selection: Selection) -> list[M]:
        if not unit.capabilities.on_conflict:
            # It also sees what was committed since the transaction began.
            selection = selection.locked("wait")
        plan = self._statements.select(unit.plans, selection)
        return await unit.fetch(plan, selection.values())

    # -- many rows

    async def _upsert_parts(
        self, source: Source, target: _Target, parts: list[_Part], size: int
    ) -> list[M]:
        stored: dict[int, M] = {}
        async with source.unit() as unit:
            for part in parts:
                rows = await self._upsert_part(unit, target, part)
                stored.update(zip(part.places, rows, strict=True))
            # Two values that only the database finds equal mean one row as well.
            key = [part.name for part in self._statements.spec.primary_key]
            self._require_different(
                target,
                (comparable(getattr(row, name) for name in key) for row in stored.values()),
            )
        return [stored[place] for place in range(size)]

    async def _upsert_part(self, unit: Source, target: _Target, part: _Part) -> list[M]:
        capabilities, group = unit.capabilities, part.group
        if (
            target.custom
            or not capabilities.insert_returning
            or (self._statements.refers_to_itself and not capabilities.mutual_inserts)
            or not self._is_one_statement(unit, target, group.names)
        ):
            return [
                await self._upsert(unit, target, group.names, row, part.conflict)
                for row in group.rows()
            ]
        found: dict[tuple[object, ...], M] = {}

        def keep(rows: Iterable[M]) -> None:
            found.update(
                (comparable(getattr(row, name) for name in target.names), row) for row in rows
            )

        async for _, rows in self._writer.in_portions(unit, group, part.conflict):
            keep(rows)
        if len(target.attrs) == 1:
            [attr] = target.attrs
            values = group.columns[group.names.index(attr.name)]
            missing = [v for v, key in zip(values, part.keys, strict=True) if key not in found]
            for start in range(0, len(missing), _MANY):
                some = attr.in_(missing[start : start + _MANY])
                keep(await self._select(unit, self._statements.rows.where(some)))
        if not found.keys() >= set(part.keys):
            # The database finds them equal to others, or they are several columns.
            for key, row in zip(part.keys, group.rows(), strict=True):
                if key not in found:
                    found[key] = await self._existing(unit, target, group.names, row)
        return [found[key] for key in part.keys]


def _has_row_number(spec: ModelSpec, names: Names) -> bool:
    """Whether a key is of several columns, and one is what SQLite numbers its rows by.

    It keeps no such column in an index, and ON CONFLICT finds no key that it is a part of.
    """
    key = spec.primary_key
    numbered = len(key) == 1 and key[0].storage.kind is Kind.INTEGER
    return numbered and len(names) > 1 and key[0].name in names


def _conflict(target: _Target, names: Names, fields: Iterable[str]) -> Conflict:
    chosen = frozenset(fields)
    return Conflict(target.names, tuple(name for name in names if name in chosen))


def _in_order_of_keys(part: _Part) -> _Part:
    """Return the part sorted, so that two transactions do not wait for each other's rows."""
    try:
        order = sorted(range(len(part.keys)), key=part.keys.__getitem__)
    except TypeError:
        return part
    if not order:
        return part
    group = part.group
    columns = [type(column)([column[n] for n in order]) for column in group.columns]
    return _Part(
        [part.places[n] for n in order],
        Group(group.names, group.size, columns),
        part.conflict,
        [part.keys[n] for n in order],
    )


def _alike(
    overwritten: list[frozenset[str]], *, as_given: bool
) -> Iterable[tuple[frozenset[str], list[int]]]:
    """Return the places of instances of which the same fields are overwritten."""
    if as_given:
        neighbours = groupby(enumerate(overwritten), key=itemgetter(1))
        return [(fields, [place for place, _ in some]) for fields, some in neighbours]
    found: dict[frozenset[str], list[int]] = {}
    for place, fields in enumerate(overwritten):
        found.setdefault(fields, []).append(place)
    return found.items()


def _may_fail_alone(source: Source) -> bool:
    """Whether the rows of one call can be undone without the statements before it."""
    if isinstance(source, Session):
        return source.capabilities.savepoints
    return not source.in_transaction


async def _undisturbed(source: Source, attempt: Callable[[], Awaitable[R]]) -> R:
    """Return what the attempt gives, made again where another's INSERT came between.

    PostgreSQL looks for the named key first, and then may meet a row that was stored meanwhile in
    another of its keys. A session is its owner's to run again.
    """
    if is_undisturbed(source):
        return await attempt()
    try:
        return await attempt()
    except UniqueViolation:
        return await attempt()


def is_undisturbed(source: Source) -> bool:
    """Whether no attempt is made again: none can be, or no other's INSERT can come between."""
    return source.in_transaction or not source.capabilities.concurrent_writers


_by_statements: dict[ModelStatements[Any], Upserter[Any]] = {}


def upserter_of(statements: ModelStatements[M]) -> Upserter[M]:
    """Return the upserter of a model, made once."""
    found = _by_statements.get(statements)
    if found is None:
        found = _by_statements[statements] = Upserter(statements)
    return found
