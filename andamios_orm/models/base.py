"""`Model`: the base of every class that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from andamios_orm.errors import NotLoaded, UsageError
from andamios_orm.models.deriving import Variant, VariantKind, variant_of
from andamios_orm.models.metaclass import ModelMeta, is_relation
from andamios_orm.schema.relations import relation_of

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

        # Hidden for the same reason.
        def __setattr__(self, name: str, value: Any) -> None:
            fields = type(self).__pydantic_fields__
            if name not in fields and not name.startswith("_") and is_relation(type(self), name):
                _not_assigned(type(self).__name__, name)
            super().__setattr__(name, value)
            if len(self.__dict__) > len(fields):
                _forget(self, name)


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


def _not_assigned(model: str, name: str) -> NoReturn:
    raise UsageError(
        f"{model}.{name} is a relation, and no value of a row to be set",
        "set the foreign key's field to the key of the other row, store it, and read the relation"
        f" with `.load({model}.{name})`",
    )


def _forget(instance: BaseModel, name: str) -> None:
    """Drop loaded rows that were found by a field's value, which is another one after all."""
    model = type(instance)
    for loaded in instance.__dict__.keys() - model.__pydantic_fields__.keys():
        if is_relation(model, loaded) and any(
            own.name == name for own, _ in relation_of(model, loaded).pairs
        ):
            del instance.__dict__[loaded]


def _left_out(name: str, field: str, variant: Variant) -> NoReturn:
    raise NotLoaded(
        f"{name} has no {field}: {variant.left_out[field]}",
        f"use an instance of {variant.model.__name__}, or declare the field in a class with"
        f' variant="{variant.kind}"',
    )
