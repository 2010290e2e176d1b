"""What a table should hold, as a dict, and as each of its transactions sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from andamios_orm.models.base import Model
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.repositories.writing import comparable
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.json_values import same_value
from andamios_orm.schema.spec import Kind

__all__ = ["Key", "Locks", "Rows", "Table", "Unique", "View", "differences", "same"]

Key: TypeAlias = tuple[object, ...]
Rows: TypeAlias = dict[Key, Model]


@dataclass(frozen=True, slots=True)
class Unique:
    """Fields that no two rows share."""

    names: tuple[str, ...]
    """None where only the database knows what is compared."""
    certain: bool
    """Whether values that are equal in Python are so in the database, and no others."""

    def of(self, values: Mapping[str, object]) -> Key | None:
        """Return the values that nobody else may have; None if there are none, or not all."""
        found = comparable(values.get(name) for name in self.names)
        return None if None in found else found


Token: TypeAlias = tuple[tuple[str, ...], Key]
"""The values of a unique key, which one row can have."""


class Table:
    """The committed rows of one model."""

    def __init__(self, model: type[Model], dialect_name: str) -> None:
        self.model = model
        self.spec = spec_of(model)
        self.rows: Rows = {}
        names = {f.column: f.name for f in self.spec.fields}
        kinds = {f.name: f.storage.kind for f in self.spec.fields}
        found: list[Unique] = []
        for key in unique_keys(table_of(model), dialect_name):
            fields = tuple(names[column] for column in key.columns) if key.exact else ()
            plain = {Kind.CUSTOM, Kind.JSON}.isdisjoint(kinds[name] for name in fields)
            found.append(Unique(fields, bool(fields) and key.where is None and plain))
        self.uniques = tuple(found)
        """The first is the primary key."""
        self.is_certain = all(unique.certain for unique in found)
        """Whether Python knows which rows get into each other's way."""

    def key_of(self, row: Model) -> Key:
        """Return the values of a stored row's primary key."""
        return comparable(getattr(row, f.name) for f in self.spec.primary_key)

    def tokens(self, values: Mapping[str, object]) -> set[Token]:
        """Return what no other row may have besides a row of these values, as far as is certain."""
        return {
            (unique.names, found)
            for unique in self.uniques
            if unique.certain and (found := unique.of(values)) is not None
        }

    def is_standing(self, row: Model) -> bool:
        """Whether a row is not marked as deleted."""
        mark = self.spec.roles.get("deleted_at")
        return mark is None or getattr(row, mark.name) is None

    def taken(self, values: Mapping[str, object], rows: Iterable[Model], *, certain: bool) -> bool:
        """Whether one of the rows has a value that a new one must not have.

        `certain` asks for the keys of which Python knows, else it is the others.
        """
        others = list(rows)
        for unique in self.uniques:
            if unique.certain != certain:
                continue
            if not unique.names:
                if others:
                    return True
                continue
            mine = unique.of(values)
            if mine is not None and any(unique.of(o.__dict__) == mine for o in others):
                return True
        return False


@dataclass(slots=True)
class Locks:
    """What a transaction keeps others from changing until it ends."""

    rows: set[Key] = field(default_factory=set)
    tokens: set[Token] = field(default_factory=set)

    def copy(self) -> Locks:
        """Return the same locks, to come back to."""
        return Locks(set(self.rows), set(self.tokens))


class View:
    """What one transaction sees: what is committed, or was at its beginning, and its own work."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.changes: dict[Key, Model | None] = {}
        self.snapshot: Rows | None = None
        """What was committed when it began to look, where that is all it sees of others."""
        self.locks = Locks()
        self._kept: list[tuple[dict[Key, Model | None], Locks, Rows | None]] = []

    @property
    def visible(self) -> Rows:
        """The rows that it finds."""
        return self._with_changes(self._table.rows if self.snapshot is None else self.snapshot)

    @property
    def current(self) -> Rows:
        """The rows that constraints know of."""
        return self._with_changes(self._table.rows)

    def is_stale(self, key: Key) -> bool:
        """Whether another transaction has changed a row since this one began to look."""
        if self.snapshot is None or key in self.changes:
            return False
        return self.snapshot.get(key) is not self._table.rows.get(key)

    def put(self, row: Model) -> None:
        """Store a row in place of the one with its key."""
        key = self._table.key_of(row)
        self._change(key, row)
        self.locks.tokens |= self._table.tokens(row.__dict__)

    def remove(self, key: Key) -> None:
        """Remove a row."""
        self._change(key, None)

    def _change(self, key: Key, row: Model | None) -> None:
        before = self.current.get(key)
        self.locks.rows.add(key)
        if before is not None:
            self.locks.tokens |= self._table.tokens(before.__dict__)
        self.changes[key] = row

    def _with_changes(self, rows: Rows) -> Rows:
        return {k: row for k, row in {**rows, **self.changes}.items() if row is not None}

    # -- savepoints and the end

    def nest(self) -> None:
        """Begin a part that can be undone alone."""
        self._kept.append((dict(self.changes), self.locks.copy(), self.snapshot))

    def leave(self) -> None:
        """End the innermost part, and keep what it did."""
        self._kept.pop()

    def undo(self, *, sees_anew: bool = False) -> None:
        """End the innermost part, and undo it; `sees_anew` where a snapshot that it took goes."""
        self.changes, self.locks, snapshot = self._kept.pop()
        if sees_anew:
            self.snapshot = snapshot

    def commit(self) -> None:
        """Give others what it did."""
        self._table.rows = self.current

    def rows(self, *, deleted: bool = False) -> Iterator[Model]:
        """Return the visible rows; those that are marked as deleted only where asked for."""
        return (r for r in self.visible.values() if deleted or self._table.is_standing(r))


def same(one: object, other: object) -> bool:
    """Whether a value came back as it was stored."""
    if same_value(one, other):
        return True
    return one != one and other != other  # NaN equals nothing


def differences(row: Model, values: Mapping[str, object]) -> dict[str, tuple[Any, object]]:
    """Return what a row has instead of some values, by field."""
    return {
        name: (found, value)
        for name, value in values.items()
        if not same(found := row.__dict__.get(name), value)
    }
