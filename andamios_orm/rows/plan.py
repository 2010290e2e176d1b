"""A statement compiled once per shape: SQL text, parameter binders and row decoder.

SQLAlchemy compiles the text and owns the types; a warm call enters none of it. It fills the
parameters, hands the text to the driver and decodes what comes back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

from andamios_orm.schema.columns import Stored, many_processor
from andamios_orm.schema.representations.base import Expression

__all__ = [
    "PIECE",
    "Plan",
    "PlanCache",
    "Row",
    "compile_plan",
    "compile_rows",
    "decoded",
    "plans_of",
]

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
    """Whether the result is a list, those of some rows after those of others, made in pieces."""
    arrow: bool = False
    """Whether the driver is asked for a `pyarrow.Table`, which `decode` then gets for the rows."""


PIECE = 500
"""Rows that are decoded before other tasks have a turn: a few milliseconds."""


async def decoded(plan: Plan[R], rows: Sequence[Row]) -> R:
    """Return the call's result; a long one does not keep the event loop from other tasks.

    Raises InvalidRow.
    """
    if not plan.many or len(rows) <= PIECE:
        return plan.decode(rows)
    found: list[Any] = []
    for start in range(0, len(rows), PIECE):
        found += cast("list[Any]", plan.decode(rows[start : start + PIECE]))
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
        self.find: Callable[[Hashable], Plan[Any] | None] = self._plans.get
        """Return the plan of the shape that is given, None if it was not built yet."""
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
    compiled = _compiled(statement, dialect)
    constants = compiled.params
    slots: list[_Slot] = []
    processors = _Processors(dialect)
    for name in compiled.positiontup or ():
        process, direct = processors.of(_bind_type(compiled, name))
        if own := _OWN.fullmatch(name):
            slots.append(_Slot(int(own[1]), process, direct))
        else:
            value = constants[name]
            slots.append(_Slot(-1, constant=process(value) if process else value))
    writes = not isinstance(statement, sa.Select)
    return Plan(str(compiled), _binder(slots), decode, writes, table, many, arrow)


def compile_rows(
    insert: Callable[[int], sa.Insert],
    rows: int,
    dialect: Dialect,
    decode: Callable[[Sequence[Row]], R],
    *,
    table: sa.Table,
) -> Plan[R]:
    """Return the plan of an INSERT of several rows, whose values are one list per column.

    `insert` makes the statement for a number of rows.
    """
    one = _compiled(insert(1), dialect)
    names = one.positiontup or ()
    slots: list[tuple[int, _Many | None]] = []
    for name in names:
        number = int(cast("re.Match[str]", _OWN.fullmatch(name))[1])
        slots.append((number, many_processor(_bind_type(one, name), dialect)))
    if dialect.paramstyle in ("qmark", "format"):
        sql = _repeated(str(one), str(_compiled(insert(2), dialect)), rows)
    else:
        # Each parameter has a number or a name of its own.
        sql = str(_compiled(insert(rows), dialect))
    return Plan(sql, _transposer(slots, rows), decode, True, table)


def _repeated(one: str, two: str, rows: int) -> str:
    """Return the text for `rows` rows, of those for one and for two, which SQLAlchemy made.

    A thousand rows would take it a tenth of a second.

    >>> _repeated("INSERT VALUES (?) RETURNING x", "INSERT VALUES (?), (?) RETURNING x", 3)
    'INSERT VALUES (?), (?), (?) RETURNING x'
    """
    pairs = enumerate(zip(one, two, strict=False))
    end = next((place for place, (a, b) in pairs if a != b), len(one))
    another = two[end : end + len(two) - len(one)]
    return f"{one[:end]}{another * (rows - 1)}{one[end:]}"


def _compiled(statement: ClauseElement, dialect: Dialect) -> SQLCompiler:
    return cast(
        "SQLCompiler",
        statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}),
    )


_Processor: TypeAlias = Callable[[Any], object]
_Many: TypeAlias = Callable[[list[Any]], list[Any]]


class _Slot(NamedTuple):
    """One parameter of a statement."""

    number: int
    """Which value it is, -1 for a constant."""
    process: _Processor | None = None
    """Value → what the driver takes; raises errors that name the field."""
    direct: _Processor | None = None
    """The same for values other than None, with other errors."""
    constant: object = None


def _bind_type(compiled: SQLCompiler, name: str) -> TypeEngine[Any]:
    if name in compiled.binds:
        return compiled.binds[name].type
    # One element of an expanded IN list: `x_1` becomes `x_1_1`, `x_1_2`, ...
    expanded = cast("re.Match[str]", _EXPANDED.fullmatch(name))
    return compiled.binds[expanded[1]].type


def _processor(column_type: TypeEngine[Any], dialect: Dialect) -> _Processor | None:
    return column_type.dialect_impl(dialect).bind_processor(dialect)


class _Processors:
    """What makes driver values of a type's, the same functions for the same type."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._found: dict[int, tuple[_Processor | None, _Processor | None]] = {}
        # Else another type could get the id of one that is gone.
        self._kept: list[TypeEngine[Any]] = []

    def of(self, bound: TypeEngine[Any]) -> tuple[_Processor | None, _Processor | None]:
        """Return the careful one and the direct one."""
        found = self._found.get(id(bound))
        if found is None:
            found = self._found[id(bound)] = (
                _processor(bound, self._dialect),
                _direct(bound, self._dialect),
            )
            self._kept.append(bound)
        return found


class _Run(NamedTuple):
    """Parameters that follow each other, like their values, and are converted alike: a list's."""

    slot: _Slot
    """The first of them."""
    size: int


def _runs(slots: Sequence[_Slot]) -> list[_Run]:
    runs: list[_Run] = []
    for slot in slots:
        if runs and slot.number > 0:
            first, size = runs[-1]
            if first.number >= 0 and slot == first._replace(number=first.number + size):
                runs[-1] = _Run(first, size + 1)
                continue
        runs.append(_Run(slot, 1))
    return runs


_GENERATED_RUNS = 100
"""Beyond them generating a function takes longer than what it saves."""


def _binder(slots: Sequence[_Slot]) -> Callable[[Sequence[object]], list[object]]:
    """Return the function that puts values into the driver's order and form.

    There may be values without a slot: SQLAlchemy leaves out what stands beside a user's true()
    or false().
    """
    runs = _runs(slots)
    if len(runs) <= _GENERATED_RUNS:
        return _generated_binder(runs)

    def bind(values: Sequence[object]) -> list[object]:
        return [
            slot.constant
            if slot.number < 0
            else values[slot.number]
            if slot.process is None
            else slot.process(values[slot.number])
            for slot in slots
        ]

    return bind


def _generated_binder(runs: Sequence[_Run]) -> Callable[[Sequence[object]], list[object]]:
    scope: dict[str, object] = {}
    careful: list[str] = []
    direct: list[str] = []
    for place, (slot, size) in enumerate(runs):
        cell = "value" if size > 1 else f"v[{slot.number}]"
        if slot.number < 0:
            cell = f"constant_{place}"
            scope[cell] = slot.constant
        checked = quick = cell
        if slot.process is not None:
            scope[f"process_{place}"] = slot.process
            checked = quick = f"process_{place}({cell})"
        if slot.direct is not None:
            converted = f"direct_{place}({cell})"
            if isinstance(slot.direct, Expression):
                converted = slot.direct.inline(cell, place, scope)
            else:
                scope[f"direct_{place}"] = slot.direct
            quick = f"(None if {cell} is None else {converted})"
        for into, one in ((careful, checked), (direct, quick)):
            if size > 1:
                part = f"v[{slot.number}:{slot.number + size}]"
                into.append(f"*{part}" if one == cell else f"*[{one} for value in {part}]")
            else:
                into.append(one)
    # What fails is done again, for an error that says where. A loop with conditions takes twice
    # as long as this. The text holds names and numbers made here.
    source = f"""
def bind(v):
    try:
        return [{", ".join(direct)}]
    except Exception:
        return [{", ".join(careful)}]
"""
    exec(source, scope)  # noqa: S102 - made above
    return cast("Callable[[Sequence[object]], list[object]]", scope["bind"])


def _direct(bound: TypeEngine[Any], dialect: Dialect) -> _Processor | None:
    kept = bound.dialect_impl(dialect)
    return kept.direct_bind(dialect) if type(kept) is Stored else None


def _transposer(
    slots: Sequence[tuple[int, _Many | None]], rows: int
) -> Callable[[Sequence[Any]], list[object]]:
    """Return the function from one list per column to the values of all rows, one by one."""
    width = len(slots)

    def bind(columns: Sequence[Any]) -> list[object]:
        flat: list[object] = [None] * (width * rows)
        for place, (number, process) in enumerate(slots):
            column = columns[number]
            flat[place::width] = column if process is None else process(column)
        return flat

    return bind
