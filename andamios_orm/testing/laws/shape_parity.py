"""The law that all ways to read rows read the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import BaseModel, ConfigDict, create_model

from andamios_orm.models.base import Model
from andamios_orm.models.variants import Public
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.comparing import same
from andamios_orm.testing.laws.drawing import in_order_of_keys, rows_of
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import key_of, key_to_get, same_row, store
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["shape_parity"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    models = in_order_of_keys(playground)

    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(models))
        rows = draw(rows_of(playground, model))
        names = [field.name for field in spec_of(model).fields]
        return model, rows, draw(st.lists(st.sampled_from(names), min_size=1, unique=True))

    return examples()


async def _holds(
    playground: Playground, model: type[Model], rows: Sequence[Model], names: Sequence[str]
) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    repository = Repository(model, db)
    key: list[Any] = [getattr(model, f.name) for f in spec_of(model).primary_key]
    query = repository.order_by(*key)
    there = await query.all()
    if (count := await repository.count()) != len(there):
        raise Broken(f"{model.__name__}: count()", expected=len(there), found=count)
    got = [await repository.get(key_to_get(model, key_of(row))) for row in there]
    _require_rows(f"{model.__name__}: get() of each", there, got)
    _require_rows(
        f"{model.__name__}: stream()", there, [row async for row in query.stream(batch=2)]
    )
    shaped = await query.into(_shape(model, names)).all()
    for row, shape in zip(there, shaped, strict=True):
        _require_values(f"{model.__name__}: into() {', '.join(names)}", names, row, shape)
    public: Any = Public[model]  # type: ignore[valid-type, misc] # found as the program runs
    shown = [name for name in public.model_fields if name in spec_of(model).by_name]
    if shown:  # there may be nothing but secrets
        for row, shape in zip(there, await query.into(public).all(), strict=True):
            _require_values(f"{model.__name__}: into() Public", shown, row, shape)
    attrs: list[Any] = [getattr(model, name) for name in names]
    for row, values in zip(there, await query.select(*attrs), strict=True):
        found = values if len(names) > 1 else (values,)
        expected = tuple(getattr(row, name) for name in names)
        if not same(expected, tuple(found)):
            raise Broken(
                f"{model.__name__}: select() {', '.join(names)}", expected=expected, found=found
            )


def _shape(model: type[Model], names: Sequence[str]) -> type[BaseModel]:
    by_name = spec_of(model).by_name
    fields: dict[str, Any] = {name: (by_name[name].annotation, ...) for name in names}
    config = ConfigDict(arbitrary_types_allowed=True)
    return create_model(f"Some{model.__name__}", __config__=config, **fields)


def _require_rows(what: str, expected: Sequence[Model], found: Sequence[Model]) -> None:
    if len(expected) != len(found) or not all(map(same_row, expected, found)):
        raise Broken(what, expected=expected, found=found)


def _require_values(what: str, names: Sequence[str], row: Model, shape: BaseModel) -> None:
    for name in names:
        expected, found = getattr(row, name), getattr(shape, name)
        if not same(expected, found):
            raise Broken(f"{what}: {name}", expected=expected, found=found)


shape_parity = Law(
    name="shape_parity",
    statement=(
        "`all`, `get` of each key, `stream`, `into` of some fields or of the public ones, and"
        " `select` read the same values; `count` is their number."
    ),
    examples=_examples,
    holds=_holds,
    spared=lambda playground: (
        None if in_order_of_keys(playground) else f"{playground.engine} cannot order by these keys"
    ),
)
