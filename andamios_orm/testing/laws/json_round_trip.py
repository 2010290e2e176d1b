"""`json_roundtrip`: a row that was read survives JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel, ConfigDict, Secret, SecretBytes, SecretStr, TypeAdapter
from pydantic_core import from_json, to_json

from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.comparing import difference
from andamios_orm.testing.laws.drawing import few_rows_of
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.strategies.graphs import Graph

__all__ = ["json_roundtrip"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    return st.tuples(few_rows_of(*playground.models, storable=playground.engine))


async def _holds(playground: Playground, rows: list[Model]) -> None:
    db = of_somebody(playground)
    await Graph(tuple(rows)).store(db)
    for model in dict.fromkeys(map(type, rows)):
        found: list[Model] = await Repository(model, db).all()
        for row in found:
            _require_survives(row)


def _require_survives(row: Model) -> None:
    left_out = _left_out(row)
    if not left_out:
        text = row.model_dump_json(by_alias=False, round_trip=True)
        again = type(row).model_validate_json(text, by_alias=False, by_name=True)
        _require_same(type(row).__name__, row, again)
        return
    # The others are read one by one, as a row without these fields is none.
    text = row.model_dump_json(exclude=left_out, by_alias=False, round_trip=True)
    for name, shown in from_json(text).items():
        field = spec_of(type(row)).by_name[name]
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", field.annotation))
        back = adapter.validate_json(to_json(shown), by_alias=False, by_name=True)
        _require_same(f"{type(row).__name__}.{name}", getattr(row, name), back)


def _require_same(what: str, value: object, back: object) -> None:
    if (found := difference(value, back)) is not None:
        raise Broken(
            f"{what}{found.where} is another one after JSON", expected=found.one, found=found.other
        )


def _left_out(row: Model) -> set[str]:
    """Return the fields whose value JSON does not show, or not all of it."""
    fields = type(row).__pydantic_fields__
    return {
        name
        for name, value in row.__dict__.items()
        if name in fields and (fields[name].exclude or _is_lossy(value, type(row).model_config))
    }


def _is_lossy(value: object, config: ConfigDict) -> bool:
    """Whether pydantic hides the value in JSON, or has no JSON for it with this configuration."""
    if isinstance(value, Secret | SecretStr | SecretBytes):
        return True
    if isinstance(value, float):
        return not math.isfinite(value) and config.get("ser_json_inf_nan", "null") == "null"
    if isinstance(value, bytes):
        return not _is_text(value) and config.get("ser_json_bytes", "utf8") == "utf8"
    if isinstance(value, BaseModel):
        fields, own = type(value).__pydantic_fields__, type(value).model_config
        excluded = any(info.exclude for info in fields.values())
        return excluded or any(_is_lossy(item, own) for item in value.__dict__.values())
    if isinstance(value, Mapping):
        return any(_is_lossy(item, config) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(_is_lossy(item, config) for item in value)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return any(_is_lossy(getattr(value, name), config) for name in names)
    return False


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


json_roundtrip = Law(
    name="json_roundtrip",
    statement=("A row that is read is the same after `model_dump_json` and `model_validate_json`."),
    examples=_examples,
    holds=_holds,
)
