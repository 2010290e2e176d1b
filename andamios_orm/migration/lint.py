"""Doubtful things in revision files, each by a rule with a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.destruction import losses
from andamios_orm.migration.naming import names_given
from andamios_orm.migration.reading import DeclaredImpossible, collected
from andamios_orm.migration.reports import Finding
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.state import SchemaState

__all__ = ["RULES", "lint"]

RULES = {
    "AND001": "data is removed",
    "AND002": "something is renamed, which programs that run meanwhile do not know",
    "AND003": "a required column without a default is added to rows that have no value",
    "AND004": "a constraint has no name, so it cannot be named back",
    "AND005": "the revision cannot be undone",
    "AND006": "the revision cannot be read ahead, so it is not applied",
    "AND007": "a statement changes rows without a condition",
    "AND008": "a name is longer than PostgreSQL's 63 bytes, and would be cut",
}
"""What each rule finds."""

_WITHOUT_CONDITION = re.compile(
    r"^\s*(?:UPDATE|DELETE)\b(?!.*\bWHERE\b)", re.IGNORECASE | re.DOTALL
)


def lint(revisions: Sequence[Revision], engine: str, dialect: sa.Dialect) -> Iterator[Finding]:
    """Yield what is doubtful in revisions, in their order."""
    for revision in revisions:
        try:
            upgrade = collected(revision, "up", dialect)
            can_be_undone = _can_be_undone(revision, dialect)
        except RevisionProblem as error:
            yield _finding("AND006", revision, error.problem, error.fix)
            continue
        if upgrade and not can_be_undone:
            yield _finding(
                "AND005",
                revision,
                "downgrade() does nothing",
                "write what undoes upgrade(), or `raise NotImplementedError` to say it cannot be",
            )
        for operation in upgrade:
            for rule, problem, fix in _doubts(operation, SchemaState(engine=engine)):
                yield _finding(rule, revision, problem, fix)


def _can_be_undone(revision: Revision, dialect: sa.Dialect) -> bool:
    """Whether its way back does anything, or says that there is none."""
    try:
        return bool(collected(revision, "down", dialect))
    except DeclaredImpossible:
        return True


def _finding(rule: str, revision: Revision, problem: str, fix: str) -> Finding:
    return Finding(
        rule=rule, revision=revision.id, file=revision.path.name, problem=problem, fix=fix
    )


def _doubts(operation: MigrateOperation, state: SchemaState) -> Iterator[tuple[str, str, str]]:
    for loss in losses(operation, state):
        yield (
            "AND001",
            f"{loss.name} is removed",
            "release a program that does not use it any more first, and this revision after it",
        )
    match operation:
        case ops.RenameTableOp():
            yield "AND002", f"{operation.table_name} becomes {operation.new_table_name}", _AT_ONCE
        case ops.AlterColumnOp() if operation.modify_name is not None:
            old = f"{operation.table_name}.{operation.column_name}"
            yield "AND002", f"{old} becomes {operation.modify_name}", _AT_ONCE
        case ops.AddColumnOp() if _is_required_of_old_rows(operation.column):
            yield (
                "AND003",
                f"{operation.table_name}.{operation.column.name} has no value in rows that exist",
                "add it with nullable=True, op.backfill() it, then op.alter_column(nullable=False);"
                " `migrate new --fill` writes that",
            )
        case ops.AddConstraintOp() if operation.constraint_name is None:  # type: ignore[attr-defined]  # each kind has one
            yield (
                "AND004",
                f"a {operation.constraint_type} constraint has no name",
                "give it one, as the models' constraints have",
            )
        case ops.ExecuteSQLOp() if _WITHOUT_CONDITION.match(str(operation.sqltext)):
            yield (
                "AND007",
                "a statement changes all rows of a table at once",
                "use op.backfill(), which does it in batches, or write a WHERE",
            )
    for given in names_given(operation, ""):
        if len(given.name.encode()) > 63:
            yield "AND008", f"{given.name} is too long", "choose a shorter name"


_AT_ONCE = (
    "programs that run during the migration use the old name: stop them, or add the new one, write"
    " both for a while, and drop the old one in a later release"
)


def _is_required_of_old_rows(column: sa.Column[object]) -> bool:
    return not column.nullable and column.server_default is None and column.computed is None
