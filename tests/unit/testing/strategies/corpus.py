"""Field types that a strategy has to get right, each as it is written in a class."""

# The annotations are read at run time, also those inside functions.

import enum
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePosixPath
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypeVar,
)
from zoneinfo import ZoneInfo

import annotated_types as at
import pydantic as p
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict

__all__ = ["JUDGED", "MODELS", "TYPES"]


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(enum.StrEnum):
    ANN = "ann"
    BOB = "bob"


class Right(enum.IntFlag):
    READ = 1
    WRITE = 2
    RUN = 4


class Mark(enum.Flag):
    BOLD = 1
    THIN = 2


class Address(BaseModel):
    city: str = Field(max_length=10)
    number: int = Field(gt=0)
    since: date | None = None


class Node(BaseModel):
    value: int
    children: "list[Node]" = []
    parent: "Node | None" = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T
    more: list[T] = []


class Point(TypedDict):
    x: float
    y: Annotated[int, Field(gt=0)]
    label: NotRequired[str]


@dataclass
class Size:
    width: Annotated[int, Field(gt=0)]
    height: int = 1
    tags: list[str] = dataclass_field(default_factory=list)


@pydantic_dataclass(frozen=True)
class Range:
    low: int = Field(ge=0)
    high: int = Field(10, le=100, alias="top")


class Pair(NamedTuple):
    left: int
    right: Annotated[str, Field(max_length=3)]


class Numbers(p.RootModel[list[Annotated[int, Field(multiple_of=5)]]]):
    pass


class Tagged:
    """A class with a description of its own."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tagged) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: p.GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        made = core_schema.no_info_after_validator_function(cls, handler(str))
        return core_schema.union_schema(
            [core_schema.is_instance_schema(cls), made],
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value.text
            ),
        )


UserId = NewType("UserId", int)
Words = TypeAliasType("Words", list[Annotated[str, Field(min_length=1)]])
Tree = TypeAliasType("Tree", "list[Tree] | int")

Payment = Annotated[Cat | Dog, Field(discriminator="kind")]


def even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


def doubled(value: int) -> int:
    return value * 2


def stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def passed_on(value: Any, handler: p.ValidatorFunctionWrapHandler) -> Any:
    return handler(value)


INDIA = timezone(timedelta(hours=5, minutes=30))

TYPES: dict[str, Any] = {
    # ecosystem.md §1.2: what from_type() draws rightly
    "int": int,
    "int ge le": Annotated[int, Field(ge=-5, le=5)],
    "int gt lt": Annotated[int, Field(gt=10, lt=13)],
    "float": float,
    "float ge le": Annotated[float, Field(ge=-1, le=1)],
    "float gt lt": Annotated[float, Field(gt=0, lt=1e-300)],
    "Len": Annotated[list[int], at.Len(2, 4)],
    "str": str,
    "str lengths": Annotated[str, Field(min_length=2, max_length=5)],
    "bytes": bytes,
    "bytes lengths": Annotated[bytes, Field(min_length=1, max_length=3)],
    "list lengths": Annotated[list[int], Field(min_length=1, max_length=3)],
    "set lengths": Annotated[set[int], Field(min_length=1, max_length=3)],
    "dict lengths": Annotated[dict[str, int], Field(min_length=1, max_length=3)],
    "date bounds": Annotated[date, Field(ge=date(2020, 2, 28), lt=date(2020, 3, 1))],
    "time bounds": Annotated[time, Field(gt=time(9), le=time(17, 30))],
    "datetime bounds": Annotated[
        datetime, Field(gt=datetime(2020, 1, 1), lt=datetime(2020, 1, 1, 0, 0, 0, 3))
    ],
    "timedelta bounds": Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=1))],
    "enum": Colour,
    "IntFlag": Right,
    "Literal": Literal["a", "b", "c"],
    "nested model": Address,
    "recursive model": Node,
    "discriminated union": Payment,
    "generic model": Box[int],
    "strict": Annotated[int, Field(strict=True)],
    "SecretStr": p.SecretStr,
    # ecosystem.md §1.2: what it draws wrongly
    "multiple_of 7": Annotated[int, Field(multiple_of=7)],
    "multiple_of 97 gt 0": Annotated[int, Field(gt=0, multiple_of=97)],
    "pattern ^[a-z]{3}$": Annotated[str, Field(pattern=r"^[a-z]{3}$")],
    "constr pattern": p.constr(pattern=r"\d{4}"),
    "slug": Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")],
    "Decimal(10, 2)": Annotated[Decimal, Field(max_digits=10, decimal_places=2)],
    "Decimal(5, 2) ge 0": Annotated[Decimal, Field(max_digits=5, decimal_places=2, ge=0)],
    "Decimal multiple_of": Annotated[Decimal, at.MultipleOf(Decimal("0.05"))],
    "Decimal": Decimal,
    "FiniteFloat": p.FiniteFloat,
    "allow_inf_nan=False": Annotated[float, Field(allow_inf_nan=False)],
    "Optional nested Field": Optional[Annotated[int, Field(gt=0)]],  # noqa: UP045
    "list nested Field": list[Annotated[int, Field(gt=0)]],
    "tuple nested Field": tuple[Annotated[str, Field(max_length=3)], int],
    "UUID4": p.UUID4,
    "UUID7": p.UUID7,
    "EmailStr": p.EmailStr,
    "AwareDatetime": p.AwareDatetime,
    "NaiveDatetime": p.NaiveDatetime,
    "PastDatetime": p.PastDatetime,
    "FutureDate": p.FutureDate,
    "AnyUrl": p.AnyUrl,
    "HttpUrl": p.HttpUrl,
    "IPvAnyAddress": p.IPvAnyAddress,
    "Json[list[int]]": p.Json[list[int]],
    "Base64Str": p.Base64Str,
    "datetime": datetime,
    "time": time,
    "pattern searched": Annotated[str, Field(pattern=r"[a-z]{3}")],
    # numbers
    "bool": bool,
    "int gt lt one value": Annotated[int, Field(gt=0, lt=2)],
    "int beyond 64 bits": Annotated[int, Field(ge=-(2**70), le=2**70)],
    "conint": p.conint(ge=3, multiple_of=5, lt=100),
    "PositiveInt": p.PositiveInt,
    "NonPositiveInt": p.NonPositiveInt,
    "StrictInt": p.StrictInt,
    "Interval": Annotated[int, at.Interval(gt=1, le=9)],
    "MultipleOf": Annotated[int, at.MultipleOf(4), at.Ge(10)],
    "ByteSize": p.ByteSize,
    "float multiple_of": Annotated[float, Field(multiple_of=0.1, ge=0, lt=1)],
    "float multiple_of wide": Annotated[float, Field(multiple_of=0.5)],
    "float gt": Annotated[float, Field(gt=0)],
    "float lt one": Annotated[float, Field(ge=0.1, lt=0.3)],
    "NonNegativeFloat": p.NonNegativeFloat,
    "float allow_inf_nan": Annotated[float, Field(allow_inf_nan=True)],
    "condecimal": p.condecimal(gt=Decimal(0), lt=Decimal(1), decimal_places=3, max_digits=3),
    "Decimal(3, 3)": Annotated[Decimal, Field(max_digits=3, decimal_places=3)],
    "Decimal(38, 0)": Annotated[Decimal, Field(max_digits=38, decimal_places=0)],
    "Decimal gt lt": Annotated[Decimal, Field(gt=Decimal("0.1"), lt=Decimal("0.100001"))],
    "Decimal(6, 2) multiple_of": Annotated[
        Decimal, Field(max_digits=6, decimal_places=2, gt=0), at.MultipleOf(Decimal("0.25"))
    ],
    "Decimal bounds by int": Annotated[Decimal, Field(ge=1, le=2, max_digits=4, decimal_places=2)],
    "Fraction": Fraction,
    "complex": complex,
    # text
    "strip_whitespace": Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4)
    ],
    "to_lower": Annotated[str, StringConstraints(to_lower=True, min_length=1, max_length=4)],
    "to_upper": Annotated[str, StringConstraints(to_upper=True, max_length=4)],
    "strip to_upper": Annotated[
        str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=2, max_length=2)
    ],
    "str exact length": Annotated[str, Field(min_length=3, max_length=3)],
    "str long": Annotated[str, Field(min_length=100, max_length=110)],
    "pattern with max_length": Annotated[str, Field(pattern=r"^[a-z]+$", max_length=3)],
    "pattern with min_length": Annotated[str, Field(pattern=r"^[a-z]*$", min_length=30)],
    "pattern with both": Annotated[
        str, Field(pattern=r"^[A-Z][a-z]*( [A-Z][a-z]*)*$", min_length=8, max_length=12)
    ],
    "pattern unanchored max_length": Annotated[str, Field(pattern=r"\d", max_length=2)],
    r"pattern \w": Annotated[str, Field(pattern=r"^\w+$")],
    r"pattern \s": Annotated[str, Field(pattern=r"^\S+\s\S+$")],
    "pattern dot": Annotated[str, Field(pattern="^.$")],
    "pattern alternatives": Annotated[str, Field(pattern="^(?:cat|dog|bird)$")],
    r"pattern \p{Lu}": Annotated[str, Field(pattern=r"^\p{Lu}\p{Ll}+$")],
    r"pattern [\p{L}\d]": Annotated[str, Field(pattern=r"^[\p{L}\d _-]{2,8}$")],
    "pattern [[:alpha:]]": Annotated[str, Field(pattern=r"^[[:alpha:]]+[[:digit:]]\z")],
    "pattern named group": Annotated[str, Field(pattern=r"^(?<year>\d{4})-(?<month>[01]\d)$")],
    "pattern ignoring case": Annotated[str, Field(pattern=r"(?i)^abc$")],
    "pattern many lines": Annotated[str, Field(pattern=r"(?m)^[ab]$")],
    "pattern umlauts": Annotated[str, Field(pattern=r"^[äöüß]{2}$")],
    "pattern of a phone": Annotated[str, Field(pattern=r"^\+?[1-9]\d{1,14}$", max_length=16)],
    "compiled pattern": Annotated[str, Field(pattern=re.compile(r"^[a-f0-9]{8}$"))],
    "strip and pattern": Annotated[
        str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z]{2}$")
    ],
    "SecretBytes": p.SecretBytes,
    "SecretStr lengths": Annotated[p.SecretStr, Field(min_length=8, max_length=12)],
    "Secret[date]": p.Secret[date],
    "Base64Bytes": p.Base64Bytes,
    "Base64UrlStr": p.Base64UrlStr,
    "NameEmail": p.NameEmail,
    "EmailStr max_length": Annotated[p.EmailStr, Field(max_length=30)],
    # time
    "date": date,
    "PastDate": p.PastDate,
    "FutureDatetime": p.FutureDatetime,
    "timedelta": timedelta,
    "aware datetime bounds": Annotated[
        datetime,
        Field(ge=datetime(2024, 1, 1, tzinfo=UTC), lt=datetime(2024, 1, 2, tzinfo=INDIA)),
    ],
    "date gt the last but one": Annotated[date, Field(gt=date(9999, 12, 28))],
    "timedelta multiple bounds": Annotated[timedelta, Field(ge=timedelta(-1), lt=timedelta(1))],
    # identifiers, addresses
    "UUID": uuid.UUID,
    "UUID1": p.UUID1,
    "UUID3": p.UUID3,
    "UUID5": p.UUID5,
    "UUID6": p.UUID6,
    "UUID8": p.UUID8,
    "HttpUrl max_length": Annotated[p.HttpUrl, p.UrlConstraints(max_length=20)],
    "AnyHttpUrl": p.AnyHttpUrl,
    "FtpUrl": p.FtpUrl,
    "FileUrl": p.FileUrl,
    "WebsocketUrl": p.WebsocketUrl,
    "PostgresDsn": p.PostgresDsn,
    "MySQLDsn": p.MySQLDsn,
    "RedisDsn": p.RedisDsn,
    "MongoDsn": p.MongoDsn,
    "KafkaDsn": p.KafkaDsn,
    "NatsDsn": p.NatsDsn,
    "IPvAnyNetwork": p.IPvAnyNetwork,
    "IPvAnyInterface": p.IPvAnyInterface,
    "IPv4Address": IPv4Address,
    "IPv6Address": IPv6Address,
    "IPv4Network": IPv4Network,
    "IPv6Network": IPv6Network,
    "IPv4Interface": IPv4Interface,
    "IPv6Interface": IPv6Interface,
    "Path": Path,
    "PurePosixPath": PurePosixPath,
    "FilePath": p.FilePath,
    "DirectoryPath": p.DirectoryPath,
    "NewPath": p.NewPath,
    "ZoneInfo": ZoneInfo,
    "re.Pattern": re.Pattern[str],
    # containers
    "list[str]": list[str],
    "conlist": p.conlist(p.constr(min_length=1), min_length=2, max_length=2),
    "list of 40": Annotated[list[bool], Field(min_length=40, max_length=60)],
    "tuple[int, ...]": tuple[int, ...],
    "tuple[int, ...] lengths": Annotated[tuple[int, ...], Field(min_length=1, max_length=2)],
    "tuple[()]": tuple[()],
    "frozenset": frozenset[Literal["a", "b"]],
    "set of nested": Annotated[set[Annotated[int, Field(ge=0, lt=3)]], Field(min_length=3)],
    "set of texts folded": Annotated[
        set[Annotated[str, StringConstraints(max_length=3)]], Field(max_length=4)
    ],
    "deque": deque[int],
    "dict[int, list]": dict[int, list[float]],
    "dict[date, Decimal]": dict[date, Decimal],
    "dict[Literal, nested]": dict[Literal["a", "b"], Annotated[int, Field(gt=0)]],
    "Mapping": Mapping[str, int],
    "Sequence": Sequence[int],
    "OrderedDict": OrderedDict[str, int],
    "defaultdict": defaultdict[str, int],
    "Counter": Counter[str],
    "Any": Any,
    "object": object,
    "dict": dict,
    "list": list,
    "dict[str, Any]": dict[str, Any],
    "list[Any]": list[Any],
    "Json": p.Json,
    "Json[dict]": p.Json[dict[str, date]],
    "Json[set]": p.Json[set[int]],
    "Hashable": Hashable,
    # choices
    "IntEnum": Level,
    "StrEnum": Name,
    "Flag": Mark,
    "Literal ints": Literal[1, 2, 3],
    "Literal mixed": Literal[1, "a", True],
    "Literal of enum": Literal[Colour.RED],
    "Literal with None": Literal["a", None],
    "int | str": int | str,
    "int | None": int | None,
    "Union nested": Annotated[int, Field(gt=5)] | Annotated[str, Field(max_length=2)] | None,
    "Optional constrained": Annotated[str | None, Field(min_length=3, max_length=4)],
    "Optional list": Annotated[list[int] | None, Field(min_length=1)],
    "bound around a union": Annotated[int | str, Field(gt=0)],
    "length around a union": Annotated[int | str | list[int], Field(min_length=2)],
    "bound around Any": Annotated[Any, Field(ge=3)],
    "left to right": Annotated[int | str, Field(union_mode="left_to_right")],
    "None": None,
    # annotations at depth
    "Annotated thrice": Annotated[Annotated[Annotated[int, Field(gt=0)], Field(lt=50)], at.Le(9)],
    "deep": dict[
        str, list[tuple[Annotated[int, Field(gt=0)], Annotated[str, at.MaxLen(2)] | None]]
    ],
    "NewType": UserId,
    "TypeAliasType": Words,
    "recursive alias": Tree,
    "Timezone": Annotated[datetime, at.Timezone(...)],
    "InstanceOf": p.InstanceOf[Address],
    "SkipValidation": p.SkipValidation[int],
    # classes
    "TypedDict": Point,
    "dataclass": Size,
    "pydantic dataclass": Range,
    "NamedTuple": Pair,
    "RootModel": Numbers,
    "list of models": list[Address],
    "dict of models": dict[str, Address],
    "generic of model": Box[Address],
    "generic of Decimal": Box[Annotated[Decimal, Field(max_digits=4, decimal_places=2)]],
    "own core schema": Tagged,
    "list of discriminated": list[Payment],
}
"""By name; pydantic itself is the only one to refuse values of these."""

JUDGED: dict[str, Any] = {
    "AfterValidator": Annotated[int, p.AfterValidator(even)],
    "AfterValidator changing": Annotated[int, Field(ge=-100, le=100), p.AfterValidator(doubled)],
    "BeforeValidator": Annotated[str, p.BeforeValidator(stripped)],
    "WrapValidator": Annotated[int, p.WrapValidator(passed_on)],
    "PlainValidator": Annotated[int, p.PlainValidator(even)],
    "Predicate": Annotated[int, at.Predicate(lambda value: value % 3 != 1)],
    "Not": Annotated[int, at.Not(lambda value: value % 3 == 1)],
    "IsNotNan": at.IsNotNan[float],
    "list of AfterValidator": list[Annotated[int, p.AfterValidator(even)]],
}
"""By name; a validator of the user's refuses some values of these."""


class Aliased(BaseModel):
    user_id: int = Field(validation_alias="user-id")
    name: str = Field(alias="fullName")
    first: int = Field(validation_alias=p.AliasPath("numbers", 0))
    either: int = Field(validation_alias=p.AliasChoices("one", p.AliasPath("many", 1)))
    nested: "AliasedPart"


class AliasedPart(BaseModel):
    model_config = ConfigDict(alias_generator=lambda name: name.upper())

    part: int
    of: list[Range] = []


class Factory(BaseModel):
    tags: list[str] = Field(default_factory=list)
    size: int = 5
    name: str | None = None
    twice: int = Field(default_factory=lambda data: data["size"] * 2)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)

    a: int
    _private: int = p.PrivateAttr(default=3)

    @p.computed_field  # type: ignore[prop-decorator] # pydantic's way
    @property
    def double(self) -> int:
        return self.a * 2


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int
    __pydantic_extra__: dict[str, Annotated[int, Field(gt=0)]]


class OpenToAll(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int = 0


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    a: int
    when: datetime
    price: Decimal
    parts: tuple[Address, ...]
    choice: Colour
    size: Size
    many: set[int]


class Configured(BaseModel):
    model_config = ConfigDict(
        str_strip_whitespace=True, str_to_lower=True, str_min_length=1, str_max_length=5,
        allow_inf_nan=False, revalidate_instances="always",
    )  # fmt: skip

    text: str
    number: float
    address: Address
    texts: list[str] = ["a"]


class LookingAround(BaseModel):
    model_config = ConfigDict(regex_engine="python-re")

    password: str = Field(pattern=r"^(?=.*\d)[a-z\d]{4,8}$")


class WithInit(BaseModel):
    name: str = Field(alias="Name")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class Chain(BaseModel):
    next: "Chain | None"
    others: "dict[str, Chain]"


class Country(BaseModel):
    name: str
    cities: "list[City]" = []


class City(BaseModel):
    country: Country | None = None
    neighbours: "list[City]" = []


class Undefaulted(BaseModel):
    model_config = ConfigDict(validate_default=True)

    a: Annotated[int, Field(gt=3)] = 4
    b: int | None


class WithGenerics(Box[str]):
    extra: Annotated[str, Field(max_length=1)]


MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Aliased, Factory, Frozen, Open, OpenToAll, Closed, Configured, LookingAround, WithInit,
        Chain, Country, City, Undefaulted, WithGenerics, Node, Numbers,
    )
}  # fmt: skip
"""Whole classes."""
