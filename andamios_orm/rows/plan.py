"""A statement compiled once per shape: SQL text, parameter binders and row decoder.

SQLAlchemy compiles the text and owns the types; a warm call enters none of it. It fills the
parameters, hands the text to the driver and decodes what comes back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

__all__ = ["Plan", "PlanCache", "Row", "compile_plan", "decoded", "plans_of"]

R = TypeVar("R")

Row: TypeAlias = Sequence[Any]
"""One row as the driver gives it: values in column order."""

_OWN = re.compile(r"andamios_orm_parameter_(\d+)")
_EXPANDED = re.compile(r"(.+)_\d+")


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """Everything a call needs that does not depend on its values."""

    sql: str
    bind: Callable[[Sequence[object]], list[object]]
    """Values in the statement's order → what the driver takes. Raises NotStorable."""
    decode: Callable[[Sequence[Row]], R]
    """The driver's rows → the call's result. Raises InvalidRow."""
    writes: bool
    table: sa.Table
    """The table it reads or writes, for messages about constraints."""
    many: bool = False
    """Whether the result is a list with an item for each row, so that it can be made in pieces."""
    arrow: bool = False
    """Whether the driver is asked for a `pyarrow.Table`, which `decode` then gets for the rows."""


_PIECE = 500
"""Rows that are decoded before other tasks have a turn: a few milliseconds."""


async def decoded(plan: Plan[R], rows: Sequence[Row]) -> R:
    """Return the call's result; a long one does not keep the event loop from other tasks.

    Raises InvalidRow.
    """
    if not plan.many or len(rows) <= _PIECE:
        return plan.decode(rows)
    found: list[Any] = []
    for start in range(0, len(rows), _PIECE):
        found += cast("list[Any]", plan.decode(rows[start : start + _PIECE]))
        await asyncio.sleep(0)
    return cast("R", found)


class PlanCache:
    """The plans of one dialect, by shape; the oldest goes when there are too many.

    A cache is used by the tasks of one event loop, so no call interrupts another.
    """

    def __init__(self, dialect: Dialect, *, size: int = 2000) -> None:
        self.dialect = dialect
        self._size = size
        self._plans: dict[Hashable, Plan[Any]] = {}
        self._decoders: dict[type, Callable[[Sequence[Row]], list[Any]]] = {}

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, key: Hashable, build: Callable[[Dialect], Plan[R]]) -> Plan[R]:
        """Return the plan of the shape `key`, built at its first use. None is never kept."""
        plan = self._plans.get(key)
        if plan is None:
            plan = build(self.dialect)
            if key is not None:
                if len(self._plans) >= self._size:
                    del self._plans[next(iter(self._plans))]
                self._plans[key] = plan
        return cast("Plan[R]", plan)

    def decoder(
        self, model: type, build: Callable[[Dialect], Callable[[Sequence[Row]], list[Any]]]
    ) -> Callable[[Sequence[Row]], list[Any]]:
        """Return the row decoder of a model, shared by all its plans."""
        decode = self._decoders.get(model)
        if decode is None:
            decode = self._decoders[model] = build(self.dialect)
        return decode


_PLANS = "andamios_plans"


def plans_of(dialect: Dialect) -> PlanCache:
    """Return the plan cache of a dialect; each engine has a dialect of its own."""
    # On the dialect itself, and in no registry: plans know their dialect, and would keep it.
    found: PlanCache | None = vars(dialect).get(_PLANS)
    if found is None:
        found = vars(dialect)[_PLANS] = PlanCache(dialect)
    return found


def compile_plan(
    statement: ClauseElement,
    dialect: Dialect,
    decode: Callable[[Sequence[Row]], R],
    *,
    table: sa.Table,
    many: bool = False,
    arrow: bool = False,
) -> Plan[R]:
    """Return the plan of a statement whose values are the parameters `andamios_orm_parameter_0`, …

    Values inside SQLAlchemy expressions that a user passed stay in the plan as they are.
    """
    compiled = cast(
        "SQLCompiler",
        statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}),
    )
    constants = compiled.params
    slots: list[tuple[int, _Processor | None, object]] = []
    for name in compiled.positiontup or ():
        process = _processor(_bind_type(compiled, name), dialect)
        if own := _OWN.fullmatch(name):
            slots.append((int(own[1]), process, None))
        else:
            value = constants[name]
            slots.append((-1, None, process(value) if process else value))
    writes = not isinstance(statement, sa.Select)
    return Plan(str(compiled), _binder(slots), decode, writes, table, many, arrow)


_Processor: TypeAlias = Callable[[Any], object]


def _bind_type(compiled: SQLCompiler, name: str) -> TypeEngine[Any]:
    if name in compiled.binds:
        return compiled.binds[name].type
    # One element of an expanded IN list: `x_1` becomes `x_1_1`, `x_1_2`, ...
    expanded = cast("re.Match[str]", _EXPANDED.fullmatch(name))
    return compiled.binds[expanded[1]].type


def _processor(column_type: TypeEngine[Any], dialect: Dialect) -> _Processor | None:
    return column_type.dialect_impl(dialect).bind_processor(dialect)


def _binder(
    slots: list[tuple[int, _Processor | None, object]],
) -> Callable[[Sequence[object]], list[object]]:
    """Return the function that puts values into the driver's order and form."""
    # There may be values without a slot: SQLAlchemy leaves out what stands beside a user's
    # true() or false().
    if [number for number, _, _ in slots] == list(range(len(slots))):
        processors = [process for _, process, _ in slots]
        if not any(processors):
            return lambda values: list(values[: len(slots)])
        return lambda values: [
            value if process is None else process(value)
            for process, value in zip(processors, values, strict=False)
        ]

    def bind(values: Sequence[object]) -> list[object]:
        return [
            constant
            if number < 0
            else values[number]
            if process is None
            else process(values[number])
            for number, process, constant in slots
        ]

    return bind
