"""Conditions for `where()`, each with the Python predicate that it means."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.errors import UsageError
from andamios_orm.models.base import Model
from andamios_orm.queries.expressions import Predicate
from andamios_orm.queries.patterns import escape_like
from andamios_orm.schema.columns import is_number_as_text
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import FieldSpec, Kind, Storage
from andamios_orm.testing.strategies.instances import fields
from andamios_orm.testing.strategies.literals import literal
from andamios_orm.testing.strategies.registering import registry
from andamios_orm.testing.strategies.storable import Storable

__all__ = ["Filter", "filters"]

M = TypeVar("M", bound=Model)
T = TypeVar("T")

Truth: TypeAlias = "bool | None"


# Without slots, beside which Python 3.11 refuses to make a Filter[Hero](...).
@dataclass(frozen=True, eq=False)
class Filter(Generic[M]):
    """A condition and what it says of an instance: True, False, or None where SQL says NULL."""

    condition: Predicate
    holds: Callable[[M], bool | None]
    code: str
    """The condition as it is written in a program."""

    def __repr__(self) -> str:
        return self.code


def filters(
    model: type[M], *, storable: Storable = True, near: Iterable[M] = ()
) -> SearchStrategy[Filter[M]]:
    """Return a strategy of conditions on the fields of a model.

    They compare fields with values and with each other, ask for null and for patterns, compute,
    and are combined with `&`, `|` and `~`; examples shrink to one comparison. Many of the values
    are those of the instances `near`, so that conditions hold for some of them.

    What engines do not agree on is left out: the order of texts, unless an engine is named that
    orders by code points whatever its collation (all but PostgreSQL), `ilike` on engines other
    than SQLite, sums that may overflow, and all but null of JSON columns and of columns of a
    type of the user's. So are the fields that the library fills in. NaN is equal to itself and
    greater than all numbers, as on the engines that hold it.

    Raises UsageError for a model without any such field.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.filters(Hero), strategies.models(Hero))
    def test_no_condition_holds_with_its_opposite(
        condition: strategies.Filter[Hero], hero: Hero
    ) -> None:
        assert condition.holds(hero.model_copy(update={"id": 1})) in (True, False, None)


    test_no_condition_holds_with_its_opposite()
    ```
    """
    conditions = _conditions_of(model, storable, registry.version)
    found = _trees(conditions, tuple(near), _DEPTH)
    return found.map(lambda c: Filter(c.node, c.holds, c.code))


# ---- parts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Condition:
    node: Any
    holds: Callable[[Any], Truth]
    code: str
    closed: bool = False
    """Whether it needs no parentheses beside an operator."""

    @property
    def part(self) -> str:
        """Its code beside an operator."""
        return self.code if self.closed else f"({self.code})"


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """A column, or what is computed from columns."""

    node: Any
    value: Callable[[Any], Any]
    """What an instance has there, as it compares in Python."""
    code: str
    storage: Storage

    @property
    def part(self) -> str:
        """Its code where a method is called on it."""
        return f"({self.code})" if " " in self.code else self.code


_Compare: TypeAlias = Callable[[Any, Any], Any]

_EQUAL: Mapping[str, _Compare] = {"==": operator.eq, "!=": operator.ne}
_ORDER: Mapping[str, _Compare] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BY_CODE_POINT = ("duckdb", "sqlite", "mariadb", "mysql")
"""Engines that order texts by code points in every database."""


class _Conditions:
    """What the conditions of one model are made of.

    Strategies are kept, because making one costs more than drawing from it.
    """

    def __init__(self, model: type[Model], storable: Storable) -> None:
        self.model, self.storable = model, storable
        found = [f for f in spec_of(model).fields if f.role is None]
        self.fields = [f for f in found if f.primary_key or not f.generated]
        if not self.fields:
            raise UsageError(
                f"{model.__name__} has only fields that the library fills in",
                "draw conditions for another model",
            )
        self.terms = {f.name: _column(model, f) for f in self.fields}
        self.partners = {f.name: self._partners(f) for f in self.fields}
        asked = [st.tuples(st.just(f), st.sampled_from(self._forms(f))) for f in self.fields]
        self.forms: SearchStrategy[tuple[FieldSpec, _Form]] = st.one_of(asked)

    def _partners(self, field: FieldSpec) -> list[_Term]:
        """Return the other fields that one can be compared with."""
        if not _is_plain(field):
            return []
        alike = _digits(field)
        others = (f for f in self.fields if f is not field and _is_plain(f))
        return [self.terms[f.name] for f in others if _digits(f) == alike]

    def _forms(self, field: FieldSpec) -> list[_Form]:
        """Return what can be asked of a field, the simplest first."""
        kind, found = field.storage.kind, list[_Form]()
        if kind not in (Kind.JSON, Kind.CUSTOM):
            found += [_simple, _simple, _listed]
            if self.is_ordered(field.storage):
                found.append(_ranged)
        found.append(_null_tested)
        if not _is_plain(field):
            return found
        if self.partners[field.name]:
            found.append(_paired)
        if kind is Kind.BOOLEAN:
            found.append(_bare)
        elif kind is Kind.TEXT:
            found += [_searched, _searched, _matched, _prolonged]
        elif self.signs(field):
            found.append(_computed)
        return found

    def operators(self, storage: Storage) -> list[str]:
        """Return the operators that mean the same in SQL and in Python."""
        return [*_EQUAL, *(_ORDER if self.is_ordered(storage) else ())]

    def is_ordered(self, storage: Storage) -> bool:
        """Whether engines agree with Python on the order of values."""
        if storage.kind is Kind.TEXT:
            return self.storable in _BY_CODE_POINT
        if is_number_as_text(storage, "sqlite"):
            return self.storable not in (True, False, "sqlite")
        return True

    def signs(self, field: FieldSpec) -> list[str]:
        """Return the arithmetic that nothing overflows in."""
        if field.storage.kind is Kind.INTEGER and _is_small(field):
            return list(_ARITHMETIC)
        if field.storage.kind is Kind.DECIMAL and cast("int", field.storage.precision) <= 12:
            return ["+", "-", "*"]
        return []

    def values(self, field: FieldSpec) -> SearchStrategy[Any]:
        """Return a strategy of values that a field can have."""
        drawn = fields(self.model, field.name, storable=self.storable)
        return drawn.filter(lambda value: value is not None)


def _is_plain(field: FieldSpec) -> bool:
    """Whether the column's values are those of the field, and how they compare is known."""
    return field.storage.codec is None and field.storage.kind not in (Kind.JSON, Kind.CUSTOM)


def _digits(field: FieldSpec) -> object:
    return (field.storage.kind, field.storage.precision, field.storage.scale)


@lru_cache(maxsize=256)
def _conditions_of(model: type[Model], storable: Storable, version: int) -> _Conditions:
    return _Conditions(model, storable)


# ---- drawing -----------------------------------------------------------------------------------


_DEPTH = 3
"""Operators around a comparison at most."""


@st.composite
def _trees(
    draw: DrawFn, conditions: _Conditions, near: tuple[Model, ...], depth: int
) -> _Condition:
    form = draw(st.sampled_from(["", "", "", "~", "&", "|"])) if depth else ""
    if not form:
        field, ask = draw(conditions.forms)
        return ask(_Drawing(draw, conditions, near, field))
    inner = _trees(conditions, near, depth - 1)
    if form == "~":
        return _opposite(draw(inner))
    return (_both if form == "&" else _either)(draw(inner), draw(inner))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    """One condition while it is drawn."""

    draw: DrawFn
    conditions: _Conditions
    near: tuple[Model, ...]
    field: FieldSpec

    @property
    def term(self) -> _Term:
        """The column."""
        return self.conditions.terms[self.field.name]

    def operator(self, storage: Storage | None = None) -> str:
        """Return a drawn operator."""
        return self.one_of(self.conditions.operators(storage or self.field.storage))

    def one_of(self, items: Sequence[T]) -> T:
        """Return a drawn item."""
        return self.draw(st.sampled_from(items))

    def value(self) -> Any:
        """Return a drawn value, often one of a row."""
        row = self.one_of([None, *self.near])
        found: Any = None if row is None else row.__dict__.get(self.field.name)
        if found is not None:
            return found
        return self.draw(self.conditions.values(self.field))


_Form: TypeAlias = Callable[[_Drawing], _Condition]


def _simple(at: _Drawing) -> _Condition:
    return _compared(at.term, at.operator(), at.value())


def _listed(at: _Drawing) -> _Condition:
    values = [at.value() if at.draw(_MOSTLY) else None for _ in range(at.one_of(range(5)))]
    return _member(at.term, values, at.draw(st.booleans()))


_MOSTLY = st.sampled_from([True, True, True, False])


def _ranged(at: _Drawing) -> _Condition:
    return _between(at.term, at.value(), at.value())


def _null_tested(at: _Drawing) -> _Condition:
    return _null(at.term, at.one_of(["is_null", "is_not_null", "== None", "!= None"]))


def _paired(at: _Drawing) -> _Condition:
    other = at.one_of(at.conditions.partners[at.field.name])
    return _compared_terms((at.term, other), at.operator())


def _bare(at: _Drawing) -> _Condition:
    return _Condition(at.term.node, at.term.value, at.term.code, closed=True)


def _searched(at: _Drawing) -> _Condition:
    return _contains(at.term, at.one_of(list(_CONTAINS)), _part(at))


def _matched(at: _Drawing) -> _Condition:
    method = at.one_of(["like", "ilike"] if at.conditions.storable == "sqlite" else ["like"])
    return _like(at.term, method, "".join(at.draw(_PIECES)) + escape_like(_part(at)))


def _part(at: _Drawing) -> str:
    """Return some text: characters that mean something somewhere, or what is part of a value."""
    if at.draw(st.booleans()):
        return at.draw(_SPECIAL_TEXTS)
    text: str = at.value()
    ends = st.integers(0, min(len(text), 40))
    return text[at.draw(ends) :][: at.draw(ends)]


def _prolonged(at: _Drawing) -> _Condition:
    """Compare a text joined to a column, so that it is sometimes equal."""
    text = at.draw(_SPECIAL_TEXTS)
    sought = f"{at.value()}{text}"
    joined = replace(
        at.term,
        node=at.term.node + text,
        value=lambda row: _plus(at.term.value(row), text),
        code=f"{at.term.code} + {literal(text)}",
    )
    return _compared(joined, at.one_of(list(_EQUAL)), sought)


def _computed(at: _Drawing) -> _Condition:
    sign = at.one_of(at.conditions.signs(at.field))
    computed = _calculated(at.term, sign, at.draw(st.integers(-9, 9)))
    return _compared(computed, at.one_of([*_EQUAL, *_ORDER]), at.value())


_SPECIAL = "aAbB%_\\[]*?^-é'\" "
"""Characters that mean something in a pattern of some engine, and some that do not."""


_SPECIAL_TEXTS = st.text(_SPECIAL, max_size=3)
_PIECES = st.lists(st.sampled_from(["%", "_", *map(escape_like, _SPECIAL)]), max_size=4)


# ---- columns -----------------------------------------------------------------------------------


def _column(model: type[Model], field: FieldSpec) -> _Term:
    name = field.name
    plain = _plain_of(field.storage)
    return _Term(
        getattr(model, name),
        lambda row: plain(getattr(row, name)),
        f"{model.__name__}.{name}",
        field.storage,
    )


def _plain_of(storage: Storage) -> Callable[[object], Any]:
    """Return the function from a field's value to what compares like the column's."""
    encode = storage.codec.encode if storage.codec else None

    def plain(value: object) -> Any:
        if value is None:
            return None
        kept = value if encode is None else encode(value)
        if storage.kind is Kind.FLOAT:
            # The greatest of all numbers.
            number = cast("float", kept)
            return (math.isnan(number), 0.0 if math.isnan(number) else number)
        if isinstance(kept, datetime):
            return kept.replace(fold=0) if kept.tzinfo is None else kept.astimezone(UTC)
        return kept

    return plain


_SMALL = 2**31


def _is_small(field: FieldSpec) -> bool:
    """Whether no sum or product with a small number leaves 64 bits."""
    bounds = {bound.kind: cast("int", bound.value) for bound in field.bounds}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return low is not None and high is not None and low >= -_SMALL and high <= _SMALL


# ---- conditions --------------------------------------------------------------------------------


def _strict(compare: _Compare, one: Any, two: Any) -> Truth:
    return None if one is None or two is None else bool(compare(one, two))


def _compared(term: _Term, sign: str, value: object) -> _Condition:
    compare, other = {**_EQUAL, **_ORDER}[sign], _plain_of(term.storage)(value)
    return _Condition(
        compare(term.node, value),
        lambda row: _strict(compare, term.value(row), other),
        f"{term.code} {sign} {literal(value)}",
    )


def _compared_terms(terms: Sequence[_Term], sign: str) -> _Condition:
    compare, (one, two) = {**_EQUAL, **_ORDER}[sign], terms
    return _Condition(
        compare(one.node, two.node),
        lambda row: _strict(compare, one.value(row), two.value(row)),
        f"{one.code} {sign} {two.code}",
    )


def _between(term: _Term, low: object, high: object) -> _Condition:
    plain = _plain_of(term.storage)
    ends = (plain(low), plain(high))

    def holds(row: Any) -> Truth:
        value = term.value(row)
        return None if value is None else bool(ends[0] <= value <= ends[1])

    code = f"{term.part}.between({literal(low)}, {literal(high)})"
    return _Condition(term.node.between(low, high), holds, code, closed=True)


def _member(term: _Term, values: list[object], negated: bool) -> _Condition:
    plain = _plain_of(term.storage)
    others = [plain(value) for value in values if value is not None]

    def holds(row: Any) -> Truth:
        value = term.value(row)
        if value is None:
            # None in a list means the rows without a value; without it they are unknown.
            if None in map(_only_none, values):
                return not negated
            return None if others else negated
        return (value in others) != negated

    method = "not_in" if negated else "in_"
    node = getattr(term.node, method)(values)
    return _Condition(node, holds, f"{term.part}.{method}({literal(values)})", closed=True)


def _only_none(value: object) -> object:
    # `in` compares, which some values refuse.
    return None if value is None else ()


def _null(term: _Term, form: str) -> _Condition:
    negated = form in ("is_not_null", "!= None")
    if form.startswith("is"):
        node, code = getattr(term.node, form)(), f"{term.part}.{form}()"
    else:
        node, code = _EQUAL[form[:2]](term.node, None), f"{term.code} {form}"
    return _Condition(
        node, lambda row: (term.value(row) is None) != negated, code, closed=form[0] == "i"
    )


_CONTAINS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def _contains(term: _Term, method: str, text: str) -> _Condition:
    return _Condition(
        getattr(term.node, method)(text),
        lambda row: _strict(_CONTAINS[method], term.value(row), text),
        f"{term.part}.{method}({literal(text)})",
        closed=True,
    )


def _like(term: _Term, method: str, pattern: str) -> _Condition:
    # SQLite's LIKE ignores the case of ASCII letters only, as Python's patterns do with re.ASCII.
    flags = re.DOTALL | (re.ASCII | re.IGNORECASE if method == "ilike" else 0)
    matches = re.compile(_regex(pattern), flags)
    return _Condition(
        getattr(term.node, method)(pattern),
        lambda row: _strict(lambda text, _: matches.fullmatch(text), term.value(row), pattern),
        f"{term.part}.{method}({literal(pattern)})",
        closed=True,
    )


def _regex(pattern: str) -> str:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)


# ---- computing ---------------------------------------------------------------------------------


def _plus(value: str | None, text: str) -> str | None:
    return None if value is None else value + text


_ARITHMETIC: Mapping[str, _Compare] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}


def _calculated(term: _Term, sign: str, number: int) -> _Term:
    def computed(row: Any) -> Any:
        one = term.value(row)
        if one is None or (sign == "%" and number == 0):
            return None
        return _remainder(one, number) if sign == "%" else _ARITHMETIC[sign](one, number)

    node = _ARITHMETIC[sign](term.node, number)
    return replace(term, node=node, value=computed, code=f"{term.code} {sign} {number}")


def _remainder(one: int, two: int) -> int:
    """Return the remainder that has the sign of the dividend, as in SQL."""
    found = abs(one) % abs(two)
    return found if one >= 0 else -found


# ---- combining ---------------------------------------------------------------------------------


def _opposite(inner: _Condition) -> _Condition:
    def holds(row: Any) -> Truth:
        value = inner.holds(row)
        return None if value is None else not value

    return _Condition(~inner.node, holds, f"~{inner.part}", closed=True)


def _both(one: _Condition, two: _Condition) -> _Condition:
    def holds(row: Any) -> Truth:
        values = (one.holds(row), two.holds(row))
        if False in values:
            return False
        return None if None in values else True

    return _Condition(one.node & two.node, holds, f"{one.part} & {two.part}")


def _either(one: _Condition, two: _Condition) -> _Condition:
    def holds(row: Any) -> Truth:
        values = (one.holds(row), two.holds(row))
        if True in values:
            return True
        return None if None in values else False

    return _Condition(one.node | two.node, holds, f"{one.part} | {two.part}")
