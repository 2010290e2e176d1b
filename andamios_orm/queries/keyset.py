"""Where a page begins: an order without ties, and the rows that come after one of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.cursors import CARRIED
from andamios_orm.queries.nodes import Binder, Key, Term, combined
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.relations import Via
from andamios_orm.queries.selection import RawOrdering, Selection
from andamios_orm.queries.terms import Arithmetic, Attr
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import Kind

__all__ = ["Beyond", "Keyset", "PlaceReader", "place_reader", "without_ties"]

PlaceReader: TypeAlias = Callable[[Sequence[Any]], list[object]]
"""The driver's values of a row → the plain values of its place."""


def without_ties(selection: Selection, key: Sequence[Attr]) -> tuple[Ordering | RawOrdering, ...]:
    """Return the selection's order, with the primary key for rows that are equal so far.

    The key goes in the direction of the column before it, so that one index can serve both.
    """
    found: list[Ordering | RawOrdering] = []
    missing = {attr.id: attr for attr in key}
    terms: set[Key] = set()
    for ordering in selection.orderings:
        if isinstance(ordering, Ordering):
            term = ordering.term.key()
            if term is not None and term in terms:
                continue  # equal rows are equal in it again
            terms.add(term)
            if isinstance(ordering.term, Attr):
                missing.pop(ordering.term.id, None)
        found.append(ordering)
        if not missing:
            return tuple(found)
    last = found[-1] if found else None
    descending = isinstance(last, Ordering) and last.descending
    return (*found, *(Ordering(attr, descending=descending) for attr in missing.values()))


class Keyset(NamedTuple):
    """An order in which no two rows are equal, so that a row's values say where it stands."""

    orderings: tuple[Ordering, ...]

    @classmethod
    def of(cls, selection: Selection, key: Sequence[Attr]) -> Keyset:
        """Return the order of the selection. Raises NotSupported for an expression in it."""
        orderings = without_ties(selection, key)
        for ordering in orderings:
            if not isinstance(ordering, Ordering):
                raise NotSupported(
                    "page() continues after a row by the values that the rows are sorted by, and"
                    " it cannot read those of a SQLAlchemy expression",
                    "sort by columns or arithmetic of them, or use numbered_page()",
                )
        return cls(cast("tuple[Ordering, ...]", orderings))

    @property
    def terms(self) -> tuple[Term, ...]:
        """What a row's place consists of."""
        return tuple(ordering.term for ordering in self.orderings)

    def backwards(self) -> Keyset:
        """Return the opposite order."""
        return Keyset(tuple(_opposite(ordering) for ordering in self.orderings))

    def beyond(self, place: Sequence[object]) -> Condition:
        """Return the condition that a row comes after another one, which stands at `place`."""
        return Beyond(self.orderings, place)


def _opposite(ordering: Ordering) -> Ordering:
    first = None if ordering.first is None else not ordering.first
    return Ordering(ordering.term, descending=not ordering.descending, first=first)


def _require_place(term: Term) -> None:
    """Raise UsageError for a secret, NotSupported for values that a cursor cannot carry."""
    if isinstance(term, Arithmetic):
        for side in (term.left, term.right):
            if isinstance(side, Term):
                _require_place(side)
    column = term.attr if isinstance(term, Via) else term
    if isinstance(column, Attr) and is_secret(column.field):
        raise UsageError(
            f"{term!r} is secret, and a cursor shows the values that its page ends with",
            "sort by another column, or use numbered_page()",
        )
    if term.storage.kind is Kind.CUSTOM:
        column_type = cast("sa.types.TypeEngine[Any]", term.storage.column_type)
        try:
            known = column_type.python_type in CARRIED
        except NotImplementedError:
            known = False
        if not known:
            raise NotSupported(
                f"{term!r} has a type of its own, whose values a cursor cannot carry",
                "sort by another column, or use numbered_page()",
                column=(term.model, term.name) if isinstance(term, Attr) else None,
            )


def place_type(term: Term) -> Stored:
    """Return the type of the plain values of a term, which a cursor carries.

    Not of the field's own: an Enum, say, may lose a member while a cursor is under way.
    """
    return cast("Stored", term.value_type).without_codec()


def place_reader(terms: Sequence[Term], dialect: Dialect, cells: Sequence[int]) -> PlaceReader:
    """Return what reads the values of terms in some cells of a driver's row.

    Raises UsageError for a secret, NotSupported for values that a cursor cannot carry.
    """
    for term in terms:
        _require_place(term)
    reads = [place_type(term).result_processor(dialect, None) for term in terms]
    pairs = list(zip(map(itemgetter, cells), reads, strict=True))
    return lambda row: [pick(row) if read is None else read(pick(row)) for pick, read in pairs]


class Beyond(Condition):
    """A row comes after the row at a place, in an order without ties."""

    __slots__ = ("orderings", "place")

    def __init__(self, orderings: tuple[Ordering, ...], place: Sequence[object]) -> None:
        self.orderings, self.place = orderings, place

    def key(self) -> Key:
        missing = tuple(value is None for value in self.place)
        return combined("beyond", missing, *[ordering.key() for ordering in self.orderings])

    def values(self, into: list[object]) -> None:
        for ordering in self.orderings:
            ordering.term.values(into)
        into.extend(value for value in self.place if value is not None)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        clauses = [ordering.term.clause(binder) for ordering in self.orderings]
        steps: list[_Step] = []
        for ordering, clause, value in zip(self.orderings, clauses, self.place, strict=True):
            if value is None:
                steps.append(_Missing(clause, first=bool(ordering.first)))
                continue
            bound = binder.bind(value, place_type(ordering.term))
            if ordering.term.nullable and not ordering.first:
                steps.append(_OrMissing(clause, bound, descending=ordering.descending))
            elif steps and isinstance(steps[-1], _Row) and steps[-1].goes(ordering):
                steps[-1].append(clause, bound)
            else:
                steps.append(_Row(clause, bound, descending=ordering.descending))
        return _joined(steps)

    def models(self, into: set[type[BaseModel]]) -> None:
        for ordering in self.orderings:
            ordering.models(into)

    def __repr__(self) -> str:
        return f"beyond ... in the order of {', '.join(map(repr, self.orderings))}"


def _joined(steps: Sequence[_Step]) -> ColumnElement[Any]:
    """Return the condition that a row is beyond in the first step, or equal and then beyond."""
    step, rest = steps[0], steps[1:]
    if not rest:
        return step.beyond()
    deeper = sa.and_(step.equal(), _joined(rest))
    # Said twice, because this alone is a range of an index.
    return sa.and_(step.from_here(), sa.or_(step.beyond(), deeper))


class _Missing:
    """A column in which the row has no value."""

    def __init__(self, clause: ColumnElement[Any], *, first: bool) -> None:
        self._clause, self._first = clause, first

    def equal(self) -> ColumnElement[bool]:
        return self._clause.is_(None)

    def beyond(self) -> ColumnElement[bool]:
        return self._clause.is_not(None) if self._first else sa.false()

    def from_here(self) -> ColumnElement[bool]:
        return sa.true() if self._first else self._clause.is_(None)


class _OrMissing:
    """A column in which the row has a value, and those without one come after it."""

    def __init__(
        self, clause: ColumnElement[Any], bound: ColumnElement[Any], *, descending: bool
    ) -> None:
        self._clause, self._bound, self._descending = clause, bound, descending

    def equal(self) -> ColumnElement[bool]:
        return self._clause == self._bound

    def beyond(self) -> ColumnElement[bool]:
        one = self._clause < self._bound if self._descending else self._clause > self._bound
        return sa.or_(one, self._clause.is_(None))

    def from_here(self) -> ColumnElement[bool]:
        one = self._clause <= self._bound if self._descending else self._clause >= self._bound
        return sa.or_(one, self._clause.is_(None))


class _Row:
    """Columns in which the row has values, sorted in one direction, and none comes after them."""

    def __init__(
        self, clause: ColumnElement[Any], bound: ColumnElement[Any], *, descending: bool
    ) -> None:
        self._descending = descending
        self._clauses, self._bounds = [clause], [bound]

    def goes(self, ordering: Ordering) -> bool:
        """Whether the next column is sorted in the same direction."""
        return ordering.descending == self._descending

    def append(self, clause: ColumnElement[Any], bound: ColumnElement[Any]) -> None:
        self._clauses.append(clause)
        self._bounds.append(bound)

    def equal(self) -> ColumnElement[bool]:
        pairs = zip(self._clauses, self._bounds, strict=True)
        return sa.and_(*(clause == bound for clause, bound in pairs))

    def beyond(self) -> ColumnElement[bool]:
        return self._compared(or_equal=False)

    def from_here(self) -> ColumnElement[bool]:
        return self._compared(or_equal=True)

    def _compared(self, *, or_equal: bool) -> ColumnElement[bool]:
        pairs = list(zip(self._clauses, self._bounds, strict=True))
        if len(pairs) == 1:
            return self._one(*pairs[0], or_equal=or_equal)
        return _RowComparison(
            sa.tuple_(*self._clauses),
            sa.tuple_(*self._bounds),
            self._spelt_out(pairs, or_equal=or_equal, equal=True),
            self._spelt_out(pairs, or_equal=or_equal, equal=False),
            ("<" if self._descending else ">") + ("=" if or_equal else ""),
        )

    def _one(
        self, clause: ColumnElement[Any], bound: ColumnElement[Any], *, or_equal: bool
    ) -> ColumnElement[bool]:
        if self._descending:
            return clause <= bound if or_equal else clause < bound
        return clause >= bound if or_equal else clause > bound

    def _spelt_out(
        self,
        pairs: Sequence[tuple[ColumnElement[Any], ColumnElement[Any]]],
        *,
        or_equal: bool,
        equal: bool,
    ) -> ColumnElement[bool]:
        """Return the comparison column by column.

        With `equal` it says of the rows that are not beyond in one column that they are equal in
        it. It follows, but an index is found by it.
        """
        (clause, bound), rest = pairs[0], pairs[1:]
        if not rest:
            return self._one(clause, bound, or_equal=or_equal)
        deeper = self._spelt_out(rest, or_equal=or_equal, equal=equal)
        if equal:
            deeper = sa.and_(clause == bound, deeper)
        return sa.and_(
            self._one(clause, bound, or_equal=True),
            sa.or_(self._one(clause, bound, or_equal=False), deeper),
        )


_Step: TypeAlias = _Missing | _OrMissing | _Row


class _RowComparison(FunctionElement[bool]):
    """`(a, b) > (x, y)`, in the form of which the engine uses an index best."""

    inherit_cache = True
    type = sa.Boolean()
    _is_implicitly_boolean = True

    def __init__(
        self,
        left: ColumnElement[Any],
        right: ColumnElement[Any],
        spelt_out: ColumnElement[bool],
        shortest: ColumnElement[bool],
        sign: str,
    ) -> None:
        super().__init__(left, right, spelt_out, shortest, sa.literal_column(sign))


@compiles(_RowComparison)
def _render_spelt_out(element: _RowComparison, compiler: SQLCompiler, **kw: Any) -> str:
    # MariaDB reads a comparison of rows without an index.
    return f"({compiler.process(list(element.clauses)[2], **kw)})"


@compiles(_RowComparison, "duckdb")
def _render_shortest(element: _RowComparison, compiler: SQLCompiler, **kw: Any) -> str:
    # For a comparison of rows DuckDB reads all blocks of the table. It has no use for an index,
    # and computes what is said for each row.
    return f"({compiler.process(list(element.clauses)[3], **kw)})"


@compiles(_RowComparison, "postgresql")
@compiles(_RowComparison, "sqlite")
def _render_rows(element: _RowComparison, compiler: SQLCompiler, **kw: Any) -> str:
    left, right, _, _, sign = element.clauses
    one, two = compiler.process(left, **kw), compiler.process(right, **kw)
    return f"({one} {compiler.process(sign, **kw)} {two})"
