"""What stands in a class body: `Col`, `field` and `generated`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast

import annotated_types
import sqlalchemy as sa
from pydantic import AliasChoices, AliasPath, Discriminator, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

from andamios_orm.schema.spec import ColumnOptions, ColumnReference, OnDelete, Role

__all__ = ["UNSET", "Col", "field", "generated"]

T = TypeVar("T")

if TYPE_CHECKING:
    from typing import overload

    from andamios_orm.queries.expressions import Attr

    class Col(Generic[T]):
        """A column: `Hero.age` is an expression for queries, `hero.age` a value.

        `age: Col[int]` declares the same field as `age: int`; what it adds is that type checkers
        know `Hero.age` as a typed expression.
        """

        @overload
        def __get__(self, instance: None, owner: type) -> Attr[T]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: object | None, owner: type) -> Attr[T] | T: ...
        def __set__(self, instance: object, value: T) -> None: ...
else:

    class Col:
        """A column: `Col[int]` declares the field `int`; see the typed class above."""

        def __class_getitem__(cls, item):
            return item


class _Unset:
    """The value of a generated field inside pydantic, until it is taken out again."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()


def _unset() -> _Unset:
    return UNSET


# The return type is Any because these calls are what a class body assigns to a field of any
# type; a checker takes the field's type from its annotation (PEP 681).
def field(
    *,
    # -- the column
    primary_key: bool = False,
    unique: bool = False,
    index: bool = False,
    foreign_key: ColumnReference | str | None = None,
    on_delete: OnDelete | None = None,
    column: str | None = None,
    column_type: TypeEngine[Any] | type[TypeEngine[Any]] | None = None,
    server_default: ClauseElement | str | bool | float | None = None,
    comment: str | None = None,
    renamed_from: str | None = None,
    secret: bool = False,
    read_only: bool = False,
    # -- pydantic's own
    default: object = PydanticUndefined,
    default_factory: Callable[[], object] | Callable[[dict[str, Any]], object] | None = None,
    alias: str | None = None,
    alias_priority: int | None = None,
    validation_alias: str | AliasPath | AliasChoices | None = None,
    serialization_alias: str | None = None,
    title: str | None = None,
    field_title_generator: Callable[[str, FieldInfo], str] | None = None,
    description: str | None = None,
    examples: list[Any] | None = None,
    exclude: bool | None = None,
    discriminator: str | Discriminator | None = None,
    deprecated: str | bool | None = None,
    json_schema_extra: JsonDict | Callable[[JsonDict], None] | None = None,
    frozen: bool | None = None,
    validate_default: bool | None = None,
    repr: bool = True,
    pattern: str | re.Pattern[str] | None = None,
    strict: bool | None = None,
    coerce_numbers_to_str: bool | None = None,
    gt: annotated_types.SupportsGt | None = None,
    ge: annotated_types.SupportsGe | None = None,
    lt: annotated_types.SupportsLt | None = None,
    le: annotated_types.SupportsLe | None = None,
    multiple_of: annotated_types.SupportsMod | None = None,
    allow_inf_nan: bool | None = None,
    max_digits: int | None = None,
    decimal_places: int | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    union_mode: Literal["smart", "left_to_right"] | None = None,
    fail_fast: bool | None = None,
) -> Any:
    """Say more about a field and its column.

    The column:

    * `primary_key`: part of the key; a key of several fields is composite, in declared order.
    * `unique`, `index`: a UNIQUE constraint, an index.
    * `foreign_key`: `Team.id`, or `"Team.id"` / `"team.id"` for a class declared later or the
      same class; `on_delete` is what happens to this row when that one goes.
    * `column`: the column's name where it differs from the field's.
    * `column_type`: a SQLAlchemy type for this one column. `register_type` is for all of a type.
    * `server_default`: what the database fills in for writers that leave the column out.
    * `comment`: kept in the database where it has comments.
    * `renamed_from`: the column's name before, for the next migration: a rename keeps the values,
      and cannot be told from a deletion otherwise. It may stay when the rename is long done.
    * `secret`: not shown in the model's repr, nor ever in a public variant of the model.
    * `read_only`: set by the program, not by clients of an API, such as the owner of a row: no
      field of `Create` or `Patch`. `add(data, Hero.owner_id.set(3))` gives it.

    All other parameters are those of `pydantic.Field`. Constraints with an SQL meaning
    (`ge gt le lt multiple_of min_length max_length max_digits decimal_places`) are enforced by
    the database as well.

    ```python
    class Villain(Model, table=True):
        id: Col[int] = generated()
        name: Col[str] = field(index=True, max_length=50)
        foe_id: Col[int | None] = field(default=None, foreign_key=Hero.id, on_delete="SET NULL")
    ```
    """
    info = Field(
        default=default,
        **_given(
            default_factory=default_factory,
            alias=alias,
            alias_priority=alias_priority,
            validation_alias=validation_alias,
            serialization_alias=serialization_alias,
            title=title,
            field_title_generator=field_title_generator,
            description=description,
            examples=examples,
            exclude=exclude,
            discriminator=discriminator,
            deprecated=deprecated,
            json_schema_extra=json_schema_extra,
            frozen=frozen,
            validate_default=validate_default,
            # Only a given False: True would overrule what an Annotated type says.
            repr=False if secret or not repr else None,
            pattern=pattern,
            strict=strict,
            coerce_numbers_to_str=coerce_numbers_to_str,
            gt=gt,
            ge=ge,
            lt=lt,
            le=le,
            # Pydantic says float, and takes any number: a Decimal for a Decimal.
            multiple_of=cast("float | None", multiple_of),
            allow_inf_nan=allow_inf_nan,
            max_digits=max_digits,
            decimal_places=decimal_places,
            min_length=min_length,
            max_length=max_length,
            union_mode=union_mode,
            fail_fast=fail_fast,
        ),
    )
    options = ColumnOptions(
        column=column,
        primary_key=primary_key,
        unique=unique,
        index=index,
        foreign_key=foreign_key,
        on_delete=on_delete,
        server_default=server_default,
        column_type=column_type,
        secret=secret,
        read_only=read_only,
        comment=comment,
        renamed_from=renamed_from,
    )
    return _with_options(info, options)


def generated(
    *,
    init: Literal[False] = False,
    server_default: ClauseElement | str | bool | float | None = None,
    role: Role | None = None,
    primary_key: bool = False,
    unique: bool = False,
    index: bool = False,
    foreign_key: ColumnReference | str | None = None,
    on_delete: OnDelete | None = None,
    column: str | None = None,
    comment: str | None = None,
    renamed_from: str | None = None,
) -> Any:
    """A value that the database makes: not a parameter of the class, present once stored.

    Without `server_default` it is the table's counted integer key. With one it is any column the
    database fills in, such as `generated(server_default=sqlalchemy.func.now())`.

    The field's type stays what it is (`int`, not `int | None`): reading it before the row is
    stored raises NotLoaded. `init` is there for type checkers only.

    With a `role` it is what the mixins `Timestamps`, `Versioned`, `SoftDelete` and `Tenant`
    declare, under a name and with a type of your own, such as
    `org_id: Col[int] = generated(role="tenant", foreign_key=Org.id)`. The library makes such a
    value, and `update`, `patch` and `upsert` write none.

    `renamed_from` is the column's name before, for the next migration, as in `field`: the values
    stay, and a counted key goes on counting.

    A key given by hand (`model_validate({"id": 7, ...})`) is stored as given. The counters of
    PostgreSQL and DuckDB do not notice, so mixing both leads to a UniqueViolation later; use
    `field(primary_key=True)` for keys that come from outside.
    """
    info = Field(default_factory=_unset)
    options = ColumnOptions(
        column=column,
        primary_key=primary_key,
        generated=True,
        role=role,
        unique=unique,
        index=index,
        foreign_key=foreign_key,
        on_delete=on_delete,
        server_default=_made(role) if server_default is None else server_default,
        comment=comment,
        renamed_from=renamed_from,
    )
    return _with_options(info, options)


def _made(role: Role | None) -> ClauseElement | int | None:
    """Return what the database fills in for a role when a row is stored."""
    if role == "version":
        return 1
    return sa.func.now() if role in ("created_at", "updated_at") else None


def _given(**parameters: Any) -> dict[str, Any]:
    """Return the parameters that were given: pydantic tells None from absent."""
    return {name: value for name, value in parameters.items() if value is not None}


def _with_options(info: Any, options: ColumnOptions) -> Any:
    info.metadata.append(options)
    return info
