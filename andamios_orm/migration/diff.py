"""What must change for a database to become what the models say, and what nobody can know.

A table or column that is gone while a similar one appeared may have been renamed, or dropped and
added: that is a question, and it is never guessed. Everything else follows from the two states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from andamios_orm.errors import UsageError
from andamios_orm.migration.changes import (
    AddColumn,
    AddConstraint,
    AddEnum,
    AddIndex,
    AddSequence,
    AddTable,
    AlterColumn,
    AlterComment,
    AlterEnum,
    AlterOptions,
    AlterSequence,
    Change,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropSequence,
    DropTable,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    ReplaceConstraint,
    ReplaceIndex,
)
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.state import (
    CheckState,
    ConstraintState,
    ForeignKeyState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
)

__all__ = ["Answers", "Comparison", "Rename", "compare"]


@dataclass(frozen=True, slots=True, order=True)
class Rename:
    """One thing that may be the other under a new name: a table, a column or an enum's label.

    `old` and `new` are written as in `--rename old:new`: `hero:person`, `hero.name:hero.full_name`.
    """

    old: str
    new: str

    @classmethod
    def parse(cls, text: str) -> Rename:
        """Read `old:new`; the table need not be repeated: `hero.name:full_name`.

        Raises UsageError.
        """
        old, colon, new = text.partition(":")
        if not (old and colon and new) or ":" in new:
            raise UsageError(
                f"`{text}` is no rename",
                "write --rename old:new, as in --rename hero.name:hero.full_name",
            )
        if "." in old and "." not in new:
            new = f"{old.rpartition('.')[0]}.{new}"
        return cls(old, new)

    def __str__(self) -> str:
        return f"{self.old}:{self.new}"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a person knows and two states do not tell.

    `renames` are renames that happened; `dropped` are the old names of things that were not
    renamed, `hero.name`; `fills` the SQL that gives existing rows a value in a column
    (`{"hero.email": "''"}`).

    ```python
    from andamios_orm.migration import Answers, Rename

    renamed = Rename.parse("hero.name:full_name")
    answers = Answers(renames=frozenset({renamed}), fills={"hero.email": "''"})
    assert renamed.new == "hero.full_name"
    ```
    """

    renames: frozenset[Rename] = frozenset()
    dropped: frozenset[str] = frozenset()
    fills: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between a database and the models."""

    before: SchemaState
    after: SchemaState
    changes: tuple[Change, ...]
    questions: tuple[Rename, ...] = ()
    """Renames that may have happened; while there are any, `changes` take none of them."""

    def __bool__(self) -> bool:
        return bool(self.changes)


def compare(before: SchemaState, after: SchemaState, answers: Answers | None = None) -> Comparison:
    """Return what turns one state into the other.

    Raises UsageError for an answer about what is not there.
    """
    comparing = _Comparing(before, after, answers or Answers())
    changes = tuple(comparing.changes())
    comparing.refuse_unused()
    return Comparison(
        before=before, after=after, changes=changes, questions=tuple(comparing.questions)
    )


_ALIKE = 0.6
"""The share of columns that two tables have in common when one may be the other renamed."""


class _Comparing:
    def __init__(self, before: SchemaState, after: SchemaState, answers: Answers) -> None:
        self._before, self._after, self._answers = before, after, answers
        self._unused = set(answers.renames)
        self.questions: list[Rename] = []

    def refuse_unused(self) -> None:
        """Refuse an answer to what was never in question: it would be a typing error."""
        if self._unused:
            told = ", ".join(f"`{rename}`" for rename in sorted(self._unused))
            raise UsageError(
                f"nothing was renamed as in {told}",
                "name what is in the database and gone from the models, then what is in the models"
                " and not yet in the database; `andamios-orm schema diff` shows both",
            )

    def changes(self) -> Iterator[Change]:
        """Yield the changes, grouped by what they are about; engines put them in order."""
        enums = list(self._enum_changes())
        yield from (change for change in enums if not isinstance(change, DropEnum))
        yield from self._sequence_changes()
        renamed = self._renamed_tables()
        before = self._before
        for old, new in renamed.items():
            yield RenameTable(old, new)
            before = rename_table(before, old, new)
        gone = before.tables.keys() - self._after.tables.keys()
        for name in sorted(self._after.tables, key=str):
            if name not in before.tables:
                yield AddTable(self._after.tables[name])
        pairs = [
            (before.tables[name], self._after.tables[name])
            for name in sorted(self._after.tables.keys() & before.tables.keys(), key=str)
        ]
        renames = [(t.name, *pair) for s, t in pairs for pair in self._renamed(s, t)]
        for name, old_column, new_column in renames:
            yield RenameColumn(name, old_column, new_column)
            before = rename_column(before, name, old_column, new_column)
        for _, table in pairs:
            yield from _table_changes(before.tables[table.name], table)
        for name in sorted(gone, key=str):
            yield DropTable(before.tables[name])
        yield from (change for change in enums if isinstance(change, DropEnum))

    # -- renames

    def _decide(self, old: str, new: str) -> bool:
        """Whether it was renamed; a question if nobody has said so."""
        rename = Rename(old, new)
        if rename in self._answers.renames:
            self._unused.discard(rename)
            return True
        answered = old in self._answers.dropped or any(
            old == other.old or new == other.new for other in self._answers.renames
        )
        if not answered:
            self.questions.append(rename)
        return False

    def _renamed_tables(self) -> dict[TableName, TableName]:
        gone = [t for n, t in self._before.tables.items() if n not in self._after.tables]
        come = [t for n, t in self._after.tables.items() if n not in self._before.tables]
        given = {(rename.old, rename.new) for rename in self._answers.renames}
        renamed: dict[TableName, TableName] = {}
        for old in sorted(gone, key=lambda table: str(table.name)):
            for new in sorted(come, key=lambda table: -_alikeness(old, table)):
                if new.name in renamed.values():
                    continue
                told = (str(old.name), str(new.name)) in given
                if (told or _alikeness(old, new) >= _ALIKE) and self._decide(
                    str(old.name), str(new.name)
                ):
                    renamed[old.name] = new.name
                    break
        return renamed

    def _renamed(self, old: TableState, new: TableState) -> Iterator[tuple[str, str]]:
        gone = [c for c in old.columns if c.name not in new.column_names]
        come = [c for c in new.columns if c.name not in old.column_names]
        given = {(rename.old, rename.new) for rename in self._answers.renames}
        taken: set[str] = set()
        for before in gone:
            for after in come:
                if after.name in taken:
                    continue
                names = (f"{new.name}.{before.name}", f"{new.name}.{after.name}")
                alike = (before.type, before.computed is None, before.identity is None) == (
                    after.type,
                    after.computed is None,
                    after.identity is None,
                )
                if (names in given or alike) and self._decide(*names):
                    taken.add(after.name)
                    yield before.name, after.name
                    break

    # -- enums and sequences

    def _enum_changes(self) -> Iterator[Change]:
        before, after = self._before.enums, self._after.enums
        for name in sorted(after, key=str):
            if name not in before:
                yield AddEnum(after[name])
            elif before[name] != after[name]:
                yield AlterEnum(before[name], after[name], self._renamed_labels(name))
        for name in sorted(before.keys() - after.keys(), key=str):
            yield DropEnum(before[name])

    def _renamed_labels(self, name: TableName) -> tuple[tuple[str, str], ...]:
        before, after = self._before.enums[name].labels, self._after.enums[name].labels
        gone = [label for label in before if label not in after]
        come = [label for label in after if label not in before]
        renamed: list[tuple[str, str]] = []
        for old in gone:
            for new in come:
                if new not in dict(renamed).values() and self._decide(
                    f"{name}.{old}", f"{name}.{new}"
                ):
                    renamed.append((old, new))
                    break
        return tuple(renamed)

    def _sequence_changes(self) -> Iterator[Change]:
        before, after = self._before.sequences, self._after.sequences
        for name in sorted(before.keys() | after.keys(), key=str):
            if name not in before:
                yield AddSequence(after[name])
            elif name not in after:
                yield DropSequence(before[name])
            elif before[name] != after[name]:
                yield AlterSequence(before[name], after[name])


def _alikeness(old: TableState, new: TableState) -> float:
    mine = {(column.name, column.type) for column in old.columns}
    others = {(column.name, column.type) for column in new.columns}
    return len(mine & others) / max(len(mine | others), 1)


# ---- one table -----------------------------------------------------------------------------------


def _table_changes(old: TableState, new: TableState) -> Iterator[Change]:
    for column in new.columns:
        if column.name not in old.column_names:
            yield AddColumn(new.name, column)
        elif (before := old.column(column.name)) != column:
            yield AlterColumn(new.name, before, column)
    yield from _constraint_changes(old, new)
    yield from _index_changes(old, new)
    for column in old.columns:
        if column.name not in new.column_names:
            yield DropColumn(new.name, column)
    if old.comment != new.comment:
        yield AlterComment(new.name, old.comment, new.comment)
    if set(old.options) != set(new.options):
        yield AlterOptions(new.name, old.options, new.options)


def _constraint_changes(old: TableState, new: TableState) -> Iterator[Change]:
    gone, come = _unmatched(list(old.constraints()), list(new.constraints()))
    for before in list(gone):
        same = next((c for c in come if _meaning(c) == _meaning(before)), None)
        if same is not None:
            gone.remove(before)
            come.remove(same)
            yield RenameConstraint(new.name, before, same)
    for before in list(gone):
        other = next((c for c in come if _takes_the_place(before, c)), None)
        if other is not None:
            gone.remove(before)
            come.remove(other)
            yield ReplaceConstraint(new.name, before, other)
    yield from (DropConstraint(new.name, constraint) for constraint in gone)
    yield from (AddConstraint(new.name, constraint) for constraint in come)


def _unmatched(
    old: list[ConstraintState], new: list[ConstraintState]
) -> tuple[list[ConstraintState], list[ConstraintState]]:
    """Return what each list has that the other has not; equal ones count one by one."""
    rest = list(new)
    gone = []
    for constraint in old:
        if constraint in rest:
            rest.remove(constraint)
        else:
            gone.append(constraint)
    return gone, rest


def _meaning(constraint: ConstraintState) -> ConstraintState:
    """Return the constraint without its name; CHECKs without one are told apart by their text."""
    return replace(constraint, name=None)


def _takes_the_place(before: ConstraintState, after: ConstraintState) -> bool:
    if type(before) is not type(after):
        return False
    if before.name is not None and before.name == after.name:
        return True
    if isinstance(before, CheckState):
        return False
    if isinstance(before, ForeignKeyState) and isinstance(after, ForeignKeyState):
        return before.columns == after.columns
    # A table has one primary key.
    return isinstance(before, KeyState)


def _index_changes(old: TableState, new: TableState) -> Iterator[Change]:
    before = {index.name: index for index in old.indexes}
    after = {index.name: index for index in new.indexes}
    gone = [before[name] for name in sorted(before.keys() - after.keys())]
    come = [after[name] for name in sorted(after.keys() - before.keys())]
    for index in list(gone):
        same = next((i for i in come if replace(i, name=index.name) == index), None)
        if same is not None:
            gone.remove(index)
            come.remove(same)
            yield RenameIndex(new.name, index, same)
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield ReplaceIndex(new.name, before[name], after[name])
    yield from (DropIndex(new.name, index) for index in gone)
    yield from (AddIndex(new.name, index) for index in come)
