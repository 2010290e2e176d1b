"""A value written as code: executed, the code makes the same value again."""

import dataclasses
import datetime as dt
import enum
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Interface, IPv6Network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    AnyUrl,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    HttpUrl,
    NameEmail,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    field_validator,
)
from pydantic_core import TzInfo

from andamios_orm import Col, Model, generated
from andamios_orm.testing.laws import Writer
from andamios_orm.testing.laws.comparing import same
from andamios_orm.testing.strategies import Filter

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


Odd = enum.Enum("Odd", {"not a name": 1, "class": 2})


class Name(str):
    __slots__ = ()


class Place(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    length: float = dataclasses.field(default=0.0, init=False)


class Inner(BaseModel):
    when: dt.datetime
    tags: list[str] = []


class Outer(BaseModel):
    inner: Inner
    other: int = 0


class Aliased(BaseModel):
    user: int = Field(validation_alias="user-id")
    group: int = Field(validation_alias=AliasChoices(AliasPath("a", 0), "group_id"))


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True)

    user: int = Field(alias="user-id")


class Told(BaseModel):
    """Fields called like what a writer's own functions have as parameters."""

    kind: int
    names: int
    value: int


class Reserved(BaseModel):
    ranked: int = Field(alias="class")


class Deep(BaseModel):
    user: int = Field(validation_alias=AliasPath("a", 0))


class Doubling(BaseModel):
    value: int

    @field_validator("value")
    @classmethod
    def doubled(cls, value: int) -> int:
        return value * 2


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Tags(RootModel[list[str]]):
    pass


class Box(BaseModel, Generic[T]):
    item: T


class Robot(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]


class Outside:
    class Nested(BaseModel):
        x: int = 0


VALUES: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    -0.0,
    float("inf"),
    "a'b",
    'a"b',
    "é\n\x00\ud800",
    b"\x00'",
    ...,
    range(3),
    1 + 2j,
    Color.RED,
    Level.LOW,
    Right.READ,
    Right.READ | Right.WRITE,
    Right(0),
    Odd["not a name"],
    Odd["class"],
    Name("ada"),
    ByteSize(5),
    Decimal("1.50"),
    Decimal("NaN"),
    Fraction(1, 3),
    uuid.UUID(int=7),
    dt.date(2024, 2, 29),
    dt.time(12, 0),
    dt.time(12, 0, 0, 5),
    dt.timedelta(0),
    dt.timedelta(days=-1, microseconds=3),
    dt.datetime(2024, 1, 2, 3, 4),
    dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=-30))),
    dt.datetime(2024, 1, 2, tzinfo=TzInfo(3600)),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Madrid"), fold=1),
    IPv4Address("10.0.0.1"),
    IPv6Interface("::1/64"),
    IPv6Network("::/64"),
    Path("a/b"),
    PurePosixPath("a/b"),
    PureWindowsPath("a/b"),
    AnyUrl("http://a.b/"),
    TypeAdapter(HttpUrl).validate_python("https://example.org/x?y=1"),
    SecretStr("made up"),
    SecretBytes(b"made up"),
    Secret[int](3),
    NameEmail(name="Ada", email="ada@example.org"),
    re.compile("a+"),
    re.compile(b"a", re.IGNORECASE),
    [],
    [1, [2]],
    (),
    (1,),
    (1, 2),
    Place(1, 2),
    set(),
    {3, 1, 2},
    frozenset(),
    frozenset({"b", "a"}),
    {},
    {1: {"a": (2,)}},
    OrderedDict(a=1),
    Counter("aab"),
    defaultdict(list, {1: [2]}),
    deque([1, 2], maxlen=3),
    deque(),
    Point(1, 2),
    Outer(inner=Inner(when=dt.datetime(2024, 1, 1), tags=["x"])),
    Aliased.model_validate({"user-id": 1, "group_id": 2}),
    ByName(user=1),  # type: ignore[call-arg]  # mypy knows the alias only
    Told(kind=1, names=2, value=3),
    Reserved.model_validate({"class": 1}),
    Deep.model_validate({"a": [1]}),
    Doubling.model_construct(value=3),
    Open(x=1),  # type: ignore[call-arg]  # an extra
    Tags(["a"]),
    Box[int](item=1),
    Outside.Nested(x=1),
    Robot.model_validate({"id": 1, "name": "R2"}),
    Robot(name="R2"),
    Robot.model_construct(name=5),
    int,
    Robot,
    len,
    dt.UTC,
]


def made(value: object) -> tuple[str, object]:
    """The program that makes a value, and what it has made."""
    writer = Writer()
    program = writer.program(f"made = {writer.text(value)}")
    names: dict[str, object] = {}
    exec(program, names)  # noqa: S102 - the code is what is tested
    return program, names["made"]


# A set has another order in each process.
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_executed_the_code_makes_the_value_again(value: object) -> None:
    program, again = made(value)

    assert same(value, again), program
    if isinstance(value, BaseModel):
        assert isinstance(again, BaseModel)
        assert again.model_fields_set == value.model_fields_set
    if isinstance(value, dt.datetime):
        assert isinstance(again, dt.datetime)
        assert again.fold == value.fold


def test_only_fields_that_are_set_are_written() -> None:
    assert (
        Writer().text(Inner(when=dt.datetime(2024, 1, 1)))
        == "Inner(when=datetime(2024, 1, 1, 0, 0))"
    )


def test_a_name_that_is_no_parameter_is_given_in_a_dict() -> None:
    value = Aliased.model_validate({"user-id": 1, "group_id": 2})

    assert Writer().text(value) == 'Aliased(**{"user-id": 1, "group_id": 2})'


def test_what_validation_would_refuse_or_change_is_built_without_it() -> None:
    assert Writer().text(Doubling.model_construct(value=3)) == "Doubling.model_construct(value=3)"
    assert Writer().text(Robot.model_construct(name=5)) == "Robot.model_construct(name=5)"


def test_imports_stand_in_order_each_once() -> None:
    writer = Writer()
    code = writer.text([re.compile("a"), Decimal(1), dt.date(2024, 1, 1), dt.UTC, Decimal(2)])

    assert writer.program(code).splitlines()[:5] == [
        "import re",
        "from datetime import UTC, date",
        "from decimal import Decimal",
        "",
        '[re.compile("a"), Decimal("1"), date(2024, 1, 1), UTC, Decimal("2")]',
    ]


def test_two_classes_of_one_name_are_told_apart() -> None:
    writer = Writer()
    writer.names.use("elsewhere", "Point")

    assert writer.text(Point(1)) == "Point_2(x=1, y=0)"
    assert "import Point as Point_2" in writer.program("")


def test_a_class_that_cannot_be_imported_is_told_with_where_it_is_from() -> None:
    class Local(BaseModel):
        x: int

    class Main(BaseModel):
        x: int

    Main.__module__, Main.__qualname__ = "__main__", "Main"
    alone = type("Alone", (), {"__module__": "nowhere", "__qualname__": "Alone"})
    writer = Writer()
    code = writer.text([Local(x=1), Main(x=1), alone])

    program = writer.program(code)

    assert code == "[Local(x=1), Main(x=1), Alone]"
    where = test_a_class_that_cannot_be_imported_is_told_with_where_it_is_from.__name__
    assert f"# Local: a class in {where} of {__name__}\n" in program
    assert "# Main: a class of the program that was run\n" in program
    assert "# Alone: a class of nowhere\n" in program


class Opaque:
    def __repr__(self) -> str:
        return "<opaque\n thing>"


class Spoken:
    def __repr__(self) -> str:
        return "Spoken()"


class Slow(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None, /) -> dt.timedelta | None:
        return None if when is None else dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None, /) -> None:
        """Nobody asks."""

    def tzname(self, when: dt.datetime | None, /) -> None:
        """Nobody asks."""

    def __repr__(self) -> str:
        return "Slow()"


def test_what_has_no_code_is_written_as_its_repr_with_a_comment() -> None:
    writer = Writer()

    program = writer.program(writer.text(Opaque()))

    assert program.startswith("# <opaque thing>: write how your program makes it\n")


def test_a_repr_that_is_a_call_is_taken_as_one() -> None:
    assert isinstance(made(Spoken())[1], Spoken)
    assert Writer().text(dt.time(1, 2, tzinfo=Slow())) == "time(1, 2, tzinfo=Slow())"


def test_a_module_and_a_function_are_imported() -> None:
    assert made(re)[1] is re
    assert made(made)[1] is made


def test_long_code_is_broken_up_at_its_arguments() -> None:
    writer = Writer()
    rows = [Robot.model_validate({"id": n, "name": "x" * 40}) for n in (1, 2)]

    code = writer.call("check", [(None, "duckdb://"), (None, rows), ("models", (Robot,))])

    name = "x" * 40
    assert code.splitlines() == [
        "check(",
        '    "duckdb://",',
        "    [",
        f'        Robot(id=1, name="{name}"),',
        f'        Robot(id=2, name="{name}"),',
        "    ],",
        "    models=(Robot,),",
        ")",
    ]


def test_a_tuple_of_one_and_a_spread_stay_what_they_are_in_several_lines() -> None:
    value = (Aliased.model_construct(user=1, **{"long name " + "x" * 90: 3}),)  # type: ignore[arg-type]  # any name
    writer = Writer()

    code = writer.call("tuple", [(None, value)])

    names: dict[str, object] = {"Aliased": Aliased}
    assert eval(code, names) == value  # noqa: S307 - the code is what is tested


def test_a_condition_is_written_as_it_says_and_its_names_are_imported() -> None:
    condition: Filter[Robot] = Filter(
        condition=Robot.id == 1,
        holds=lambda robot: robot.id == 1,
        code='and_(Robot.id == 1, Robot.name > str(Decimal("1")))',
    )
    writer = Writer()

    code = writer.text(condition)

    assert code == condition.code
    assert writer.program(code).splitlines()[:4] == [
        "from decimal import Decimal",
        "from andamios_orm import and_",
        f"from {__name__} import Robot",
        "",
    ]
