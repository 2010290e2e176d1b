"""The differences between two states of a database, each as a value that says what it is.

A change tells what becomes different, not how: which statements it takes, and in which order, is
decided for each engine in `engines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ConstraintState,
    EnumState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SequenceState,
    TableName,
    TableState,
    UniqueState,
)

__all__ = [
    "AddColumn",
    "AddConstraint",
    "AddEnum",
    "AddIndex",
    "AddSequence",
    "AddTable",
    "AlterColumn",
    "AlterComment",
    "AlterEnum",
    "AlterOptions",
    "AlterSequence",
    "Change",
    "DropColumn",
    "DropConstraint",
    "DropEnum",
    "DropIndex",
    "DropSequence",
    "DropTable",
    "RenameColumn",
    "RenameConstraint",
    "RenameIndex",
    "RenameTable",
    "ReplaceConstraint",
    "ReplaceIndex",
    "constraint_noun",
]


@dataclass(frozen=True, slots=True)
class AddTable:
    """A table that is not there yet, with all its constraints and indexes."""

    state: TableState

    @property
    def table(self) -> TableName:
        """The table."""
        return self.state.name

    def __str__(self) -> str:
        return f"add table {self.table}"


@dataclass(frozen=True, slots=True)
class DropTable:
    """A table that no model declares any more."""

    state: TableState

    @property
    def table(self) -> TableName:
        """The table."""
        return self.state.name

    def __str__(self) -> str:
        return f"drop table {self.table}"


@dataclass(frozen=True, slots=True)
class RenameTable:
    """A table under another name, in another schema, or both. `table` is its new name."""

    old: TableName
    table: TableName

    def __str__(self) -> str:
        return f"rename table {self.old} to {self.table}"


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A column that is not there yet."""

    table: TableName
    column: ColumnState

    def __str__(self) -> str:
        return f"add column {self.table}.{self.column.name}"


@dataclass(frozen=True, slots=True)
class DropColumn:
    """A column that no model declares any more."""

    table: TableName
    column: ColumnState

    def __str__(self) -> str:
        return f"drop column {self.table}.{self.column.name}"


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """A column under another name; what else changed about it is an AlterColumn."""

    table: TableName
    old: str
    new: str

    def __str__(self) -> str:
        return f"rename column {self.table}.{self.old} to {self.new}"


@dataclass(frozen=True, slots=True)
class AlterColumn:
    """A column with another type, default, nullability, ...; both have the new name."""

    table: TableName
    before: ColumnState
    after: ColumnState

    @property
    def aspects(self) -> tuple[str, ...]:
        """What differs: some of `type`, `nullable`, `default`, `identity`, `computed`, ..."""
        names = ("type", "nullable", "default", "identity", "computed", "collation", "comment")
        differing = [n for n in names if getattr(self.before, n) != getattr(self.after, n)]
        kept_otherwise = self.after.computed is not None and self.before.stored != self.after.stored
        if kept_otherwise and "computed" not in differing:
            differing.append("computed")
        return tuple(differing)

    def __str__(self) -> str:
        told = ", ".join(self._told(aspect) for aspect in self.aspects)
        return f"alter column {self.table}.{self.after.name}: {told}"

    def _told(self, aspect: str) -> str:
        if aspect == "nullable":
            return "optional" if self.after.nullable else "required"
        if aspect == "comment":
            return "comment"
        before, after = getattr(self.before, aspect), getattr(self.after, aspect)
        return f"{aspect} {before or 'none'} -> {after or 'none'}"


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """A key, UNIQUE, CHECK or foreign key that is not there yet."""

    table: TableName
    constraint: ConstraintState

    def __str__(self) -> str:
        return f"add {constraint_noun(self.constraint)} of {self.table}"


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """A key, UNIQUE, CHECK or foreign key that no model declares any more."""

    table: TableName
    constraint: ConstraintState

    def __str__(self) -> str:
        return f"drop {constraint_noun(self.constraint)} of {self.table}"


@dataclass(frozen=True, slots=True)
class ReplaceConstraint:
    """A constraint of the same name or meaning that says something else."""

    table: TableName
    before: ConstraintState
    after: ConstraintState

    def __str__(self) -> str:
        return f"change {constraint_noun(self.after)} of {self.table}"


@dataclass(frozen=True, slots=True)
class RenameConstraint:
    """The same constraint under another name; `after` is the whole of it."""

    table: TableName
    before: ConstraintState
    after: ConstraintState

    def __str__(self) -> str:
        return f"rename {constraint_noun(self.before)} of {self.table} to {self.after.name}"


@dataclass(frozen=True, slots=True)
class AddIndex:
    """An index that is not there yet."""

    table: TableName
    index: IndexState

    def __str__(self) -> str:
        return f"add index {self.index.name} of {self.table}"


@dataclass(frozen=True, slots=True)
class DropIndex:
    """An index that no model declares any more."""

    table: TableName
    index: IndexState

    def __str__(self) -> str:
        return f"drop index {self.index.name} of {self.table}"


@dataclass(frozen=True, slots=True)
class ReplaceIndex:
    """An index of the same name over something else."""

    table: TableName
    before: IndexState
    after: IndexState

    def __str__(self) -> str:
        return f"change index {self.after.name} of {self.table}"


@dataclass(frozen=True, slots=True)
class RenameIndex:
    """The same index under another name."""

    table: TableName
    before: IndexState
    after: IndexState

    def __str__(self) -> str:
        return f"rename index {self.before.name} of {self.table} to {self.after.name}"


@dataclass(frozen=True, slots=True)
class AlterComment:
    """Another comment on a table."""

    table: TableName
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"change the comment on {self.table}"


@dataclass(frozen=True, slots=True)
class AlterOptions:
    """What is written after a table's columns is something else."""

    table: TableName
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        told = [f"{name}={value}" for name, value in sorted(set(self.after) - set(self.before))]
        told += [f"no {name}={value}" for name, value in sorted(set(self.before) - set(self.after))]
        return f"change {self.table}: {', '.join(told)}"


@dataclass(frozen=True, slots=True)
class AddEnum:
    """An enum type that is not there yet."""

    state: EnumState

    def __str__(self) -> str:
        return f"add enum {self.state.name}"


@dataclass(frozen=True, slots=True)
class DropEnum:
    """An enum type that no column uses any more."""

    state: EnumState

    def __str__(self) -> str:
        return f"drop enum {self.state.name}"


@dataclass(frozen=True, slots=True)
class AlterEnum:
    """An enum type with other labels; `renamed` are pairs of an old and a new one."""

    before: EnumState
    after: EnumState
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def removed(self) -> tuple[str, ...]:
        """The labels that are gone, under any name."""
        kept = {old for old, _ in self.renamed} | set(self.after.labels)
        return tuple(label for label in self.before.labels if label not in kept)

    @property
    def added(self) -> tuple[str, ...]:
        """The labels that are new, and no other name of an old one."""
        known = {new for _, new in self.renamed} | set(self.before.labels)
        return tuple(label for label in self.after.labels if label not in known)

    def __str__(self) -> str:
        told = [f"add {label}" for label in self.added]
        told += [f"rename {old} to {new}" for old, new in self.renamed]
        told += [f"remove {label}" for label in self.removed]
        return f"alter enum {self.after.name}: {', '.join(told) or 'order of labels'}"


@dataclass(frozen=True, slots=True)
class AddSequence:
    """A sequence that is not there yet."""

    state: SequenceState

    def __str__(self) -> str:
        return f"add sequence {self.state.name}"


@dataclass(frozen=True, slots=True)
class DropSequence:
    """A sequence that nothing declares any more."""

    state: SequenceState

    def __str__(self) -> str:
        return f"drop sequence {self.state.name}"


@dataclass(frozen=True, slots=True)
class AlterSequence:
    """A sequence with other options."""

    before: SequenceState
    after: SequenceState

    def __str__(self) -> str:
        return f"alter sequence {self.after.name}"


Change: TypeAlias = (
    AddTable
    | DropTable
    | RenameTable
    | AddColumn
    | DropColumn
    | RenameColumn
    | AlterColumn
    | AddConstraint
    | DropConstraint
    | ReplaceConstraint
    | RenameConstraint
    | AddIndex
    | DropIndex
    | ReplaceIndex
    | RenameIndex
    | AlterComment
    | AlterOptions
    | AddEnum
    | DropEnum
    | AlterEnum
    | AddSequence
    | DropSequence
    | AlterSequence
)


def constraint_noun(constraint: ConstraintState) -> str:
    """Return the constraint in words: `check ck_hero_age_ge`, `foreign key (team_id)`."""
    if isinstance(constraint, CheckState):
        return f"check {constraint.name or constraint.sql}"
    nouns = {KeyState: "primary key", UniqueState: "unique", ForeignKeyState: "foreign key"}
    columns = ", ".join(constraint.columns)
    return f"{nouns[type(constraint)]} {constraint.name or f'({columns})'}"
