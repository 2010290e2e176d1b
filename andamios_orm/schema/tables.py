"""Build the SQLAlchemy table of a description: columns, keys, indexes, and every constraint of
the model that SQL can express.

A constraint the engine enforces by its column type (length and precision on PostgreSQL) is not
repeated as a CHECK there; on SQLite, whose types enforce nothing but the storage class, it is.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.errors import DeclarationError
from andamios_orm.schema.columns import Stored, is_ordered_text
from andamios_orm.schema.spec import Bound, FieldSpec, Kind, ModelSpec

__all__ = ["build_table"]


def build_table(
    spec: ModelSpec, metadata: sa.MetaData, foreign_keys: Mapping[str, str]
) -> sa.Table:
    """Return the table of `spec`, added to `metadata`.

    `foreign_keys` gives the column path (`"schema.table.column"`) that each foreign key field
    points at. Names of constraints come from the MetaData's naming convention.
    """
    args, options = _table_args(spec)
    columns = {f.name: _column(spec.name, f, foreign_keys.get(f.name)) for f in spec.fields}
    table = sa.Table(
        spec.table,
        metadata,
        *columns.values(),
        *(
            sa.UniqueConstraint(columns[f.name])
            for f in spec.fields
            if f.unique and not f.primary_key
        ),
        *_checks(spec, columns),
        *args,
        **{
            "schema": spec.schema,
            "comment": None,
            "sqlite_strict": True,
            # Without it SQLite gives the id of a deleted last row to the next one.
            "sqlite_autoincrement": any(_is_counted(f) for f in spec.fields),
            **options,
        },
    )
    for field in spec.fields:
        if field.index and not field.unique:
            sa.Index(None, columns[field.name])
    sa.event.listen(table, "before_create", _inline_foreign_keys)
    return table


def _inline_foreign_keys(table: sa.Table, *args: object, **kw: object) -> None:
    """Undo what creating the table on another engine left behind.

    Where tables refer to each other, SQLAlchemy adds the foreign keys with ALTER and marks them,
    for good, as not part of CREATE TABLE. SQLite has no ALTER for them, so it would get none.
    """
    for key in table.foreign_key_constraints:
        key._create_rule = None  # noqa: SLF001 - the mark has no public name


def _table_args(spec: ModelSpec) -> tuple[list[sa.schema.SchemaItem], dict[str, Any]]:
    items, options = list(spec.table_args), cast("dict[str, Any]", {})
    if items and isinstance(items[-1], dict):
        options = cast("dict[str, Any]", items.pop())
    for item in items:
        if not isinstance(item, sa.schema.SchemaItem):
            raise DeclarationError(
                f"{spec.name}.__table_args__ holds a {type(item).__name__}",
                "use SQLAlchemy's constraints and indexes, and one dict of table options at the"
                " end",
            )
    # A constraint belongs to one table; a mixin's are shared by all its subclasses.
    return [copy.deepcopy(cast("sa.schema.SchemaItem", item)) for item in items], options


def _is_counted(field: FieldSpec) -> bool:
    return field.generated and field.server_default is None


def _column(model: str, field: FieldSpec, target: str | None) -> sa.Column[Any]:
    column_type = Stored(field.storage, field.annotation, field=f"{model}.{field.name}")
    args: list[sa.schema.SchemaItem] = []
    if _is_counted(field):
        args.append(sa.Identity())
    if target is not None:
        on_delete = field.foreign_key.on_delete if field.foreign_key else None
        args.append(sa.ForeignKey(target, ondelete=on_delete))
    return sa.Column(
        field.column,
        column_type,
        *args,
        primary_key=field.primary_key,
        nullable=field.nullable,
        autoincrement=_is_counted(field),
        server_default=_server_default(field, column_type),
        comment=field.comment,
    )


def _server_default(field: FieldSpec, column_type: Stored) -> Any:
    default = field.server_default
    if default is None or isinstance(default, str | sa.FetchedValue):
        return default
    if isinstance(default, _NOW) and field.storage.kind in _CURRENT:
        return _Current(field.storage.kind)
    if isinstance(default, sa.sql.expression.ClauseElement):
        return default
    if field.storage.kind is Kind.DECIMAL:
        # 0.1 means the decimal number that is written there, not the double next to it.
        default = Decimal(str(default))
    return sa.literal(default, column_type)


# ---- the current time, in the form the column keeps --------------------------------------------

_NOW = (type(sa.func.now()), type(sa.func.current_timestamp()))


class _Current(FunctionElement[Any]):
    """The current instant, or what a UTC calendar and clock show: the one clock servers share."""

    inherit_cache = True

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind


_CURRENT = {
    Kind.DATETIME: "now()",
    Kind.NAIVE_DATETIME: "(now() AT TIME ZONE 'UTC')",
    Kind.DATE: "(now() AT TIME ZONE 'UTC')",
    Kind.TIME: "(now() AT TIME ZONE 'UTC')",
}
# The text that a bound value becomes. SQLite's clock has milliseconds, hence the three zeros up
# to the microsecond.
_SQLITE_CURRENT = {
    Kind.DATETIME: "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')",
    Kind.NAIVE_DATETIME: "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    Kind.DATE: "(date('now'))",
    Kind.TIME: "(strftime('%H:%M:%f', 'now') || '000')",
}


@compiles(_Current)
def _render_current(element: _Current, compiler: SQLCompiler, **kw: object) -> str:
    return _CURRENT[element.kind]


@compiles(_Current, "sqlite")
def _render_sqlite_current(element: _Current, compiler: SQLCompiler, **kw: object) -> str:
    return _SQLITE_CURRENT[element.kind]


# ---- checks ------------------------------------------------------------------------------------

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


def _checks(spec: ModelSpec, columns: Mapping[str, sa.Column[Any]]) -> Iterator[sa.CheckConstraint]:
    for field in spec.fields:
        column = columns[field.name]
        for bound in field.bounds:
            yield from _bound_checks(field, column, bound)
        for name, condition in _sqlite_checks(field, column):
            yield _named(field, name, condition).ddl_if(dialect="sqlite")


def _named(field: FieldSpec, name: str, condition: ColumnElement[bool]) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=f"{field.column}_{name}")


def _bound_checks(
    field: FieldSpec, column: sa.Column[Any], bound: Bound
) -> Iterator[sa.CheckConstraint]:
    if bound.kind == "one_of":
        yield _named(field, "one_of", column.in_(cast("tuple[object, ...]", bound.value)))
    elif bound.kind == "min_length":
        yield _named(field, bound.kind, sa.func.length(column) >= bound.value)
    elif bound.kind == "max_length":
        check = _named(field, bound.kind, sa.func.length(column) <= bound.value)
        # VARCHAR(n) says it on PostgreSQL.
        yield check.ddl_if(dialect="sqlite") if field.storage.kind is Kind.TEXT else check
    elif field.storage.kind is Kind.DECIMAL:
        yield _named(field, bound.kind, _compared(column, bound)).ddl_if(callable_=_not_sqlite)
        on_sqlite = _sqlite_decimal_bound(field, column, bound)
        yield _named(field, bound.kind, on_sqlite).ddl_if(dialect="sqlite")
    else:
        yield _named(field, bound.kind, _compared(column, bound))


def _compared(column: ColumnElement[Any], bound: Bound) -> ColumnElement[bool]:
    if bound.kind == "multiple_of":
        return column % bound.value == 0
    return _COMPARE[bound.kind](column, bound.value)


def _not_sqlite(*args: object, dialect: sa.Dialect, **kw: object) -> bool:
    return dialect.name != "sqlite"


def _sqlite_decimal_bound(
    field: FieldSpec, column: sa.Column[Any], bound: Bound
) -> ColumnElement[bool]:
    value = Decimal(str(bound.value))
    if is_ordered_text(field.storage, "sqlite"):
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
    return sa.and_(loose, sa.type_coerce(column, sa.Text()) != exact)


def _places(value: Decimal) -> int:
    return max(0, -cast("int", value.as_tuple().exponent))


def _sqlite_checks(
    field: FieldSpec, column: sa.Column[Any]
) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Yield what a strict SQLite table cannot say with a storage class alone."""
    storage = field.storage
    plain: ColumnElement[Any] = sa.type_coerce(column, sa.Text())
    if storage.kind is Kind.BOOLEAN:
        yield "boolean", sa.type_coerce(column, sa.Integer).in_((0, 1))
    elif storage.kind is Kind.JSON:
        valid = sa.func.json_valid(plain) == sa.literal(1)
        # Before SQLite 3.45 NULL is no valid JSON, where SQL would say NULL.
        yield "json", sa.or_(plain.is_(None), valid) if field.nullable else valid
    elif storage.kind in _SQLITE_SHAPES:
        yield storage.kind.replace(" ", "_"), plain.op("GLOB")(_SQLITE_SHAPES[storage.kind])
    elif storage.kind is Kind.DECIMAL:
        yield "digits", _sqlite_digits(field, column)


def _sqlite_digits(field: FieldSpec, column: sa.Column[Any]) -> ColumnElement[bool]:
    precision, scale = cast("int", field.storage.precision), cast("int", field.storage.scale)
    if not is_ordered_text(field.storage, "sqlite"):
        number = sa.type_coerce(column, sa.REAL)
        return sa.and_(
            sa.func.abs(number) < sa.literal(float(10 ** (precision - scale)), sa.REAL),
            sa.func.round(number, scale) == number,
        )
    text = sa.type_coerce(column, sa.Text())
    digits = sa.func.replace(sa.func.ltrim(text, "-"), ".", "")
    point = sa.func.length(text) - sa.func.instr(text, ".") == scale
    return sa.and_(
        digits.op("NOT GLOB")("*[^0-9]*"),
        sa.func.length(digits) <= precision + (1 if precision == scale else 0),
        point if scale else text.op("NOT GLOB")("*.*"),
    )
