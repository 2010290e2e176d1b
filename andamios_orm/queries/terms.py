"""Columns and what is computed from them: `Hero.age`, `Hero.age + 1`."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import ConditionMisuse, NotSupported, WrongType
from andamios_orm.queries.conditions import (
    Comparison,
    Condition,
    Membership,
    NullTest,
    SelectedColumn,
    SubqueryMembership,
    as_condition,
)
from andamios_orm.queries.nodes import (
    Binder,
    Holder,
    Key,
    Node,
    Operand,
    Term,
    combined,
    is_clause,
    operand_clause,
    operand_key,
    operand_models,
    operand_values,
)
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.patterns import PatternMatch, escape_like
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.spec import FieldSpec, Kind, Storage

__all__ = ["Arithmetic", "Assignment", "Attr", "Expression"]

_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)
"""From the narrowest to the widest: two kinds together give the wider."""


class Expression(Term):
    """A typed value of a row: a column, or arithmetic with columns."""

    __slots__ = ()

    def __class_getitem__(cls, item: object) -> type[Expression]:
        # `Attr[int]` in an annotation that Python evaluates: the parameter is for type checkers.
        return cls

    # -- comparing

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]  # builds SQL
        if other is None:
            return NullTest(self, negated=False)
        return Comparison("==", self, self._operand(other))

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]  # builds SQL
        if other is None:
            return NullTest(self, negated=True)
        return Comparison("!=", self, self._operand(other))

    def __lt__(self, other: object) -> Condition:
        return Comparison("<", self, self._operand(other))

    def __le__(self, other: object) -> Condition:
        return Comparison("<=", self, self._operand(other))

    def __gt__(self, other: object) -> Condition:
        return Comparison(">", self, self._operand(other))

    def __ge__(self, other: object) -> Condition:
        return Comparison(">=", self, self._operand(other))

    __hash__ = object.__hash__

    def __contains__(self, item: object) -> NoReturn:
        raise ConditionMisuse(
            f"`in` cannot ask the database about {self!r}",
            "use .contains(text) for text inside a column, .in_(values) for a column inside a list",
        )

    def __bool__(self) -> NoReturn:
        raise ConditionMisuse(
            f"{self!r} has no truth value: it stands for a column of many rows",
            "compare it, as in `Hero.active == True`, and combine with `&`, `|` and `~`",
        )

    def is_null(self) -> Condition:
        return NullTest(self, negated=False)

    def is_not_null(self) -> Condition:
        return NullTest(self, negated=True)

    def in_(self, other: object) -> Condition:
        return self._membership(other, negated=False)

    def not_in(self, other: object) -> Condition:
        return self._membership(other, negated=True)

    def _membership(self, other: object, *, negated: bool) -> Condition:
        if is_clause(other):
            given = self._column_given_by(other, negated=negated)
            return SubqueryMembership(self, other, given, negated=negated)
        if isinstance(other, str | bytes) or not isinstance(other, Iterable):
            raise WrongType(
                f"{self!r}.in_() got a {type(other).__name__}", "pass a list, tuple or set"
            )
        values = list(other)
        items = [self.checked(v) for v in values if v is not None]
        condition: Condition = Membership(self, items, negated=negated)
        if len(items) < len(values):
            # In SQL `x NOT IN (1, NULL)` is never true; None in a list means the null rows.
            null = NullTest(self, negated=negated)
            return condition & null if negated else condition | null
        return condition

    def between(self, low: object, high: object) -> Condition:
        return (self >= low) & (self <= high)

    # -- text

    def like(self, pattern: str) -> Condition:
        return self._pattern(pattern, ignore_case=False)

    def ilike(self, pattern: str) -> Condition:
        return self._pattern(pattern, ignore_case=True)

    def contains(self, text: str) -> Condition:
        return self._pattern(text, "%{}%")

    def startswith(self, text: str) -> Condition:
        return self._pattern(text, "{}%")

    def endswith(self, text: str) -> Condition:
        return self._pattern(text, "%{}")

    def _pattern(self, text: str, form: str = "", *, ignore_case: bool = False) -> Condition:
        if self.storage.kind is not Kind.TEXT:
            raise WrongType(
                f"{self!r} holds {self.storage.kind}, and patterns are for text",
                "compare it with ==, < or .in_()",
            )
        if not isinstance(text, str):
            raise WrongType(
                f"a pattern for {self!r} is a str, not a {type(text).__name__}", "pass a str"
            )
        pattern = form.format(escape_like(text)) if form else text
        return PatternMatch(self, pattern, ignore_case=ignore_case)

    # -- arithmetic

    def __add__(self, other: object) -> Expression:
        return Arithmetic("+", self, other)

    def __radd__(self, other: object) -> Expression:
        return Arithmetic("+", self, other, reflected=True)

    def __sub__(self, other: object) -> Expression:
        return Arithmetic("-", self, other)

    def __rsub__(self, other: object) -> Expression:
        return Arithmetic("-", self, other, reflected=True)

    def __mul__(self, other: object) -> Expression:
        return Arithmetic("*", self, other)

    def __rmul__(self, other: object) -> Expression:
        return Arithmetic("*", self, other, reflected=True)

    def __truediv__(self, other: object) -> Expression:
        return Arithmetic("/", self, other)

    def __rtruediv__(self, other: object) -> Expression:
        return Arithmetic("/", self, other, reflected=True)

    def __mod__(self, other: object) -> Expression:
        return Arithmetic("%", self, other)

    def __neg__(self) -> Expression:
        return Arithmetic("*", self, -1)

    # -- ordering

    def asc(self) -> Ordering:
        return Ordering(self, descending=False)

    def desc(self) -> Ordering:
        return Ordering(self, descending=True)

    # -- values

    def _operand(self, other: object) -> Operand:
        """Return `other` as the other side of an operator. Raises WrongType."""
        if isinstance(other, Term):
            self._same_kind(other, "compare")
            return other
        return other if is_clause(other) else self.checked(other)

    def _same_kind(self, other: Holder, verb: str) -> None:
        one, two = self.storage.kind, other.storage.kind
        if verb == "compare" and Kind.JSON in (one, two):
            raise _json(self if one is Kind.JSON else other)
        numbers = one in _NUMBERS and two in _NUMBERS
        if not (one is two or numbers or Kind.CUSTOM in (one, two)):
            raise WrongType(
                f"{self!r} holds {one}, and {other!r} holds {two}",
                f"{verb} columns of one kind, or convert one of them with sqlalchemy.cast",
            )

    def _column_given_by(self, query: object, *, negated: bool) -> SelectedColumn | None:
        """Return the column of a model that a SELECT gives, None if it gives anything else.

        Only such a column holds what its type says; that of an expression is SQLAlchemy's guess.
        Raises WrongType for several columns and for one of another kind, NotSupported for JSON.
        """
        columns = list(getattr(query, "exported_columns", ()))
        if len(columns) > 1:
            verb = "not_in" if negated else "in_"
            raise WrongType(
                f"{self!r}.{verb}() got a SELECT of {len(columns)} columns", "select one of them"
            )
        for column in columns:  # none where it is written as text
            if isinstance(column, sa.Column) and isinstance(column.type, Stored):
                given = SelectedColumn(column.type.field, column.type.storage)
                self._same_kind(given, "compare")
                return given
        return None

    def checked(self, value: object) -> object:
        """Return `value` if this expression may be compared with it. Raises WrongType."""
        types = self.storage.python_types
        if type(value) in types:
            return value
        if self.storage.kind is Kind.JSON:
            raise _json(self)
        if not types or (isinstance(value, types) and not _is_datetime_for_date(value, types)):
            return value
        names = " or ".join(t.__name__ for t in types)
        raise WrongType(
            f"{self!r} holds {names}, not {type(value).__name__}",
            f"pass a value of type {names}"
            if value is not None
            else "use == None, .is_null() or .is_not_null()",
        )


def _json(holder: Holder) -> NotSupported:
    return NotSupported(
        f"{holder!r} is a JSON column, and engines disagree on when two JSON texts are equal",
        "compare it with None, or use your engine's JSON functions through sqlalchemy.func",
    )


def _is_datetime_for_date(value: object, types: tuple[type, ...]) -> bool:
    return types == (date,) and isinstance(value, datetime)


_ids = itertools.count(1)


class Attr(Expression):
    """A model's column, as `Hero.age` gives it: one object per column and class."""

    __slots__ = ("__dict__", "field", "id", "model", "storage")

    def __init__(self, model: type[BaseModel], field: FieldSpec) -> None:
        self.model, self.field, self.storage = model, field, field.storage
        self.id = next(_ids)

    @property
    def name(self) -> str:
        """The field's name."""
        return self.field.name

    @property
    def nullable(self) -> bool:
        """Whether the field can be None."""
        return self.field.nullable

    @cached_property
    def column(self) -> sa.Column[Any]:
        """SQLAlchemy's own column of the model's table."""
        return table_of(self.model).c[self.field.column]

    @cached_property
    def value_type(self) -> TypeEngine[Any]:  # type: ignore[override]  # computed once, not set
        return cast("Stored", self.column.type).comparable()

    def key(self) -> Key:
        return self.id

    def values(self, into: list[object]) -> None:
        """A column has no values."""

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        return binder.column(self.model, self.field)

    def models(self, into: set[type[BaseModel]]) -> None:
        into.add(self.model)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.model is model

    def __and__(self, other: object) -> Condition:
        return as_condition(self) & other

    def __or__(self, other: object) -> Condition:
        return as_condition(self) | other

    def __invert__(self) -> Condition:
        return ~as_condition(self)

    def __reduce__(self) -> tuple[object, tuple[type[BaseModel], str]]:
        # The number is this process's own: another one finds its own object for the column.
        return (getattr, (self.model, self.name))

    def set(self, value: object) -> Assignment:
        """Return the assignment of `value` to this column, for update() and patch()."""
        return Assignment(self, value)

    def require_assignable(self, term: Term) -> None:
        """Raise WrongType if the column cannot be set to what the database computes."""
        self._same_kind(term, "set")
        if self.storage.kind is Kind.INTEGER and term.storage.kind is not Kind.INTEGER:
            raise WrongType(
                f"{self!r} holds whole numbers, and {term!r} is none: engines round it differently",
                "convert it with sqlalchemy.func.floor or sqlalchemy.func.round",
            )

    def __repr__(self) -> str:
        return f"{self.model.__name__}.{self.name}"


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
_QUOTIENT = Storage(Kind.FLOAT, (float, int, Decimal))


class Arithmetic(Expression):
    """`left operator right`, computed by the database and equal on every engine.

    A quotient is a float, also of whole numbers and decimals. Dividing by zero gives null, and the
    remainder has the sign of the dividend, as in SQL.
    """

    __slots__ = ("__dict__", "left", "operator", "reflected", "right", "storage")

    def __init__(
        self, operator: str, left: Expression, right: object, *, reflected: bool = False
    ) -> None:
        kind = left.storage.kind
        if kind not in _OPERANDS[operator]:
            raise NotSupported(
                f"`{operator}` is not defined for {left!r}, which holds {kind}",
                "compute in Python, or use your engine's functions through sqlalchemy.func",
            )
        self.operator, self.left, self.reflected = operator, left, reflected
        self.right = left._operand(right)  # noqa: SLF001 - a sibling of this file
        self.storage = _QUOTIENT if operator == "/" else self._result(left.storage)

    def _result(self, left: Storage) -> Storage:
        right = self.right.storage if isinstance(self.right, Term) else left
        if left.kind is not Kind.DECIMAL and right.kind is not Kind.DECIMAL:
            return right if right.kind is Kind.FLOAT else left
        if Kind.FLOAT in (left.kind, right.kind):
            return right if right.kind is Kind.FLOAT else left
        places = (_places(self.left), _places(self.right))
        widest = right if right.kind is Kind.DECIMAL else left
        if None in places:
            return replace(widest, scale=None)
        join = sum if self.operator == "*" else max
        return replace(widest, scale=join(cast("tuple[int, int]", places)))

    @cached_property
    def value_type(self) -> TypeEngine[Any]:  # type: ignore[override]  # computed once, not set
        known = replace(self.storage, scale=self.storage.scale or 0)
        return Stored(known, None, field=repr(self)).comparable()

    def key(self) -> Key:
        places = self.storage.scale or 0
        right = operand_key(self.right)
        return combined(self.operator, self.reflected, places, self.left.key(), right)

    def values(self, into: list[object]) -> None:
        self.left.values(into)
        operand_values(self.right, into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        for side in (self.left, self.right):
            if isinstance(side, Term):
                binder.require_order(side)
        left = self.left.clause(binder)
        right = operand_clause(self.right, self.left.value_type, binder)
        if self.reflected:
            left, right = right, left
        if self.operator == "/":
            left, right = sa.cast(left, sa.Double()), sa.cast(right, sa.Double())
        if self.operator in "/%":
            # PostgreSQL raises for zero, SQLite gives null.
            right = sa.func.nullif(right, sa.literal_column("0"), type_=self.value_type)
        result = cast("ColumnElement[Any]", _ARITHMETIC[self.operator](left, right))
        if self.storage.kind is Kind.DECIMAL and self.storage.scale is not None:
            return _Exact(result, self.storage.scale, self.value_type)
        return result

    def models(self, into: set[type[BaseModel]]) -> None:
        self.left.models(into)
        operand_models(self.right, into)

    def __repr__(self) -> str:
        right = repr(self.right) if isinstance(self.right, Node) else "..."
        parts = (right, repr(self.left)) if self.reflected else (repr(self.left), right)
        return f" {self.operator} ".join(parts)


_OPERANDS: Mapping[str, tuple[Kind, ...]] = {
    "+": (*_NUMBERS, Kind.TEXT),
    "-": _NUMBERS,
    "*": _NUMBERS,
    "/": _NUMBERS,
    # PostgreSQL has no remainder of floats, SQLite only one of whole numbers.
    "%": (Kind.INTEGER,),
}


def _places(operand: Operand) -> int | None:
    """Return how many decimal places an operand has at most, None if nobody knows."""
    if isinstance(operand, Term):
        return 0 if operand.storage.kind is Kind.INTEGER else operand.storage.scale
    if is_clause(operand):
        return None
    exponent = Decimal(cast("Decimal | int", operand)).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class _Exact(FunctionElement[Decimal]):
    """A sum, difference or product of decimals, which SQLite computes with doubles.

    Rounded to the places that the exact result has at most, the nearest double is again the one
    that stands for it.
    """

    inherit_cache = True

    def __init__(
        self, number: ColumnElement[Any], places: int, value_type: TypeEngine[Any]
    ) -> None:
        super().__init__(number, sa.literal_column(str(places)))
        self.type = value_type


@compiles(_Exact)
def _render_exact(element: _Exact, compiler: SQLCompiler, **kw: Any) -> str:
    number, _ = element.clauses
    return compiler.process(number.self_group(), **kw)


@compiles(_Exact, "sqlite")
def _render_rounded(element: _Exact, compiler: SQLCompiler, **kw: Any) -> str:
    number, places = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"round({number}, {places})"


class Assignment:
    """`column = value` of an UPDATE, as `Hero.age.set(3)` gives it."""

    __slots__ = ("attr", "value")

    def __init__(self, attr: Attr, value: object) -> None:
        self.attr, self.value = attr, value

    def __repr__(self) -> str:
        return f"{self.attr!r}.set(...)"
