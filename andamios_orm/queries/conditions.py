"""What is true, false or null of a row: comparisons, lists, and their combinations.

A condition raises in `__bool__`, where SQLAlchemy's `==` silently answers False and drops half of
an `and`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql import coercions, roles
from sqlalchemy.sql.elements import ColumnElement, False_, Grouping, True_

from andamios_orm.errors import ConditionMisuse, NotSupported
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
    operand_names_only,
    operand_values,
)
from andamios_orm.schema.spec import Kind, Storage

__all__ = [
    "Comparison",
    "Condition",
    "Membership",
    "NullTest",
    "SQLAlchemyCondition",
    "SelectedColumn",
    "SubqueryMembership",
    "as_condition",
    "conjunction",
]


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
        return _joined("AND", self, as_condition(other))

    def __rand__(self, other: object) -> Condition:
        return _joined("AND", as_condition(other), self)

    def __or__(self, other: object) -> Condition:
        return _joined("OR", self, as_condition(other))

    def __ror__(self, other: object) -> Condition:
        return _joined("OR", as_condition(other), self)

    def __invert__(self) -> Condition:
        return Negation(self)


def as_condition(value: object) -> Condition:
    """Return `value` as a condition. Raises ConditionMisuse for what is none."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, Term) and value.storage.kind is Kind.BOOLEAN:
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
    return tuple(as_condition(c) for c in conditions)


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
        element = coercions.expect(roles.WhereHavingRole, binder.raw(self.element))
        # SQLAlchemy drops what true() and false() make superfluous, but takes them as they are.
        if isinstance(element, True_ | False_):
            return cast("ColumnElement[Any]", element)
        # A text may have an OR in it, which must not take the other conditions apart.
        return cast("ColumnElement[Any]", Grouping(element))

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

    def __init__(self, operator: str, left: Term, right: Operand) -> None:
        self.operator, self.left, self.right = operator, left, right

    def key(self) -> Key:
        return combined(self.operator, self.left.key(), operand_key(self.right))

    def values(self, into: list[object]) -> None:
        self.left.values(into)
        operand_values(self.right, into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        if self._orders():
            for side in (self.left, self.right):
                if isinstance(side, Term):
                    binder.require_order(side)
        left = self.left.clause(binder)
        right = operand_clause(self.right, self.left.value_type, binder)
        return cast("ColumnElement[Any]", _COMPARE[self.operator](left, right))

    def _orders(self) -> bool:
        """Whether equal texts are not enough to answer, where numbers are kept as text."""
        if self.operator not in ("==", "!="):
            return True
        return isinstance(self.right, Term) and _digits(self.left) != _digits(self.right)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.left.models(into)
        operand_models(self.right, into)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.left.names_only(model) and operand_names_only(self.right, model)

    def __repr__(self) -> str:
        right = repr(self.right) if isinstance(self.right, Node) else "..."
        return f"{self.left!r} {self.operator} {right}"


def _digits(holder: Holder) -> tuple[Kind, int | None, int | None]:
    return holder.storage.kind, holder.storage.precision, holder.storage.scale


class NullTest(Condition):
    """`operand IS NULL`, or its opposite."""

    __slots__ = ("negated", "operand")

    def __init__(self, operand: Term, *, negated: bool) -> None:
        self.operand, self.negated = operand, negated

    def key(self) -> Key:
        return combined("null", self.negated, self.operand.key())

    def values(self, into: list[object]) -> None:
        self.operand.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        clause = self.operand.clause(binder)
        return clause.is_not(None) if self.negated else clause.is_(None)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.operand.models(into)

    def __repr__(self) -> str:
        return f"{self.operand!r} IS {'NOT ' if self.negated else ''}NULL"


_ROUNDED_LISTS = 16_384
_LONGEST_LIST = 32_000
"""SQLite takes 32,766 parameters and PostgreSQL's driver 32,767; other conditions need some."""


class Membership(Condition):
    """`operand IN (...)`, or its opposite; an empty list matches nothing (everything)."""

    __slots__ = ("bound", "items", "negated", "operand")

    def __init__(self, operand: Term, items: Sequence[object], *, negated: bool) -> None:
        if len(items) > _LONGEST_LIST:
            raise NotSupported(
                f"{operand!r}.in_() got {len(items)} values, and a statement carries"
                f" {_LONGEST_LIST} at most",
                "ask in parts, or put the values into a table and use a subquery",
            )
        self.operand, self.items, self.negated = operand, items, negated
        # A power of two, so that lists of many lengths share few statements; the last value is
        # repeated, which changes nothing in a list. Not beyond, because engines limit parameters.
        rounded = 1 << (len(items) - 1).bit_length() if items else 0
        self.bound = rounded if rounded <= _ROUNDED_LISTS else len(items)

    def key(self) -> Key:
        return combined("in", self.negated, self.bound, self.operand.key())

    def values(self, into: list[object]) -> None:
        if self.items:
            self.operand.values(into)
            into.extend(self._bound_items())

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        if not self.items:
            # SQLAlchemy leaves out what stands beside its true() and false(), with its values.
            one: ColumnElement[int] = sa.literal_column("1")
            return one == sa.literal_column("1" if self.negated else "0")
        clause = self.operand.clause(binder)
        column_type = self.operand.value_type
        binds = [binder.bind(item, column_type) for item in self._bound_items()]
        return clause.not_in(binds) if self.negated else clause.in_(binds)

    def _bound_items(self) -> Iterable[object]:
        padding = itertools.repeat(self.items[-1], self.bound - len(self.items))
        return itertools.chain(self.items, padding)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.operand.models(into)

    def __repr__(self) -> str:
        return f"{self.operand!r} {'NOT ' if self.negated else ''}IN (...)"


class SelectedColumn:
    """The column of a model that a SELECT gives."""

    __slots__ = ("field", "storage")

    def __init__(self, field: str, storage: Storage) -> None:
        self.field, self.storage = field, storage

    def __repr__(self) -> str:
        return self.field


class SubqueryMembership(Condition):
    """`operand IN (SELECT ...)`, or its opposite."""

    __slots__ = ("given", "negated", "operand", "subquery")

    def __init__(
        self, operand: Term, subquery: Any, given: SelectedColumn | None, *, negated: bool
    ) -> None:
        self.operand, self.subquery, self.negated = operand, subquery, negated
        self.given = given

    def key(self) -> Key:
        return None

    def values(self, into: list[object]) -> None:
        self.operand.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        if self.given is not None and _digits(self.operand) != _digits(self.given):
            binder.require_order(self.operand)
            binder.require_order(self.given)
        clause = self.operand.clause(binder)
        subquery = binder.raw(self.subquery)
        return clause.not_in(subquery) if self.negated else clause.in_(subquery)

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
        return combined(self.operator, *[part.key() for part in self.parts])

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


def _joined(operator: str, *conditions: Condition) -> Combination:
    """Return the conditions joined; a long chain of `|` stays flat, else it would nest too deep."""
    parts: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, Combination) and condition.operator == operator:
            parts += condition.parts
        else:
            parts.append(condition)
    return Combination(operator, tuple(parts))


class Negation(Condition):
    """`NOT condition`; null stays null, so `~(Hero.age > 3)` does not match a null age."""

    __slots__ = ("condition",)

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    def key(self) -> Key:
        return combined("not", self.condition.key())

    def values(self, into: list[object]) -> None:
        self.condition.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        return sa.not_(self.condition.clause(binder))

    def models(self, into: set[type[BaseModel]]) -> None:
        self.condition.models(into)

    def __repr__(self) -> str:
        return f"NOT ({self.condition!r})"
