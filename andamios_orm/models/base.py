"""`Model`: the base of every class that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from andamios_orm.errors import NotLoaded
from andamios_orm.models.deriving import Variant, VariantKind, variant_of
from andamios_orm.models.metaclass import ModelMeta, is_relation

__all__ = ["Model"]


class Model(BaseModel, metaclass=ModelMeta):
    """A Pydantic model that can be a table.

    The class statement's keywords decide: `table=True` stores it under the class name in
    snake_case, `table="heroes"` under that name, `schema="app"` in that database schema;
    `metadata=` keeps it and its subclasses in a SQLAlchemy MetaData of their own. Without
    `table=` the class is a mixin or a plain schema, and its fields are inherited. What inherits
    from a table with `variant="create"`, `"patch"` or `"public"` is what an API takes or gives in
    its place: see `Create`, `Patch` and `Public`.

    An instance is a value: it never does I/O, and two with equal fields are equal. Assignment is
    validated like construction.

    ```python
    class Team(Model, table=True):
        id: Col[int] = generated()
        name: Col[str] = field(unique=True, max_length=50)


    assert repr(Team(name="Preventers")) == "Team(name='Preventers')"
    ```
    """

    model_config = ConfigDict(from_attributes=True, validate_assignment=True)

    if TYPE_CHECKING:
        __table__: ClassVar[sa.Table]

        def __init_subclass__(
            cls,
            *,
            table: bool | str = False,
            schema: str | None = None,
            metadata: sa.MetaData | None = None,
            variant: VariantKind | None = None,
            **config: Unpack[ConfigDict],
        ) -> None: ...
    else:
        # Hidden from checkers: with it every misspelt attribute of an instance would be Any.
        def __getattr__(self, name: str) -> Any:
            if name in type(self).__pydantic_fields__:
                _not_loaded(type(self).__name__, name)
            if not name.startswith("_") and is_relation(type(self), name):
                _no_related(type(self).__name__, name)
            variant = variant_of(type(self))
            if variant is not None and name in variant.left_out:
                _left_out(type(self).__name__, name, variant)
            return super().__getattr__(name)


def _not_loaded(model: str, name: str) -> NoReturn:
    raise NotLoaded(
        f"{model}.{name} has no value yet: the database makes it when the row is stored",
        f"use the instance that `add` returns, as in `saved = await repository.add({model}(...))`",
    )


def _no_related(model: str, name: str) -> NoReturn:
    raise NotLoaded(
        f"{model}.{name} was not loaded, and an instance never asks the database by itself",
        f"read it with `.load({model}.{name})`, as in"
        f" `await repository.where(...).load({model}.{name}).all()`",
    )


def _left_out(name: str, field: str, variant: Variant) -> NoReturn:
    raise NotLoaded(
        f"{name} has no {field}: {variant.left_out[field]}",
        f"use an instance of {variant.model.__name__}, or declare the field in a class with"
        f' variant="{variant.kind}"',
    )
