"""The expression nodes that class-level column access builds: `Hero.age > 30`.

A node is frozen plain data. It can do three things: give the *key* of its shape (everything but
the values, so that equal shapes share one compiled statement), list its *values* in order, and
become a SQLAlchemy *clause*. Keys cost a tenth of SQLAlchemy's own cache keys, and a condition
raises in `__bool__`, where SQLAlchemy's `==` silently answers False and drops half of an `and`.

The typed faces of these classes, for users and type checkers, are in `expressions.py`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, NoReturn, Protocol, TypeAlias, TypeGuard, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from andamios_orm.errors import ConditionMisuse, NotSupported, WrongType
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.spec import FieldSpec, Kind, Storage

__all__ = [
    "Assignment",
    "Attr",
    "Binder",
    "Condition",
    "Expression",
    "Key",
    "Ordering",
    "conjunction",
    "foreign_model",
    "is_clause",
    "literals",
]

Key: TypeAlias = object
"""Hashable; equal for two nodes that differ in their values only. None: no key, do not cache."""


class Binder(Protocol):
    """Where a clause puts its values, and what the engine at hand cannot do with a column."""

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return the clause that stands for a value."""
        ...

    def require_order(self, expression: Expression) -> None:
        """Raise NotSupported if the engine cannot order or compute with the expression."""
        ...


class _Literals:
    """Values stay in the clause: for nodes used inside SQLAlchemy's own statements."""

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        return sa.literal(value, column_type)

    def require_order(self, expression: Expression) -> None:
        """The engine is unknown until SQLAlchemy compiles the statement."""


literals = _Literals()


class Node:
    """What all nodes share: a key, values in order, a clause in the same order."""

    __slots__ = ()

    def key(self) -> Key:
        """Return the shape of this node, None if it holds a SQLAlchemy expression."""
        raise NotImplementedError

    def values(self, into: list[object]) -> None:
        """Append the values, in the order in which `clause` binds them."""
        raise NotImplementedError

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        """Return the SQLAlchemy clause with its values bound through `binder`."""
        raise NotImplementedError

    def models(self, into: set[type[BaseModel]]) -> None:
        """Add every model whose columns this node names."""
        raise NotImplementedError

    def __clause_element__(self) -> ColumnElement[Any]:
        return self.clause(literals)


Operand: TypeAlias = object
"""The other side of an operator: a plain value, an Expression, or a SQLAlchemy expression."""


def is_clause(value: object) -> TypeGuard[Any]:
    """Whether `value` is a SQLAlchemy expression, or something that turns into one."""
    return isinstance(value, ClauseElement) or (
        hasattr(value, "__clause_element__") and not isinstance(value, type)
    )


def _operand_key(operand: Operand) -> Key:
    if isinstance(operand, Expression):
        return operand.key()
    return None if is_clause(operand) else 0


def _combined(*keys: Key) -> Key:
    return None if None in keys else keys


def _operand_values(operand: Operand, into: list[object]) -> None:
    if isinstance(operand, Expression):
        operand.values(into)
    elif not is_clause(operand):
        into.append(operand)


def _operand_clause(
    operand: Operand, column_type: TypeEngine[Any], binder: Binder
) -> ColumnElement[Any]:
    if isinstance(operand, Expression):
        return operand.clause(binder)
    if is_clause(operand):
        return cast("ColumnElement[Any]", operand)
    return binder.bind(operand, column_type)


def _operand_models(operand: Operand, into: set[type[BaseModel]]) -> None:
    if isinstance(operand, Expression):
        operand.models(into)


# ---- conditions --------------------------------------------------------------------------------


class Condition(Node):
    """Something that is true, false or null of a row."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise ConditionMisuse(
            f"a condition has no truth value: {self!r} is decided in the database",
            "combine conditions with `&`, `|` and `~`, each in parentheses, or pass several to"
            " where(); for membership use `.in_(...)`, for a range `.between(low, high)`",
        )

    def __and__(self, other: object) -> Condition:
        return Combination("AND", (self, _condition(other)))

    def __rand__(self, other: object) -> Condition:
        return Combination("AND", (_condition(other), self))

    def __or__(self, other: object) -> Condition:
        return Combination("OR", (self, _condition(other)))

    def __ror__(self, other: object) -> Condition:
        return Combination("OR", (_condition(other), self))

    def __invert__(self) -> Condition:
        return Negation(self)


def _condition(value: object) -> Condition:
    """Return `value` as a condition. Raises ConditionMisuse for what is none."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, Attr) and value.storage.kind is Kind.BOOLEAN:
        return Comparison("==", value, True)
    if is_clause(value) and not isinstance(value, Node):
        return SQLAlchemyCondition(value)
    raise ConditionMisuse(
        f"a {type(value).__name__} is not a condition",
        "compare a column of the model's class, as in `Hero.age > 30`; a value read from an"
        " instance (`hero.age`) says nothing about other rows",
    )


def conjunction(conditions: Iterable[object]) -> tuple[Condition, ...]:
    """Return every element as a condition. Raises ConditionMisuse for what is none."""
    return tuple(_condition(c) for c in conditions)


class SQLAlchemyCondition(Condition):
    """Any SQLAlchemy expression: it has no key, so its statement is compiled at each use."""

    __slots__ = ("element",)

    def __init__(self, element: ColumnElement[Any]) -> None:
        self.element = element

    def key(self) -> Key:
        return None

    def values(self, into: list[object]) -> None:
        """Its values travel inside the expression."""

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        return self.element

    def models(self, into: set[type[BaseModel]]) -> None:
        """Its tables are known to SQLAlchemy, which is asked when the statement is built."""

    def __repr__(self) -> str:
        return "a SQLAlchemy expression"


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Comparison(Condition):
    """`left operator right`."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, operator: str, left: Expression, right: Operand) -> None:
        self.operator, self.left, self.right = operator, left, right

    def key(self) -> Key:
        return _combined(self.operator, self.left.key(), _operand_key(self.right))

    def values(self, into: list[object]) -> None:
        self.left.values(into)
        _operand_values(self.right, into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        if self.operator not in ("==", "!="):
            binder.require_order(self.left)
        left = self.left.clause(binder)
        right = _operand_clause(self.right, self.left.value_type, binder)
        return cast("ColumnElement[Any]", _COMPARE[self.operator](left, right))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.left.models(into)
        _operand_models(self.right, into)

    def __repr__(self) -> str:
        right = repr(self.right) if isinstance(self.right, Node) else "..."
        return f"{self.left!r} {self.operator} {right}"


class NullTest(Condition):
    """`operand IS NULL`, or its opposite."""

    __slots__ = ("negated", "operand")

    def __init__(self, operand: Expression, *, negated: bool) -> None:
        self.operand, self.negated = operand, negated

    def key(self) -> Key:
        return _combined("null", self.negated, self.operand.key())

    def values(self, into: list[object]) -> None:
        self.operand.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        clause = self.operand.clause(binder)
        return clause.is_not(None) if self.negated else clause.is_(None)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.operand.models(into)

    def __repr__(self) -> str:
        return f"{self.operand!r} IS {'NOT ' if self.negated else ''}NULL"


class Membership(Condition):
    """`operand IN (...)`, or its opposite; an empty list matches nothing (everything)."""

    __slots__ = ("bound", "items", "negated", "operand")

    def __init__(self, operand: Expression, items: Sequence[object], *, negated: bool) -> None:
        self.operand, self.items, self.negated = operand, items, negated
        # A power of two, so that lists of many lengths share few statements; the last value is
        # repeated, which changes nothing in a list.
        self.bound = 1 << (len(items) - 1).bit_length() if items else 0

    def key(self) -> Key:
        return _combined("in", self.negated, self.bound, self.operand.key())

    def values(self, into: list[object]) -> None:
        if self.items:
            self.operand.values(into)
            into.extend(self.items)
            into.extend(itertools.repeat(self.items[-1], self.bound - len(self.items)))

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        if not self.items:
            return sa.true() if self.negated else sa.false()
        clause = self.operand.clause(binder)
        column_type = self.operand.value_type
        binds = [binder.bind(self.items[-1], column_type) for _ in range(self.bound)]
        return clause.not_in(binds) if self.negated else clause.in_(binds)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.operand.models(into)

    def __repr__(self) -> str:
        return f"{self.operand!r} {'NOT ' if self.negated else ''}IN (...)"


class SubqueryMembership(Condition):
    """`operand IN (SELECT ...)`, or its opposite."""

    __slots__ = ("negated", "operand", "subquery")

    def __init__(self, operand: Expression, subquery: Any, *, negated: bool) -> None:
        self.operand, self.subquery, self.negated = operand, subquery, negated

    def key(self) -> Key:
        return None

    def values(self, into: list[object]) -> None:
        self.operand.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        clause = self.operand.clause(binder)
        return clause.not_in(self.subquery) if self.negated else clause.in_(self.subquery)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.operand.models(into)

    def __repr__(self) -> str:
        return f"{self.operand!r} {'NOT ' if self.negated else ''}IN (SELECT ...)"


class Combination(Condition):
    """Several conditions joined by AND or OR."""

    __slots__ = ("operator", "parts")

    def __init__(self, operator: str, parts: tuple[Condition, ...]) -> None:
        self.operator, self.parts = operator, parts

    def key(self) -> Key:
        return _combined(self.operator, *[part.key() for part in self.parts])

    def values(self, into: list[object]) -> None:
        for part in self.parts:
            part.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        join = sa.and_ if self.operator == "AND" else sa.or_
        return join(*[part.clause(binder) for part in self.parts])

    def models(self, into: set[type[BaseModel]]) -> None:
        for part in self.parts:
            part.models(into)

    def __repr__(self) -> str:
        return f" {self.operator} ".join(f"({part!r})" for part in self.parts)


class Negation(Condition):
    """`NOT condition`; null stays null, so `~(Hero.age > 3)` does not match a null age."""

    __slots__ = ("condition",)

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    def key(self) -> Key:
        return _combined("not", self.condition.key())

    def values(self, into: list[object]) -> None:
        self.condition.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        return sa.not_(self.condition.clause(binder))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.condition.models(into)

    def __repr__(self) -> str:
        return f"NOT ({self.condition!r})"


# ---- patterns ----------------------------------------------------------------------------------


class LikePattern(TypeDecorator[str]):
    r"""A LIKE pattern, `\` escaping; on SQLite the GLOB pattern that means the same.

    SQLite's LIKE ignores the case of ASCII letters, its GLOB does not.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return to_glob(value) if value is not None and dialect.name == "sqlite" else value


_GLOB_ESCAPES = {"*": "[*]", "?": "[?]", "[": "[[]"}


def to_glob(pattern: str) -> str:
    r"""Return the GLOB pattern that matches what the LIKE pattern matches.

    >>> to_glob(r"50\% of %")
    '50% of *'
    """
    out: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            out.append(_GLOB_ESCAPES.get(escaped, escaped))
        else:
            out.append(
                {"%": "*", "_": "?"}.get(character) or _GLOB_ESCAPES.get(character, character)
            )
    return "".join(out)


def escape_like(text: str) -> str:
    r"""Return `text` as a LIKE pattern that matches exactly it.

    >>> escape_like("50%")
    '50\\%'
    """
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


class _Like(ColumnElement[bool]):
    """`text LIKE pattern`, minding case on every engine."""

    inherit_cache = False
    type = sa.Boolean()
    # Else SQLAlchemy writes `(...) = 1` on engines without booleans, which no index serves.
    _is_implicitly_boolean = True

    def __init__(self, text: ColumnElement[Any], pattern: ColumnElement[Any]) -> None:
        self.text, self.pattern = text, pattern

    @property
    def _from_objects(self) -> list[Any]:
        # SQLAlchemy asks every element for the tables it reads.
        return list(self.text._from_objects)  # noqa: SLF001 - the hook's own name


@compiles(_Like)
def _render_like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    return _joined(element, compiler, "LIKE", kw)


@compiles(_Like, "sqlite")
def _render_glob(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    return _joined(element, compiler, "GLOB", kw)


def _joined(element: _Like, compiler: SQLCompiler, word: str, kw: Mapping[str, Any]) -> str:
    text, pattern = compiler.process(element.text, **kw), compiler.process(element.pattern, **kw)
    return f"({text} {word} {pattern})"


class PatternMatch(Condition):
    """`text LIKE pattern`, minding the case of letters or not."""

    __slots__ = ("ignore_case", "pattern", "text")

    def __init__(self, text: Expression, pattern: str, *, ignore_case: bool) -> None:
        if len(pattern) - len(pattern.rstrip("\\")) & 1:
            raise WrongType(
                f"the LIKE pattern for {text!r} ends in a lone backslash, which escapes nothing",
                "double the backslash to match one, or use contains(), startswith(), endswith()",
            )
        self.text, self.pattern, self.ignore_case = text, pattern, ignore_case

    def key(self) -> Key:
        return _combined("like", self.ignore_case, self.text.key())

    def values(self, into: list[object]) -> None:
        self.text.values(into)
        into.append(self.pattern)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        text = self.text.clause(binder)
        if self.ignore_case:
            return text.ilike(binder.bind(self.pattern, sa.Text()), escape="\\")
        return _Like(text, binder.bind(self.pattern, LikePattern()))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.text.models(into)

    def __repr__(self) -> str:
        return f"{self.text!r} {'ILIKE' if self.ignore_case else 'LIKE'} ..."


# ---- expressions -------------------------------------------------------------------------------

_NUMBERS = {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}


class Expression(Node):
    """A typed value of a row: a column, or arithmetic with columns."""

    __slots__ = ("__weakref__",)

    storage: Storage
    value_type: TypeEngine[Any]
    """The type under which a value compared with this expression is bound."""

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

    def __iter__(self) -> NoReturn:
        raise ConditionMisuse(f"{self!r} is a column, not a collection", "use .in_(values)")

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
            return SubqueryMembership(self, other, negated=negated)
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
        if isinstance(other, Expression) or is_clause(other):
            return other
        return self.checked(other)

    def checked(self, value: object) -> object:
        """Return `value` if this expression may be compared with it. Raises WrongType."""
        types = self.storage.python_types
        if type(value) in types:
            return value
        if self.storage.kind is Kind.JSON:
            raise NotSupported(
                f"{self!r} is a JSON column, and engines disagree on when two JSON texts are equal",
                "compare it with None, or use your engine's JSON functions through sqlalchemy.func",
            )
        if not types or (isinstance(value, types) and not _is_datetime_for_date(value, types)):
            return value
        names = " or ".join(t.__name__ for t in types)
        raise WrongType(
            f"{self!r} holds {names}, not {type(value).__name__}",
            f"pass a value of type {names}"
            if value is not None
            else "use == None, .is_null() or .is_not_null()",
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
        return self.column

    def models(self, into: set[type[BaseModel]]) -> None:
        into.add(self.model)

    def __and__(self, other: object) -> Condition:
        return _condition(self) & other

    def __or__(self, other: object) -> Condition:
        return _condition(self) | other

    def __invert__(self) -> Condition:
        return ~_condition(self)

    def set(self, value: object) -> Assignment:
        """Return the assignment of `value` to this column, for update() and patch()."""
        return Assignment(self, value)

    def __repr__(self) -> str:
        return f"{self.model.__name__}.{self.name}"


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


class Arithmetic(Expression):
    """`left operator right`, computed by the database."""

    __slots__ = ("left", "operator", "reflected", "right", "storage", "value_type")

    def __init__(
        self, operator: str, left: Expression, right: object, *, reflected: bool = False
    ) -> None:
        kind = left.storage.kind
        if kind not in _NUMBERS and not (kind is Kind.TEXT and operator == "+"):
            raise NotSupported(
                f"`{operator}` is not defined for {left!r}, which holds {kind}",
                "compute in Python, or use your engine's functions through sqlalchemy.func",
            )
        self.operator, self.left, self.reflected = operator, left, reflected
        self.right = left._operand(right)  # noqa: SLF001 - a sibling of this file
        divides = operator == "/" and kind is Kind.INTEGER
        self.storage = Storage(Kind.FLOAT, (float, int)) if divides else left.storage
        self.value_type = sa.Double() if divides else left.value_type

    def key(self) -> Key:
        return _combined(self.operator, self.reflected, self.left.key(), _operand_key(self.right))

    def values(self, into: list[object]) -> None:
        self.left.values(into)
        _operand_values(self.right, into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        binder.require_order(self.left)
        left = self.left.clause(binder)
        right = _operand_clause(self.right, self.left.value_type, binder)
        if self.reflected:
            left, right = right, left
        return cast("ColumnElement[Any]", _ARITHMETIC[self.operator](left, right))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.left.models(into)
        _operand_models(self.right, into)

    def __repr__(self) -> str:
        right = repr(self.right) if isinstance(self.right, Node) else "..."
        parts = (right, repr(self.left)) if self.reflected else (repr(self.left), right)
        return f" {self.operator} ".join(parts)


# ---- orderings and assignments -----------------------------------------------------------------


class Ordering(Node):
    """One column of an ORDER BY.

    Rows without a value come last in ascending and first in descending order, on every engine,
    unless `nulls_first()` or `nulls_last()` says otherwise.
    """

    __slots__ = ("descending", "expression", "first")

    def __init__(
        self, expression: Expression, *, descending: bool, first: bool | None = None
    ) -> None:
        self.expression, self.descending = expression, descending
        nullable = not isinstance(expression, Attr) or expression.field.nullable
        self.first = descending if first is None and nullable else first

    def nulls_first(self) -> Ordering:
        return Ordering(self.expression, descending=self.descending, first=True)

    def nulls_last(self) -> Ordering:
        return Ordering(self.expression, descending=self.descending, first=False)

    def key(self) -> Key:
        return _combined("order", self.descending, self.first is True, self.expression.key())

    def values(self, into: list[object]) -> None:
        self.expression.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        binder.require_order(self.expression)
        clause = self.expression.clause(binder)
        ordered = clause.desc() if self.descending else clause.asc()
        if self.first is None:
            return ordered
        return ordered.nulls_first() if self.first else ordered.nulls_last()

    def models(self, into: set[type[BaseModel]]) -> None:
        self.expression.models(into)

    def __repr__(self) -> str:
        return f"{self.expression!r}.{'desc' if self.descending else 'asc'}()"


class Assignment:
    """`column = value` of an UPDATE, as `Hero.age.set(3)` gives it."""

    __slots__ = ("attr", "value")

    def __init__(self, attr: Attr, value: object) -> None:
        self.attr, self.value = attr, value

    def __repr__(self) -> str:
        return f"{self.attr!r}.set(...)"


def foreign_model(nodes: Iterable[Node], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return a model other than `model` that a node names a column of, None if there is none."""
    found: set[type[BaseModel]] = set()
    for node in nodes:
        node.models(found)
    return next((other for other in found if other is not model), None)
