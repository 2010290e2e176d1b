"""Turn a driver's rows into validated models.

The function that names the columns is generated once per model and engine, so that nothing is
looked up by name per row; pydantic-core does the rest in one call for all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from sqlalchemy.engine import Dialect

from andamios_orm.errors import InvalidRow
from andamios_orm.rows.encode import refusals
from andamios_orm.rows.plan import Row
from andamios_orm.rows.validator import rows_validator
from andamios_orm.schema.columns import Stored, parses_json
from andamios_orm.schema.representations.base import Expression
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import ModelSpec

__all__ = ["REFUSALS", "Loads", "judged", "loads_of", "model_decoder", "nothing", "scalar"]

M = TypeVar("M", bound=BaseModel)

Names = Callable[[Sequence[Row]], list[dict[str, object]]]


def model_decoder(
    spec: ModelSpec, table: sa.Table, dialect: Dialect
) -> Callable[[Sequence[Row]], list[BaseModel]]:
    """Return the function from rows, in the order of the spec's fields, to instances.

    It raises InvalidRow for the first row that the model refuses.
    """
    loads = loads_of(spec, table, dialect)
    validator = rows_validator(spec, json_is_text=not parses_json(dialect))
    inline = {name: load for name, load in loads.items() if name not in validator.parses}
    name_columns = _name_columns(spec, inline)
    validate = validator.validate

    def decode(rows: Sequence[Row]) -> list[BaseModel]:
        try:
            return validate(name_columns(rows))
        except REFUSALS:
            for row in rows:
                _check(spec, loads, row)
            raise InvalidRow(
                f"a validator of {spec.name} refused a stored row, and took it the second time",
                "let validators depend on the value alone",
                model=spec.model,
                key=None,
                fields={},
            ) from None

    return decode


REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError)
"""What a validator, and a user's decode function, may raise for a value it does not take."""


def scalar(rows: Sequence[Row]) -> int:
    """Return the only value of the only row, 0 where there is no row."""
    return cast("int", rows[0][0]) if rows else 0


def nothing(rows: Sequence[Row]) -> None:
    """For statements that give nothing back."""


Loads = Mapping[str, Callable[[Any], object]]
"""By field: driver value → something pydantic reads; fields without one are read as they are."""


def loads_of(spec: ModelSpec, table: sa.Table, dialect: Dialect) -> Loads:
    """Return how the values of a row are read, before the model looks at them."""
    found: dict[str, Callable[[Any], object]] = {}
    for field in spec.fields:
        column_type = cast("Stored", table.c[field.column].type)
        load = column_type.load_processor(dialect, python_value=field.raw_validators)
        if load is not None:
            found[field.name] = load
    return found


def _name_columns(spec: ModelSpec, loads: Loads) -> Names:
    """Return the generated function from rows to dicts by field name."""
    scope: dict[str, object] = {}
    cells: list[str] = []
    for number, field in enumerate(spec.fields):
        cell = f"c{number}"
        load = loads.get(field.name)
        if isinstance(load, Expression):
            cell = load.inline(cell, number, scope)
        elif load is not None:
            scope[f"load{number}"] = load
            cell = f"load{number}({cell})"
        cells.append(f"{field.name!r}: {cell}")
    targets = "".join(f"c{number}, " for number in range(len(spec.fields)))
    source = f"lambda rows: [{{{', '.join(cells)}}} for {targets}in rows]"
    # A dict display is twice as fast as dict(zip(...)). The only foreign text in it are field
    # names, as literals; expressions are the library's own.
    return cast("Names", eval(source, scope))  # noqa: S307 - built above from literals


_SECRET = "(secret)"  # noqa: S105 - what is shown instead of one


def judged(spec: ModelSpec, loads: Loads, row: Row) -> tuple[dict[str, object], dict[str, str]]:
    """Return the values that could be read, and the kind of failure by field, without values.

    There is no failure if the model takes the row.
    """
    values: dict[str, object] = {}
    fields: dict[str, str] = {}
    for field, value in zip(spec.fields, row, strict=True):
        try:
            load = loads.get(field.name)
            values[field.name] = value if load is None else load(value)
        except ValidationError as error:
            inner = refusals(error, spec.model)
            fields |= {f"{field.name}.{path}": kind for path, kind in inner.items()}
        except REFUSALS as error:
            fields[field.name] = type(error).__name__
    if not fields:
        try:
            spec.model.__pydantic_validator__.validate_python(
                values, strict=False, by_alias=False, by_name=True
            )
        except ValidationError as error:
            fields = refusals(error, spec.model)
    return values, fields


def _check(spec: ModelSpec, loads: Loads, row: Row) -> None:
    """Raise InvalidRow if the model refuses the row, without the row's values."""
    values, fields = judged(spec, loads, row)
    if not fields:
        return
    key = tuple(_SECRET if is_secret(f) else values.get(f.name) for f in spec.primary_key)
    shown = ", ".join(f"{name} ({kind})" for name, kind in fields.items())
    raise InvalidRow(
        f"the stored row of {spec.name} with the primary key"
        f" {', '.join(str(part) for part in key)} does not fit its model: {shown}",
        "correct the row in the database, or widen the model",
        model=spec.model,
        key=key,
        fields=fields,
    ) from None
