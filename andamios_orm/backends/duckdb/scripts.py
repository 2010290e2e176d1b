"""SQL text parsed once by DuckDB, and what each of its statements does to transactions and rows."""

from __future__ import annotations

import atexit
import enum
import functools
from dataclasses import dataclass

import duckdb

__all__ = ["Outcome", "Script", "Step", "Transact", "parse"]


class Outcome(enum.Enum):
    """What a statement of some type leaves behind; DuckDB describes a result for every one."""

    ROWS = enum.auto()
    ROWS_OR_COUNT = enum.auto()
    """Rows with RETURNING, else how many were changed."""
    COUNT_OR_NOTHING = enum.auto()
    """A count for CREATE TABLE AS."""
    NOTHING = enum.auto()


class Transact(enum.Enum):
    """What a statement written as SQL text does to the transaction."""

    BEGIN = enum.auto()
    COMMIT = enum.auto()
    ROLLBACK = enum.auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, as DuckDB parsed it."""

    statement: duckdb.Statement
    outcome: Outcome
    transact: Transact | None


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of one text, in their order."""

    steps: tuple[Step, ...]
    single: Step | None
    """The only statement, unless it begins or ends a transaction: what almost all texts hold."""
    atomic: bool
    """Several statements that can be one transaction, and do not say otherwise."""


_TYPES = duckdb.StatementType
_OUTCOMES = {
    _TYPES.SELECT: Outcome.ROWS,
    _TYPES.EXPLAIN: Outcome.ROWS,
    _TYPES.PRAGMA: Outcome.ROWS,
    _TYPES.CALL: Outcome.ROWS,
    _TYPES.MULTI: Outcome.ROWS,
    _TYPES.INSERT: Outcome.ROWS_OR_COUNT,
    _TYPES.UPDATE: Outcome.ROWS_OR_COUNT,
    _TYPES.DELETE: Outcome.ROWS_OR_COUNT,
    _TYPES.MERGE_INTO: Outcome.ROWS_OR_COUNT,
    _TYPES.COPY: Outcome.ROWS_OR_COUNT,
    _TYPES.EXECUTE: Outcome.ROWS_OR_COUNT,
    _TYPES.CREATE: Outcome.COUNT_OR_NOTHING,
}
_ATOMIC = {
    _TYPES.SELECT,
    _TYPES.INSERT,
    _TYPES.UPDATE,
    _TYPES.DELETE,
    _TYPES.MERGE_INTO,
    _TYPES.CREATE,
    _TYPES.ALTER,
    _TYPES.DROP,
}
_TRANSACTS = {
    "begin": Transact.BEGIN,
    "start": Transact.BEGIN,
    "commit": Transact.COMMIT,
    "end": Transact.COMMIT,
    "rollback": Transact.ROLLBACK,
    "abort": Transact.ROLLBACK,
}

# A text of this length is a bulk insert whose parsed form would take megabytes.
_LONGEST_KEPT = 32_768


def parse(sql: str) -> Script:
    """Return the statements of a text, from memory if it was seen before.

    Running a parsed statement instead of its text saves about a fifth of a point query's time.
    Raises duckdb.ParserException.
    """
    return _remembered(sql) if len(sql) <= _LONGEST_KEPT else _parsed(sql)


def _parsed(sql: str) -> Script:
    steps = tuple(_step(statement) for statement in duckdb.extract_statements(sql))
    return Script(
        steps=steps,
        single=steps[0] if len(steps) == 1 and steps[0].transact is None else None,
        atomic=len(steps) > 1 and all(step.statement.type in _ATOMIC for step in steps),
    )


_remembered = functools.lru_cache(512)(_parsed)
# Statements that outlive the interpreter are reported by duckdb's binding as leaks.
atexit.register(_remembered.cache_clear)


def _step(statement: duckdb.Statement) -> Step:
    is_transaction = statement.type == _TYPES.TRANSACTION
    return Step(
        statement=statement,
        outcome=_OUTCOMES.get(statement.type, Outcome.NOTHING),
        transact=_TRANSACTS[_first_word(statement.query)] if is_transaction else None,
    )


def _first_word(sql: str) -> str:
    """Return the first keyword; comments may stand before it, and nest."""
    text = sql.encode()  # the tokenizer counts bytes
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(text)]
    [word, *_] = (
        text[start:end]
        for (start, kind), end in zip(tokens, ends, strict=True)
        if kind == duckdb.token_type.keyword
    )
    return word.decode().strip().rstrip(";").strip().lower()
