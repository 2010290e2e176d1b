"""Build every constraint of the model that SQL can express, as each engine needs it.

A constraint that the engine enforces by its column type (length and precision on PostgreSQL) is not
repeated as a CHECK there; where types enforce less, it is.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.schema.columns import Stored, is_number_as_text
from andamios_orm.schema.decimal_bounds import Comparison, comparable, within
from andamios_orm.schema.representations import mysql
from andamios_orm.schema.spec import Bound, FieldSpec, Kind, ModelSpec

__all__ = ["checks_of", "is_set_by_key"]


def checks_of(
    spec: ModelSpec, columns: Mapping[str, sa.Column[Any]]
) -> Iterator[sa.CheckConstraint]:
    """Yield the CHECK constraints of a table, those of single engines under their condition."""
    for field in spec.fields:
        column = columns[field.name]
        for bound in field.bounds:
            yield from _bound_checks(field, column, bound)
        yield from _exactness_checks(field, column)
        for name, condition in _sqlite_checks(field, column):
            yield _named(field, column, name, condition, "sqlite")


def _named(
    field: FieldSpec,
    column: sa.Column[Any],
    name: str,
    condition: ColumnElement[bool],
    *engines: str,
) -> sa.CheckConstraint:
    """Return the CHECK, of all tables or only of those on some engines.

    MariaDB (1901) and MySQL (3823) take none of a column that is set by a foreign key.
    """
    check = sa.CheckConstraint(condition, name=f"{field.column}_{name}")
    without = _MYSQL if is_set_by_key(column) else ()
    return check.ddl_if(callable_=_holds_on(engines, without)) if engines or without else check


def is_set_by_key(column: sa.Column[Any]) -> bool:
    """Whether a foreign key changes the column when the row that it refers to is changed or gone.

    >>> key = sa.ForeignKey("team.id", ondelete="SET NULL")
    >>> is_set_by_key(sa.Column("team_id", sa.Integer(), key))
    True
    """
    return any(
        (key.ondelete or "").upper() in _SETTING
        or (key.onupdate or "").upper() in (*_SETTING, "CASCADE")
        for key in column.foreign_keys
    )


_SETTING = ("SET NULL", "SET DEFAULT")


def _holds_on(engines: tuple[str, ...], without: tuple[str, ...]) -> Callable[..., bool]:
    def holds(*args: object, dialect: sa.Dialect, **kw: object) -> bool:
        return dialect.name not in without and (not engines or dialect.name in engines)

    return holds


_MYSQL = ("mariadb", "mysql")


def _bound_checks(
    field: FieldSpec, column: sa.Column[Any], bound: Bound
) -> Iterator[sa.CheckConstraint]:
    if bound.kind == "one_of":
        yield _named(field, column, "one_of", column.in_(cast("tuple[object, ...]", bound.value)))
    elif bound.kind == "min_length":
        yield _named(field, column, bound.kind, _Length(column, field.storage.kind) >= bound.value)
    elif bound.kind == "max_length":
        yield from _max_length_check(field, column, bound)
    elif field.storage.kind is Kind.DECIMAL:
        yield _named(field, column, bound.kind, _compared(column, bound), "postgresql")
        for engines, digits, places in (("duckdb",), 38, 38), (_MYSQL, 65, 30):
            exact = _decimal_bound(field, column, bound, digits, places, engines)
            if exact is not None:
                yield _named(field, column, bound.kind, exact, *engines)
        on_sqlite = _sqlite_decimal_bound(field, column, bound)
        yield _named(field, column, bound.kind, on_sqlite, "sqlite")
    else:
        yield _named(field, column, bound.kind, _compared(column, bound))


def _decimal_bound(
    field: FieldSpec,
    column: sa.Column[Any],
    bound: Bound,
    digits: int,
    places: int,
    engines: tuple[str, ...],
) -> ColumnElement[bool] | None:
    """Return a bound as an engine of so many digits compares it exactly; None for no bound."""
    # MariaDB's remainder of a negative decimal can be -0.00, which it finds different from 0.
    absolute = bound.kind == "multiple_of" and engines == _MYSQL
    left: ColumnElement[Any] = sa.func.abs(column) if absolute else column
    size = cast("int", field.storage.precision), cast("int", field.storage.scale)
    value = Decimal(str(bound.value))
    if size[0] > digits or comparable(value, digits, places, *size):
        return _compared(left, bound)
    told = within(cast("Comparison", bound.kind), value, *size)
    if isinstance(told, tuple):
        kind, number = told
        return _compared(left, replace(bound, kind=kind, value=number))
    if told == "only zero":
        return column == 0
    # NULL is allowed by any bound.
    return column.is_(None) if told == "none" else None


def _max_length_check(
    field: FieldSpec, column: sa.Column[Any], bound: Bound
) -> Iterator[sa.CheckConstraint]:
    engines = ["duckdb", "sqlite"]
    if field.storage.kind is Kind.BYTES:
        engines.append("postgresql")
    if not mysql.enforces_length(field.storage, limit=cast("Stored", column.type).limit):
        engines += _MYSQL
    condition = _Length(column, field.storage.kind) <= bound.value
    yield _named(field, column, bound.kind, condition, *engines)


_LARGEST = sys.float_info.max


def _exactness_checks(field: FieldSpec, column: sa.Column[Any]) -> Iterator[sa.CheckConstraint]:
    """Yield what keeps out values that come back as another one, or that the model refuses."""
    kind = field.storage.kind
    if kind is Kind.FLOAT and field.storage.finite:
        # NaN is no number on SQLite, which makes NULL of it, and the greatest one elsewhere.
        double: ColumnElement[Any] = sa.type_coerce(column, sa.Double())
        finite = double.between(sa.literal(-_LARGEST), sa.literal(_LARGEST))
        yield _named(field, column, "finite", finite, "duckdb", "postgresql", "sqlite")
    elif kind in (Kind.DATE, Kind.DATETIME, Kind.NAIVE_DATETIME):
        # Drivers turn the database's infinity into the last day of the calendar.
        dated = sa.func.isfinite(column, type_=sa.Boolean())
        yield _named(field, column, "finite", dated, "duckdb", "postgresql")
    elif kind is Kind.BOOLEAN:
        number: ColumnElement[Any] = sa.type_coerce(column, sa.Integer())
        yield _named(field, column, "boolean", number.in_((0, 1)), "sqlite", *_MYSQL)
    elif kind is Kind.JSON:
        text = sa.type_coerce(column, sa.Text())
        yield _named(field, column, "json", sa.func.json_valid(text, type_=sa.Boolean()), *_MYSQL)


class _Length(FunctionElement[int]):
    """How many characters or bytes a value has; engines count them under different names."""

    inherit_cache = True
    type = sa.Integer()

    def __init__(self, column: sa.Column[Any], kind: Kind) -> None:
        super().__init__(column)
        self.kind = kind


@compiles(_Length)
def _render_length(element: _Length, compiler: SQLCompiler, **kw: Any) -> str:
    return f"length({compiler.process(element.clauses, **kw)})"


@compiles(_Length, "mariadb", "mysql")
def _render_mysql_length(element: _Length, compiler: SQLCompiler, **kw: Any) -> str:
    name = "char_length" if element.kind is Kind.TEXT else "length"
    return f"{name}({compiler.process(element.clauses, **kw)})"


@compiles(_Length, "duckdb")
def _render_duckdb_length(element: _Length, compiler: SQLCompiler, **kw: Any) -> str:
    name = "length" if element.kind is Kind.TEXT else "octet_length"
    return f"{name}({compiler.process(element.clauses, **kw)})"


_COMPARE: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}

_DIGIT = "[0-9]"
_DATE = f"{_DIGIT * 4}-{_DIGIT * 2}-{_DIGIT * 2}"
_TIME = f"{_DIGIT * 2}:{_DIGIT * 2}:{_DIGIT * 2}.{_DIGIT * 6}"
_HEX = "[0-9a-f]"
_SQLITE_SHAPES = {
    Kind.DATE: _DATE,
    Kind.TIME: _TIME,
    Kind.DATETIME: f"{_DATE} {_TIME}+00:00",
    Kind.NAIVE_DATETIME: f"{_DATE} {_TIME}",
    Kind.UUID: "-".join(_HEX * n for n in (8, 4, 4, 4, 12)),
}


def _compared(column: ColumnElement[Any], bound: Bound) -> ColumnElement[bool]:
    if bound.kind == "multiple_of":
        return column % bound.value == 0
    return _COMPARE[bound.kind](column, bound.value)


def _sqlite_decimal_bound(
    field: FieldSpec, column: sa.Column[Any], bound: Bound
) -> ColumnElement[bool]:
    value = Decimal(str(bound.value))
    if is_number_as_text(field.storage, "sqlite"):
        return _sqlite_text_bound(field, column, bound, value)
    number = sa.type_coerce(column, sa.REAL)
    if bound.kind == "multiple_of":
        # SQLite's % is for whole numbers: count in units of the last place of either.
        places = max(cast("int", field.storage.scale), _places(value))
        whole = sa.cast(sa.func.round(number * 10**places), sa.Integer)
        return whole % int(value.scaleb(places)) == 0
    return _COMPARE[bound.kind](number, sa.literal(float(value), sa.REAL))


def _sqlite_text_bound(
    field: FieldSpec, column: sa.Column[Any], bound: Bound, value: Decimal
) -> ColumnElement[bool]:
    """A bound on a number kept as text: as sharp as a double is, and never too sharp."""
    number = sa.cast(column, sa.REAL)
    if bound.kind == "multiple_of":
        places = _places(value)
        units = number * 10**places
        whole = sa.func.round(units)
        fits = sa.and_(
            sa.func.abs(units - whole) < sa.literal(1e-6, sa.REAL),
            sa.cast(whole, sa.Integer) % int(value.scaleb(places)) == 0,
        )
        # Beyond that a double no longer tells the units apart.
        return sa.or_(sa.func.abs(units) >= sa.literal(1e9, sa.REAL), fits)
    limit = sa.literal(float(value), sa.REAL)
    if bound.kind in ("ge", "le"):
        return _COMPARE[bound.kind](number, limit)
    # One text per number: the limit itself is told apart exactly.
    loose = _COMPARE[{"gt": "ge", "lt": "le"}[bound.kind]](number, limit)
    exact = f"{value:.{field.storage.scale}f}"
    if Decimal(exact) != value:
        return loose
    return sa.and_(loose, sa.type_coerce(column, sa.Text()) != exact)


def _places(value: Decimal) -> int:
    return max(0, -cast("int", value.as_tuple().exponent))


def _sqlite_checks(
    field: FieldSpec, column: sa.Column[Any]
) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Yield what a strict SQLite table cannot say with a storage class alone."""
    storage = field.storage
    plain: ColumnElement[Any] = sa.type_coerce(column, sa.Text())
    if storage.kind is Kind.JSON:
        valid = sa.func.json_valid(plain) == sa.literal(1)
        # Before SQLite 3.45 NULL is no valid JSON, where SQL would say NULL.
        yield "json", sa.or_(plain.is_(None), valid) if field.nullable else valid
    elif storage.kind in _SQLITE_SHAPES:
        yield storage.kind.replace(" ", "_"), plain.op("GLOB")(_SQLITE_SHAPES[storage.kind])
    elif storage.kind is Kind.DECIMAL:
        yield "digits", _sqlite_digits(field, column)


def _sqlite_digits(field: FieldSpec, column: sa.Column[Any]) -> ColumnElement[bool]:
    precision, scale = cast("int", field.storage.precision), cast("int", field.storage.scale)
    if not is_number_as_text(field.storage, "sqlite"):
        number = sa.type_coerce(column, sa.REAL)
        return sa.and_(
            sa.func.abs(number) < sa.literal(float(10 ** (precision - scale)), sa.REAL),
            sa.func.round(number, scale) == number,
        )
    text = sa.type_coerce(column, sa.Text())
    digits = sa.func.replace(sa.func.ltrim(text, "-"), ".", "")
    point = sa.func.length(text) - sa.func.instr(text, ".") == scale
    whole = precision - scale
    return sa.and_(
        digits.op("NOT GLOB")("*[^0-9]*"),
        # Without digits before the point there is a 0, which is none of them.
        sa.func.length(digits) <= precision + (0 if whole else 1),
        point if scale else text.op("NOT GLOB")("*.*"),
        *([] if whole else [sa.func.ltrim(text, "-").op("GLOB")("0.*")]),
    )
