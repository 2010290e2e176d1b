"""Which fields are secret: by their declaration, their type, or a type inside their JSON."""

from dataclasses import dataclass
from typing import Any, Generic, NewType, TypeVar

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, create_model
from typing_extensions import TypeAliasType, TypedDict

from andamios_orm import Model, field
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.secrets import is_secret

T = TypeVar("T")


class Token(BaseModel):
    value: SecretStr


class Pin(BaseModel):
    digits: str = field(secret=True)


class Tree(BaseModel):
    name: str
    children: "list[Tree]"


class Ring(BaseModel):
    key: SecretStr
    next: "Ring | None" = None


class Box(BaseModel, Generic[T]):
    content: T


@dataclass
class Pair:
    left: int
    right: Token


class Entry(TypedDict):
    token: Token


class Plain(TypedDict):
    name: str


Alias = TypeAliasType("Alias", list[Token])
New = NewType("New", Token)

SECRET: list[Any] = [
    SecretStr,
    SecretBytes,
    SecretStr | None,
    list[SecretStr],
    list[Secret[int]],
    dict[str, list[Token]],
    Token | int,
    Ring,
    list[Pin],
    Box[SecretStr],
    Pair,
    list[Entry],
    list[Alias],
    list[New],
]
SHOWN: list[Any] = [int, str, list[int], dict[str, Any], Tree, Box[int], Plain, Any]


def spec(annotation: Any, **options: Any) -> Any:
    model: Any = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, field(primary_key=True)),
        value=(annotation, field(**options)),
    )
    return spec_of(model).by_name["value"]


@pytest.mark.parametrize("annotation", SECRET, ids=str)
def test_a_type_that_hides_its_value_makes_the_field_secret(annotation: Any) -> None:
    assert is_secret(spec(annotation))


@pytest.mark.parametrize("annotation", SHOWN, ids=str)
def test_other_types_are_shown(annotation: Any) -> None:
    assert not is_secret(spec(annotation))


def test_a_field_that_is_declared_secret_is() -> None:
    assert is_secret(spec(int, secret=True))
