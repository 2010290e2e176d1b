"""Turn a driver's rows into validated models.

The function that names the columns is generated once per model and engine, so that nothing is
looked up by name per row; pydantic-core does the rest in one call for all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from sqlalchemy.engine import Dialect

from andamios_orm.errors import InvalidRow
from andamios_orm.rows.encode import refusals
from andamios_orm.rows.plan import Row
from andamios_orm.rows.validator import RowsValidator, rows_validator
from andamios_orm.schema.columns import Stored, parses_json
from andamios_orm.schema.representations.base import Expression
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import ModelSpec

__all__ = ["REFUSALS", "Loads", "judged", "loads_of", "model_decoder", "nothing", "scalar"]

M = TypeVar("M", bound=BaseModel)


def model_decoder(
    spec: ModelSpec, table: sa.Table, dialect: Dialect
) -> Callable[[Sequence[Row]], list[BaseModel]]:
    """Return the function from rows, in the order of the spec's fields, to instances.

    It raises InvalidRow for the first row that the model refuses.
    """
    loads = loads_of(spec, table, dialect)
    validator = rows_validator(spec, json_is_text=not parses_json(dialect))
    inline = {name: load for name, load in loads.items() if name not in validator.parses}

    def refused(rows: Sequence[Row]) -> NoReturn:
        for row in rows:
            _check(spec, loads, row)
        raise InvalidRow(
            f"a validator of {spec.name} refused a stored row, and took it the second time",
            "let validators depend on the value alone",
            model=spec.model,
            key=None,
            fields={},
        ) from None

    return _decoder(spec, inline, validator, refused)


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


def _decoder(
    spec: ModelSpec,
    loads: Loads,
    validator: RowsValidator,
    refused: Callable[[Sequence[Row]], NoReturn],
) -> Callable[[Sequence[Row]], list[BaseModel]]:
    """Return the generated function from rows to instances."""
    scope: dict[str, object] = {
        "REFUSALS": REFUSALS,
        "refused": refused,
        "validate": validator.validate,
        "validate_fitting": validator.validate_fitting,
        "Unfit": _Unfit,
        "unfit": _unfit,
    }
    cells: list[tuple[str, str]] = []
    fitting: dict[str, str] = {}
    for number, field in enumerate(spec.fields):
        cell = f"c{number}"
        load = loads.get(field.name)
        if isinstance(load, Expression):
            cell = load.inline(cell, number, scope)
        elif load is not None:
            scope[f"load{number}"] = load
            cell = f"load{number}({cell})"
        if (proof := validator.fitting.get(field.name)) is not None:
            value = f"value{number}"
            fits = proof.inline(value, number, scope)
            fitting[field.name] = (
                f"{value} if ({value} := {cell}) is {value} and {fits} else unfit()"
            )
        cells.append((field.name, cell))
    targets = "".join(f"c{number}, " for number in range(len(spec.fields)))

    def named(cells: Iterable[tuple[str, str]]) -> str:
        # A dict display is twice as fast as dict(zip(...)).
        shown = ", ".join(f"{name!r}: {cell}" for name, cell in cells)
        return f"[{{{shown}}} for {targets}in rows]"

    lean = named((name, fitting.get(name, cell)) for name, cell in cells)
    lines = ["def decode(rows):", "    try:"]
    if fitting:
        lines += [
            "        try:",
            f"            return validate_fitting({lean})",
            "        except Unfit:",
            "            pass",
        ]
    lines += [
        f"        return validate({named(cells)})",
        "    except REFUSALS:",
        "        refused(rows)",
    ]
    # The only foreign text in it are field names, as literals; expressions are the library's own.
    exec("\n".join(lines), scope)  # noqa: S102 - built above from literals
    return cast("Callable[[Sequence[Row]], list[BaseModel]]", scope["decode"])


class _Unfit(Exception):
    """A number may have more digits than its field takes."""


def _unfit() -> NoReturn:
    raise _Unfit


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
