"""Write rows and give them back as stored, also where an engine does not return them itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from andamios_orm.database.inserting import most_rows, portions
from andamios_orm.database.source import Source
from andamios_orm.errors import NotSupported, StatementFailed
from andamios_orm.models.base import Model
from andamios_orm.queries import nodes
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.upserting import Conflict
from andamios_orm.repositories.changes import Changes
from andamios_orm.repositories.statements import ModelStatements, statements_of
from andamios_orm.rows.batch import Group
from andamios_orm.rows.encode import same_in_column
from andamios_orm.rows.plan import Plan

__all__ = ["Writer", "comparable"]

M = TypeVar("M", bound=Model)

_SIZE_BITS = 5
"""Significant bits of the number of rows in one INSERT: few enough texts for an engine to keep
them prepared, and usual numbers take two statements at most. Each further statement costs what some
twenty rows do; one that is not prepared costs half as much as all its rows."""
_ARRAY_ROWS = 65_536
"""Rows of one INSERT from lists at most: each is bound as a whole, so this bounds the memory."""


class Writer(Generic[M]):
    """Inserts and updates the rows of one model.

    Where an engine has no RETURNING, a second statement of the same transaction reads the row.
    Every method raises what the database raises, and InvalidRow for a stored row that the model
    refuses.
    """

    __slots__ = ("_statements",)

    def __init__(self, statements: ModelStatements[M]) -> None:
        self._statements = statements

    # -- inserting

    def insert_alone(self, source: Source, names: tuple[str, ...]) -> Plan[list[M]] | None:
        """Return the statement that stores a row of these fields and returns it.

        None where it takes more than that; then there is `insert`.
        """
        statements = self._statements
        if source.capabilities.insert_returning and not statements.spec.judges_defaults:
            return statements.insert(source.plans, names)
        return None

    async def insert(self, source: Source, names: tuple[str, ...], values: list[object]) -> M:
        """Store one row of the fields `names` and return it."""
        plan = self.insert_alone(source, names)
        if plan is not None:
            return (await source.fetch(plan, values))[0]
        if source.capabilities.insert_returning:
            async with source.unit() as unit:
                plan = self._statements.insert(unit.plans, names)
                return (await unit.fetch(plan, values))[0]
        self._require_known_key(names)
        async with source.unit() as unit:
            return await self._insert_and_read(unit, names, values)

    async def insert_many(self, source: Source, group: Group) -> list[M]:
        """Store rows with the same fields, inside a unit, and return them in the same order."""
        names, capabilities = group.names, source.capabilities
        if not capabilities.insert_returning:
            self._require_known_key(names)
            return [await self._insert_and_read(source, names, row) for row in group.rows()]
        in_turn = self._statements.refers_to_itself and not capabilities.mutual_inserts
        if in_turn or not names or not self._key_is_known(names):
            return [await self.insert(source, names, row) for row in group.rows()]
        stored: list[M] = []
        async for columns, rows in self.in_portions(source, group):
            stored += self._in_order(names, columns, rows)
        return stored

    async def in_portions(
        self, source: Source, group: Group, conflict: Conflict | None = None
    ) -> AsyncIterator[tuple[Sequence[list[Any]], list[M]]]:
        """Store rows in few statements; yield for each its columns and the rows it gave back.

        The rows come in any order; on a conflict they are those that were there.
        """
        names, capabilities, statements = group.names, source.capabilities, self._statements
        arrays = capabilities.column_arrays and statements.takes_arrays(source.plans, names)
        most = _ARRAY_ROWS if arrays else most_rows(len(names), capabilities)
        for start, size in portions(group.size, most, bits=None if arrays else _SIZE_BITS):
            columns = group.portion(start, size)
            plan = (
                statements.insert_arrays(source.plans, names, conflict)
                if arrays
                else statements.insert_rows(source.plans, names, size, conflict)
            )
            yield columns, await source.fetch(plan, columns)

    async def _insert_and_read(
        self, unit: Source, names: tuple[str, ...], values: list[object]
    ) -> M:
        statements = self._statements
        await unit.affect(statements.insert_only(unit.plans, names), values)
        key = statements.spec.primary_key
        if all(part.name in names for part in key):
            known = [values[names.index(part.name)] for part in key]
            # What was given as deleted is not there for others.
            stored = statements_of(statements.model, with_deleted=True)
            rows = await unit.fetch(stored.by_key(unit.plans), [*known, *stored.standing])
            if not rows:
                raise StatementFailed(
                    f"the database stored {statements.spec.name} under another key than the given",
                    "open the engine with sql_mode NO_AUTO_VALUE_ON_ZERO, as Database does, or do"
                    " not use 0 as a key",
                )
            return rows[0]
        return (await unit.fetch(statements.last_inserted(unit.plans), []))[0]

    def _require_known_key(self, names: tuple[str, ...]) -> None:
        """Raise NotSupported if the row could not be found again without RETURNING."""
        if self._key_is_known(names):
            return
        made = ", ".join(p.name for p in self._statements.spec.primary_key if p.name not in names)
        raise NotSupported(
            f"the database makes {self._statements.spec.name}.{made}, and this engine gives no key"
            " back but a counted one",
            "make the key in Python, as UUIDKey does, or count it with generated()",
        )

    def _key_is_known(self, names: tuple[str, ...]) -> bool:
        """Whether the key tells which stored row belongs to which given one."""
        key = self._statements.spec.primary_key
        counted = len(key) == 1 and key[0].counted
        return counted or all(part.name in names for part in key)

    def _in_order(
        self, names: tuple[str, ...], columns: Sequence[list[Any]], found: list[M]
    ) -> list[M]:
        """Return the stored rows in the order of the given ones; RETURNING promises none."""
        key = [f.name for f in self._statements.spec.primary_key]
        if not set(key) <= set(names):
            # The database counts in the order in which it is given rows.
            found.sort(key=attrgetter(key[0]))
            return found
        given = [columns[names.index(name)] for name in key]
        stored = [[getattr(row, name) for row in found] for name in key]
        if stored == given:
            return found
        by_key = {comparable(parts): row for *parts, row in zip(*stored, found, strict=True)}
        return [by_key[comparable(parts)] for parts in zip(*given, strict=True)]

    # -- updating

    async def update(
        self,
        source: Source,
        names: tuple[str, ...],
        values: list[object],
        key: Sequence[object],
        version: object = None,
    ) -> M | None:
        """Write the fields `names` of the row with this key; return it, None if it is gone.

        With a `version` a row that has another one counts as gone.
        """
        statements, versioned = self._statements, version is not None
        found = self._found_by(key, version)
        if self._gives_back_updates(source):
            plan = statements.update_by_key(source.plans, names, versioned=versioned)
            rows = await source.fetch(plan, [*values, *found])
            return rows[0] if rows else None
        async with source.unit() as unit:
            if self._must_leave_equal_values(unit, names):
                before = await self._read(unit, key)
                if before is None:
                    return None
                stored = dict(zip(*self._statements.encoder.rendered(before), strict=True))
                fields = statements.spec.by_name
                changes = {
                    name: value
                    for name, value in zip(names, values, strict=True)
                    if not same_in_column(fields[name], stored[name], value)
                }
                names, values = tuple(changes), list(changes.values())
            if names or statements.changes:
                only = statements.update_only_by_key(unit.plans, names, versioned=versioned)
                if not await unit.affect(only, [*values, *found]):
                    return None
            return await self._read(unit, key)

    async def patch(
        self,
        source: Source,
        changes: Changes,
        key: Sequence[object],
        version: object = None,
    ) -> M | None:
        """Assign to columns of the row with this key; return it, None if there is none.

        With a `version` a row that has another one counts as gone.
        """
        statements, versioned = self._statements, version is not None
        found = self._found_by(key, version)
        if self._gives_back_updates(source):
            plan = statements.patch(source.plans, changes, versioned=versioned)
            rows = await source.fetch(plan, [*changes.values, *found])
            return rows[0] if rows else None
        afterwards = self._key_after(changes, key)
        async with source.unit() as unit:
            if self._must_leave_equal_values(unit, [a.attr.name for a in changes.assignments]):
                before = await self._read(unit, key)
                if before is None:
                    return None
                stored = dict(zip(*self._statements.encoder.encode(before), strict=True))
                changes = Changes(
                    [
                        a
                        for a in changes.assignments
                        if nodes.is_clause(a.value)
                        or not same_in_column(a.attr.field, stored[a.attr.name], a.value)
                    ]
                )
            if changes.assignments or statements.changes:
                only = statements.patch_only(unit.plans, changes, versioned=versioned)
                if not await unit.affect(only, [*changes.values, *found]):
                    return None
            return await self._read(unit, afterwards)

    def _found_by(self, key: Sequence[object], version: object) -> list[object]:
        """Return the values of what an UPDATE finds its row by."""
        standing = self._statements.standing
        return [*key, *standing] if version is None else [*key, version, *standing]

    async def _read(self, unit: Source, key: Sequence[object]) -> M | None:
        plan = self._statements.by_key(unit.plans)
        rows = await unit.fetch(plan, [*key, *self._statements.standing])
        return rows[0] if rows else None

    def _gives_back_updates(self, source: Source) -> bool:
        """Whether UPDATE ... RETURNING works for this model's rows.

        DuckDB removes and adds each row to return it, which a reference to the row forbids.
        """
        capabilities = source.capabilities
        return capabilities.update_returning and (
            capabilities.referenced_updates or not self._statements.is_referred_to()
        )

    def _must_leave_equal_values(self, source: Source, names: Iterable[str]) -> bool:
        """Whether setting a column to the value it has could fail.

        DuckDB removes and adds a row whose indexed columns are set, which others must not refer to.
        """
        return not source.capabilities.referenced_updates and any(
            name in self._statements.indexed for name in names
        )

    async def update_selected(
        self, source: Source, selection: Selection, changes: Changes
    ) -> list[M]:
        """Assign to columns of the selected rows, inside a unit; return them all."""
        statements = self._statements
        values = [*changes.values, *selection.values()]
        if self._gives_back_updates(source):
            plan = statements.update_returning(source.plans, selection, changes)
            return await source.fetch(plan, values)
        # By the keys that are locked: a row that was added since would be changed unseen.
        locked = selection.locked("wait")
        before = await source.fetch(statements.select(source.plans, locked), selection.values())
        names = [part.name for part in statements.spec.primary_key]
        only = statements.patch_only(source.plans, changes, versioned=False)
        stored: list[M] = []
        for row in before:
            key = [getattr(row, name) for name in names]
            afterwards = self._key_after(changes, key)
            await source.affect(only, [*changes.values, *key, *statements.standing])
            found = await self._read(source, afterwards)
            stored += [] if found is None else [found]
        return stored

    def _key_after(self, changes: Changes, key: Sequence[object]) -> list[object]:
        """Return the key that the row has after the changes. Raises NotSupported."""
        assigned = {a.attr.name: a.value for a in changes.assignments}
        found: list[object] = []
        for part, value in zip(self._statements.spec.primary_key, key, strict=True):
            after = assigned.get(part.name, value)
            if nodes.is_clause(after):
                raise NotSupported(
                    f"the database would compute {self._statements.spec.name}.{part.name}, by"
                    " which the row is found again, and this engine does not give it back",
                    "set the key to a value",
                )
            found.append(after)
        return found


def comparable(key: Iterable[object]) -> tuple[object, ...]:
    """Return a key under which the stored row is found again.

    A local time that a clock shows twice equals no time of another zone (PEP 495), and NaN nothing.
    """
    return tuple(
        part.astimezone(UTC)
        if isinstance(part, datetime) and part.tzinfo is not None
        else "NaN"
        if part != part
        else part
        for part in key
    )
