"""The frozen description of one query: which model, which rows, in which order, how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement

from andamios_orm.errors import UsageError, WrongType
from andamios_orm.queries.conditions import Condition, SQLAlchemyCondition, conjunction
from andamios_orm.queries.nodes import Binder, Key, Node, foreign_model, is_clause
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.terms import Expression

__all__ = ["Lock", "RawOrdering", "Selection"]

Lock: TypeAlias = Literal["wait", "nowait", "skip locked"]
"""What happens to a row that another transaction has locked: wait for it, fail, leave it out."""


class Selection(NamedTuple):
    """Which rows of a model, in which order, how many. Every refinement gives another one.

    A tuple, because each step of every query makes one.
    """

    model: type[BaseModel]
    conditions: tuple[Condition, ...] = ()
    orderings: tuple[Ordering | RawOrdering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    lock: Lock | None = None

    def where(self, *conditions: object) -> Selection:
        """Return the selection with further conditions, all of which must hold.

        Raises ConditionMisuse for what is no condition and UsageError for another model's column.
        """
        added = conjunction(conditions)
        self._same_model(added)
        return self._replace(conditions=self.conditions + added)

    def order_by(self, *keys: object) -> Selection:
        """Return the selection sorted by further columns. Raises WrongType for what is none."""
        added = tuple(_ordering(key) for key in keys)
        self._same_model([a for a in added if isinstance(a, Ordering)])
        return self._replace(orderings=self.orderings + added)

    def limited(self, limit: int) -> Selection:
        """Return the selection cut to `limit` rows. Raises WrongType for a negative number."""
        return self._replace(limit=_count("limit", limit))

    def skipping(self, offset: int) -> Selection:
        """Return the selection without its first `offset` rows. Raises WrongType."""
        return self._replace(offset=_count("offset", offset))

    def locked(self, lock: Lock) -> Selection:
        """Return the selection whose rows are locked as they are read."""
        return self._replace(lock=lock)

    def key(self) -> Key:
        """Return the shape: equal for selections that differ in values only, None without one."""
        parts = [node.key() for node in (*self.conditions, *self.orderings)]
        if None in parts:
            return None
        return (
            len(self.conditions),
            *parts,
            self.limit is None,
            self.offset is None,
            str(self.lock),
        )

    def values(self) -> list[object]:
        """Return the values in the order in which the statement binds them."""
        into: list[object] = []
        for node in (*self.conditions, *self.orderings):
            node.values(into)
        if self.limit is not None:
            into.append(self.limit)
        if self.offset is not None:
            into.append(self.offset)
        return into

    def _same_model(self, added: object) -> None:
        nodes = cast("Sequence[Node]", added)
        if all(node.names_only(self.model) for node in nodes):
            return
        other = foreign_model(nodes, self.model)
        if other is not None:
            raise UsageError(
                f"a query of {self.model.__name__} names a column of {other.__name__}; without a"
                " join every row would meet every row",
                f"use {self.model.__name__}'s own columns, those of related rows"
                f" (`{self.model.__name__}.relation.has(...)`, `.to.x`), or a subquery:"
                f" `{self.model.__name__}.x.in_(sqlalchemy.select({other.__name__}.y))`",
            )


class RawOrdering(SQLAlchemyCondition):
    """A SQLAlchemy expression to sort by; like all of them, it has no key."""

    __slots__ = ()

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        """Return the expression as it is: it may have a direction."""
        return binder.raw(self.element)


def _ordering(key: object) -> Ordering | RawOrdering:
    if isinstance(key, Ordering):
        return key
    if isinstance(key, Expression):
        return key.asc()
    if is_clause(key) and not isinstance(key, Node):
        return RawOrdering(key)
    raise WrongType(
        f"order_by() got a {type(key).__name__}",
        "pass columns of the model's class, as in `order_by(Hero.name, Hero.age.desc())`",
    )


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise WrongType(
            f"{name}() takes a whole number from 0 on, not {_shown(value)}",
            "check the number where it enters the program",
        )
    return value


def _shown(value: object) -> str:
    return "one below or beyond that" if isinstance(value, int) else f"a {type(value).__name__}"
