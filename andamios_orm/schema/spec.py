"""The frozen description of a model that everything downstream reads.

Nothing here knows SQLAlchemy; what a user handed over for the table builder (server defaults, a
column type of their own) is carried as an opaque `object`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = [
    "ONLY_DROPS_UNSET",
    "Bound",
    "Codec",
    "ColumnOptions",
    "ColumnReference",
    "FieldSpec",
    "ForeignKeySpec",
    "Kind",
    "ModelSpec",
    "OnDelete",
    "RelatedTo",
    "RelationDeclaration",
    "RelationOptions",
    "RelationSpec",
    "Role",
    "Storage",
    "only_drops_unset",
]

ONLY_DROPS_UNSET = "__andamios_only_drops_unset__"
"""Marks a `model_post_init` that only removes the placeholders of generated fields; its value is
the function itself."""

Role: TypeAlias = Literal["created_at", "updated_at", "version", "deleted_at", "tenant"]
"""What a field means to the library, which then makes its values."""

OnDelete: TypeAlias = Literal["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"]


class Kind(StrEnum):
    """What a column holds, independent of any engine's name for it."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    """An instant: aware, kept in UTC."""
    NAIVE_DATETIME = "naive datetime"
    """What a wall calendar and clock show, without a zone."""
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    CUSTOM = "custom"
    """A type that a user registered."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How a Python value becomes the plain value of its column, and back.

    `decode` is what SQLAlchemy statements get; a model is loaded by pydantic, which mostly reads
    the plain value itself.
    """

    encode: Callable[[object], object]
    decode: Callable[[object], object]
    load: bool = False
    """Whether pydantic needs the decoded value too."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What one column holds and how exactly."""

    kind: Kind
    python_types: tuple[type, ...]
    """Instances of these may be compared with the column; empty accepts anything."""
    length: int | None = None
    """Characters (TEXT) or bytes (BYTES) at most."""
    precision: int | None = None
    scale: int | None = None
    finite: bool = True
    """Whether a FLOAT refuses NaN and the infinities."""
    codec: Codec | None = None
    column_type: object = None
    """The SQLAlchemy type of a CUSTOM column, as the user gave it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One constraint on a column's values that the database can enforce too."""

    kind: Literal["ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "one_of"]
    value: object


class ColumnReference(Protocol):
    """What `foreign_key=` accepts besides a string: `Team.id`, read on the class."""

    @property
    def model(self) -> type[BaseModel]:
        """The table class."""
        ...

    @property
    def name(self) -> str:
        """The field's name."""
        ...


@dataclass(frozen=True, slots=True)
class ForeignKeySpec:
    """Where a foreign key points: `"Team.id"`, `"team.id"`, or a column read on a class."""

    target: str | ColumnReference
    on_delete: OnDelete | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """What `field()` and `generated()` say about a column; pydantic carries it in the metadata."""

    column: str | None = None
    primary_key: bool | None = None
    generated: bool = False
    role: Role | None = None
    unique: bool = False
    index: bool = False
    foreign_key: str | ColumnReference | None = None
    on_delete: OnDelete | None = None
    server_default: object = None
    column_type: object = None
    secret: bool = False
    read_only: bool = False
    comment: str | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a model and the column it is stored in."""

    name: str
    column: str
    info: FieldInfo
    storage: Storage
    nullable: bool
    primary_key: bool
    generated: bool
    """The database makes the value; the model has none until it is stored."""
    role: Role | None
    unique: bool
    index: bool
    foreign_key: ForeignKeySpec | None
    bounds: tuple[Bound, ...]
    server_default: object
    secret: bool
    read_only: bool
    """The program sets the value, and no client of an API does."""
    comment: str | None
    renamed_from: str | None
    """The column's name before, of which only migrations know."""
    python_rules: bool
    """A rule that no constraint of the table repeats: a pattern, or a validator of the user's."""
    raw_validators: bool
    """A user's validator sees the value before pydantic does, so it must be a Python value."""

    @property
    def server_made(self) -> bool:
        """Whether the database or the library makes the value, and no program gives it."""
        return self.generated or self.role is not None

    @property
    def counted(self) -> bool:
        """Whether it is the table's counted key."""
        return self.generated and self.server_default is None and self.role is None

    def encoder_beside(self, other: FieldSpec) -> Callable[[object], object] | None:
        """Return Python value → what is stored; None where `other` has equal values for the same.

        A foreign key may hold a member of an Enum for what is a text in the row it refers to.
        """
        codec = self.storage.codec
        return None if codec is None or codec == other.storage.codec else codec.encode

    @property
    def annotation(self) -> object:
        """The field's type with its metadata, as pydantic understands it; for a type adapter."""
        return Annotated[self.info.annotation, self.info]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model and the table it is stored in."""

    model: type[BaseModel]
    table: str
    schema: str | None
    fields: tuple[FieldSpec, ...]
    table_args: tuple[object, ...] = ()
    whole_row_validators: bool = False
    """The class has validators that one field's value alone cannot be judged by."""
    by_name: dict[str, FieldSpec] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})

    @property
    def name(self) -> str:
        """The class's name, for messages."""
        return self.model.__name__

    @cached_property
    def primary_key(self) -> tuple[FieldSpec, ...]:
        """The key's fields in declared order; never empty."""
        return tuple(f for f in self.fields if f.primary_key)

    @cached_property
    def judges_defaults(self) -> bool:
        """Whether the model may refuse a value that the database makes."""
        return any(
            f.generated
            and f.server_default is not None
            and (f.python_rules or self.whole_row_validators)
            for f in self.fields
        )

    @cached_property
    def roles(self) -> Mapping[Role, FieldSpec]:
        """The fields that mean something to the library."""
        return {f.role: f for f in self.fields if f.role is not None}

    @cached_property
    def generated(self) -> tuple[FieldSpec, ...]:
        """The fields whose values the database makes."""
        return tuple(f for f in self.fields if f.generated)


@dataclass(frozen=True, slots=True)
class RelatedTo:
    """What `Related[Team]` and `RelatedList[Team]` are as annotations."""

    item: object
    """A class, a class or None, or the text of one of these."""
    many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationOptions:
    """What `relation()` says."""

    fk: object = None
    through: type[BaseModel] | str | None = None
    order_by: object = None


@dataclass(frozen=True, slots=True)
class RelationDeclaration:
    """One relation as its class statement wrote it: the classes it names may come later."""

    annotation: object
    options: RelationOptions
    module: str
    local_names: Callable[[], Mapping[str, object] | None]
    """The names around a class statement inside a function."""


Pairs: TypeAlias = tuple[tuple[FieldSpec, FieldSpec], ...]
"""Fields of one row, and the fields of another that equal them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSpec:
    """How the rows of one model belong to those of another.

    Without a link, `pairs` are fields of the owner and those of the target. With one they are
    fields of the owner and those of the link, and `onward` those of the link and of the target.
    """

    name: str
    owner: type[BaseModel]
    target: type[BaseModel]
    many: bool
    nullable: bool
    """Whether a row may have none: always for lists, which are empty then."""
    may_be_hidden: bool = False
    """Whether the one row that must be there may be out of sight for who asks."""
    forward: bool
    """Whether the foreign key is the owner's, not the other row's or the link's."""
    pairs: Pairs
    link: type[BaseModel] | None = None
    onward: Pairs = ()
    order_by: object = None
    """What `relation()` was given; fields' names are checked where queries are made."""

    @property
    def where(self) -> str:
        """`Model.relation`, for messages."""
        return f"{self.owner.__name__}.{self.name}"

    @property
    def may_be_absent(self) -> bool:
        """Whether who asks for the related row may find none."""
        return self.nullable or self.may_be_hidden

    @property
    def steps(self) -> tuple[tuple[type[BaseModel], Pairs], ...]:
        """The models on the way to the target, each with the fields that lead to it."""
        if self.link is None:
            return ((self.target, self.pairs),)
        return ((self.link, self.pairs), (self.target, self.onward))


def only_drops_unset(hook: object) -> bool:
    """Whether a class's `model_post_init` does nothing for an instance that has all its values."""
    # A hook that pydantic wraps, to make private attributes, copies the mark.
    return getattr(hook, ONLY_DROPS_UNSET, None) is hook
