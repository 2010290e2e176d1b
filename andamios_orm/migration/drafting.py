"""What the next revision has to do: models and database compared, questions asked, rows counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from alembic.operations import MigrateOperation

from andamios_orm.database.names import require_names
from andamios_orm.errors import AnswerNeeded, RowsInTheWay, UsageError
from andamios_orm.migration.changes import AlterEnum, Change, RenameColumn, RenameTable
from andamios_orm.migration.counting import counted, in_the_way
from andamios_orm.migration.diff import Answers, Comparison, Rename, compare
from andamios_orm.migration.engines.base import Engine, Question
from andamios_orm.migration.naming import capabilities_of
from andamios_orm.migration.operations import UNFINISHED
from andamios_orm.migration.planning import filled
from andamios_orm.migration.state import SchemaState, TableName
from andamios_orm.schema.compiler import compile_all
from andamios_orm.schema.registry import declarations

__all__ = ["Draft", "compare_models", "draft", "schemas_of"]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A revision before it is written: what it changes, and the operations of both ways."""

    comparison: Comparison
    upgrade: tuple[MigrateOperation, ...]
    downgrade: tuple[MigrateOperation, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, in words when each is made a text."""
        return self.comparison.changes


def schemas_of(metadata: sa.MetaData) -> tuple[str | None, ...]:
    """Return the schemas that the models live in, the default one first."""
    named = {table.schema for table in metadata.tables.values() if table.schema is not None}
    return (None, *sorted(named))


def compare_models(
    connection: sa.Connection,
    metadata: sa.MetaData,
    engine: Engine,
    answers: Answers | None = None,
) -> Comparison:
    """Return how a live database differs from the models of `metadata`.

    Renames that a field declares with `renamed_from=` are answers too. Raises NotSupported for
    names that the engine cannot have.
    """
    compiled = compile_all(metadata)
    require_names(compiled, capabilities_of(engine.name), engine.name)
    before = engine.inspect(connection, schemas_of(compiled))
    after = engine.desired(connection, compiled)
    given = answers or Answers()
    declared = frozenset(_declared_renames(metadata, before, after))
    renames = given.renames | declared
    return compare(before, after, replace(given, renames=renames))


def _declared_renames(
    metadata: sa.MetaData, before: SchemaState, after: SchemaState
) -> Iterable[Rename]:
    for declaration in declarations(metadata):
        name = TableName(declaration.table_name, declaration.schema)
        old, new = before.tables.get(name), after.tables.get(name)
        if declaration.spec is None or old is None or new is None:
            continue
        for field in declaration.spec.fields:
            # A declaration stays in the model when the rename has long been made.
            if (
                field.renamed_from in old.column_names
                and field.renamed_from not in new.column_names
                and field.column not in old.column_names
            ):
                yield Rename(f"{name}.{field.renamed_from}", f"{name}.{field.column}")


def draft(
    connection: sa.Connection,
    metadata: sa.MetaData,
    engine: Engine,
    answers: Answers | None = None,
    *,
    unfinished: bool = False,
) -> Draft:
    """Return the next revision of a live database.

    Raises AnswerNeeded for renames that may have happened, and RowsInTheWay for rows that a
    stricter rule would refuse and that no fill of `answers` helps; with `unfinished` the revision
    has a backfill with `...` for them, which a person has to complete. Raises UsageError for an
    answer about what is not there.
    """
    given = answers or Answers()
    comparison = compare_models(connection, metadata, engine, given)
    if comparison.questions:
        raise _open_questions(comparison.questions)
    before, after = comparison.before, comparison.after
    _refuse_unknown_fills(given.fills, after)
    upgrade = filled(engine.operations(comparison.changes, before, after), given.fills, before)
    blocked = counted(connection, engine, upgrade, before)
    if blocked and not unfinished:
        raise _rows_in_the_way(blocked)
    if blocked:
        fills = {question.fill: UNFINISHED for question in blocked if question.fill is not None}
        upgrade = filled(upgrade, fills, before)
    back = _back(comparison)
    downgrade = engine.operations(back.changes, after, before)
    return Draft(comparison=comparison, upgrade=tuple(upgrade), downgrade=tuple(downgrade))


def _open_questions(questions: Sequence[Rename]) -> AnswerNeeded:
    told = tuple(str(question) for question in questions)
    listed = "; ".join(f"did {q.old} become {q.new}?" for q in questions)
    options = " ".join(f"--rename {question}" for question in told)
    dropped = " ".join(f"--drop {old}" for old in dict.fromkeys(q.old for q in questions))
    return AnswerNeeded(
        f"the models do not tell whether something was renamed: {listed}",
        f"add {options} for what was, {dropped} for what was not",
        questions=told,
    )


def _refuse_unknown_fills(fills: Iterable[str], after: SchemaState) -> None:
    known = {
        f"{table.name}.{name}" for table in after.tables.values() for name in table.column_names
    }
    if unknown := sorted(set(fills) - known):
        raise UsageError(
            f"the models have no column {', '.join(unknown)} to fill",
            "name the table and the column, as in --fill hero.email=\"''\";"
            " `andamios-orm schema show` lists them",
        )


def _rows_in_the_way(counts: Mapping[Question, int]) -> RowsInTheWay:
    fills = [f'--fill {q.fill}="..."' for q in counts if q.fill is not None]
    fix = "change those rows first"
    if fills:
        fix = f"give them a value with {' '.join(fills)} (SQL over the row's columns)"
    return in_the_way(
        counts, f"{fix}, or write the revision with --unfinished and complete its backfill"
    )


def _back(comparison: Comparison) -> Comparison:
    """Return the way back: renames are known, and nothing else was one."""
    renames = set()
    old_names = {}
    for change in comparison.changes:
        if isinstance(change, RenameTable):
            renames.add(Rename(str(change.table), str(change.old)))
            old_names[change.table] = change.old
        elif isinstance(change, RenameColumn):
            name = old_names.get(change.table, change.table)
            renames.add(Rename(f"{name}.{change.new}", f"{name}.{change.old}"))
    before, after = comparison.after, comparison.before
    for change in comparison.changes:
        renames |= {Rename(new, old) for old, new in _labels(change)}
    answers = Answers(renames=frozenset(renames))
    back = compare(before, after, answers)
    while back.questions:
        dropped = answers.dropped | {question.old for question in back.questions}
        answers = replace(answers, dropped=dropped)
        back = compare(before, after, answers)
    return back


def _labels(change: Change) -> Iterable[tuple[str, str]]:
    if isinstance(change, AlterEnum):
        name = change.after.name
        yield from ((f"{name}.{old}", f"{name}.{new}") for old, new in change.renamed)
