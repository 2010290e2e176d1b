"""A class statement read from a class: what is kept, and what is written of it."""

import enum
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar, cast
from uuid import UUID

import annotated_types as at
import pytest
import sqlalchemy as sa
from pydantic import UUID4, BaseModel, ConfigDict, Field, Json

from andamios_orm import (
    Col,
    Model,
    Related,
    RelatedList,
    Timestamps,
    field,
    generated,
    register_type,
    relation,
)
from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.relations import relation_of
from andamios_orm.testing.strategies.class_code import ClassCode, _Writer, code_of_classes
from andamios_orm.testing.strategies.class_plan import declare, plan_of
from andamios_orm.testing.strategies.copying import copies
from andamios_orm.testing.strategies.importable import is_importable

T = TypeVar("T")


TYPED = cast("Any", {"type": int})


class Color(enum.Enum):
    RED = "red"


class Address(BaseModel):
    street: str


@dataclass
class Angle:
    degrees: float


register_type(Angle, sa.Double(), encode=lambda angle: angle.degrees, decode=Angle)


UserId = NewType("UserId", int)


class Noon:
    def __repr__(self) -> str:
        return "Noon(time)"


class Base(Model, metadata=sa.MetaData()):
    pass


class Stamped(Timestamps, Base):
    note: Col[str] = field(default="")


class Team(Base, table=True, schema="app"):
    id: Col[int] = generated()
    code: Col[str] = field(unique=True, max_length=10)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "pasted"}
    exec(code, names)  # noqa: S102 - what is tested
    return names


def written(model: type[Model]) -> str:
    """The class statement of a model, without imports."""
    return code_of_classes([model]).partition("sa.MetaData()\n\n\n")[2]


def one(annotation: Any, value: Any = None) -> type[Model]:
    class One(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        it: annotation = field() if value is None else value

    return One


@pytest.mark.parametrize(
    ("annotation", "value", "line"),
    [
        (int, field(ge=1, le=5), "it: Col[int] = field(ge=1, le=5)"),
        (int, field(gt=1, lt=5, multiple_of=2), "field(gt=1, lt=5, multiple_of=2)"),
        (str, field(pattern="^a", min_length=1), "field(min_length=1, pattern='^a')"),
        (int | None, field(default=None), "it: Col[int | None] = field(default=None)"),
        (Literal["a", "b"], None, "it: Col[Literal['a', 'b']]"),
        (dict[str, list[int]], None, "it: Col[dict[str, list[int]]]"),
        (tuple[int, ...], None, "it: Col[tuple[int, ...]]"),
        (list, field(default_factory=list), "it: Col[list] = field(default_factory=list)"),
        (list[Any], field(default_factory=lambda: [1]), "field(default_factory=...)"),
        (Color, field(default=Color.RED), "it: Col[Color] = field(default=Color.RED)"),
        (Address, None, "it: Col[Address]"),
        (Json[list[int]], None, "it: Col[Json[list[int]]]"),
        (Address, field(default=Address(street="a")), "default=Address(street='a')"),
        (Angle, field(default=Angle(1.5)), "it: Col[Angle] = field(default=Angle(degrees=1.5))"),
        (UUID4 | None, None, "Col[Annotated[UUID, UuidVersion(uuid_version=4)] | None]"),
        (at.LowerCase[str], None, "Col[Annotated[str, Predicate(func=...)]]"),
        (date, field(ge=date(2000, 1, 2)), "field(ge=date(2000, 1, 2))"),
        (datetime, field(le=datetime(2000, 1, 1, 5, tzinfo=UTC)), "le=datetime(2000, 1, 1, 5, 0, tz"),  # noqa: E501 - a table
        (Decimal, field(max_digits=5, decimal_places=2), "field(max_digits=5, decimal_places=2)"),
        (UUID, field(default=UUID(int=0)), "default=UUID('00000000-0000-0000-0000-000000000000')"),
        (int, field(strict=True, alias="It"), "field(strict=True, alias='It')"),
        (int, field(validation_alias="It", repr=False), "field(validation_alias='It', repr=False)"),
        (str, field(secret=True, comment="c"), "field(secret=True, comment='c', repr=False)"),
        (list[int], field(examples=[[1], (2,), {"a": 1}]), "examples=[[1], (2,), {'a': 1}]"),
        (str, field(server_default=sa.text("'a'")), 'field(server_default=sa.text("\'a\'"))'),
        (datetime, generated(server_default=sa.func.now()), "server_default=sa.func.now())"),
        (bytes, field(server_default=sa.null()), "field(server_default=...)"),
        (int, field(json_schema_extra=TYPED), "field(json_schema_extra={'type': int})"),
    ],
)  # fmt: skip
def test_a_field_is_written_as_it_was_declared(annotation: Any, value: Any, line: str) -> None:
    model = one(annotation, value)
    assert line in written(model)
    (copy,) = declare([plan_of(model)], sa.MetaData())
    assert written(copy) == written(model)
    if "..." not in line.replace(", ...]", ""):
        assert written(run(code_of_classes([model]))["One"]) == written(model)


def test_what_can_be_imported_is_not_written_out() -> None:
    code = code_of_classes([one(Color), one(Address)])
    assert f"from {__name__} import Address, Color" in code
    assert is_importable(Color)
    assert not is_importable(one(int))


def test_classes_from_inside_a_function_are_written_out_once() -> None:
    class Color(enum.StrEnum):
        A = "it's"

    other: type[enum.Enum] = enum.Enum("Color", {"B": 1}, module="nowhere")  # type: ignore[misc]  # two of one name

    class Inner(BaseModel):
        color: Color | None = None
        price: Annotated[int, Field(ge=0)]
        plain: bytes

    models = [one(Inner), one(list[Inner]), one(other)]
    found = ClassCode([[model] for model in models])
    assert found.names[Inner] == "Inner"
    assert {found.names[Color], found.names[other]} == {"Color", "Color2"}
    assert found.text.count("class Inner(BaseModel):") == 1
    assert (
        "    color: Color | None = Field(default=None)\n    price: int = Field(ge=0)\n"
        in found.text
    )
    assert "    plain: bytes\n" in found.text
    assert "METADATA_3 = sa.MetaData()" in found.text
    assert run(found.text)["One"].__table__.c.keys() == ["id", "it"]


def test_what_cannot_be_written_is_left_open() -> None:
    @dataclass
    class Odd:
        degrees: float

    code = code_of_classes([one(Odd)])
    assert "class Odd(object):\n    ..." in code
    assert "it: Col[Odd]" in code


def test_what_is_declared_without_a_type_of_its_own_is_named() -> None:
    found = ClassCode([])
    writer = _Writer()

    assert found.names == {}
    assert writer.annotation(len) == "len"
    assert writer.value(math.floor) == "floor"
    assert "from math import floor" in writer.text()
    assert writer.value(UserId) == "UserId"
    assert writer.annotation(UserId) == "UserId"
    # What only looks like a time is not imported as one.
    assert writer.value(range(3)) == "range(0, 3)"
    assert writer.value(Noon()) == "Noon(time)"
    assert "import datetime" not in writer.text()


def test_a_declared_class_is_configured_like_the_one_it_is_a_copy_of() -> None:
    class Fixed(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(frozen=True)
        id: Col[int] = generated()

    (copy,) = declare([plan_of(Fixed)], sa.MetaData())
    assert copy.model_config["frozen"] is True
    assert plan_of(copy) == plan_of(Fixed)


def test_a_type_that_has_no_name_is_any() -> None:
    class Box(Model, Generic[T]):
        content: dict[str, T]

    class Boxes(Box, table=True, metadata=sa.MetaData()):  # type: ignore[type-arg] # on purpose
        id: Col[int] = generated()

    assert "content: Col[dict[str, Any]]" in written(Boxes)


def test_mixins_stay_and_other_bases_are_written_out() -> None:
    class Page(Stamped, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        note: Col[str] = field(default="again")

    class Archived(Page, table=True):
        reason: Col[str]

    assert "class Page(Stamped, table='page'" in written(Page)
    assert "note: Col[str] = field(default='again')" in written(Page)
    assert "class Archived(Model, table='archived'" in written(Archived)
    assert "created_at: Col[datetime] = generated(role='created_at')" in written(Archived)
    assert "reason: Col[str]\n" in written(Archived)


def test_table_arguments_and_configuration_are_written() -> None:
    class Seat(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(frozen=True)
        row: Col[int] = field(primary_key=True)
        number: Col[int] = field(primary_key=True)
        boss_row: Col[int | None] = field(default=None)
        boss: Col[int | None] = field(default=None)
        __table_args__ = (
            sa.UniqueConstraint("row", "boss"),
            sa.Index("ix_boss", "boss", unique=True),
            sa.Index("ix_part", "boss", sqlite_where=sa.text("boss > 1")),
            sa.Index("ix_lower", sa.text("lower(boss)")),
            sa.ForeignKeyConstraint(
                ["boss_row", "boss"], ["seat.row", "seat.number"], ondelete="CASCADE"
            ),
            sa.CheckConstraint("row > 0", name="positive"),
            sa.CheckConstraint("row > 1"),
            {"comment": "it's", "sqlite_strict": False},
        )

    code = written(Seat)
    assert "model_config = {'frozen': True}" in code
    assert (
        "__table_args__ = (sa.UniqueConstraint('row', 'boss'),"
        " sa.Index('ix_boss', 'boss', unique=True), ..., ...,"
        " sa.ForeignKeyConstraint(['boss_row', 'boss'], ['seat.row', 'seat.number'],"
        " ondelete='CASCADE'), sa.CheckConstraint('row > 0', name='positive'),"
        " sa.CheckConstraint('row > 1'), {'comment': \"it's\", 'sqlite_strict': False},)"
    ) in code


def test_relations_to_classes_of_the_same_code_are_written() -> None:
    metadata = sa.MetaData()

    class Port(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        boats: RelatedList["Boat"] = relation(fk="port_id", order_by="-id")
        next_ports: RelatedList["Port"] = relation(through="Boat", fk=("port_id", "to_id"))

    class Boat(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        port_id: Col[int] = field(foreign_key=Port.id)
        to_id: Col[int | None] = field(default=None, foreign_key=Port.id)
        port: Related[Port] = relation(fk="port_id")
        to: Related[Port | None] = relation(fk="to_id")

    code = code_of_classes([Port, Boat])

    assert "boats: RelatedList['Boat'] = relation(fk='port_id', order_by='-id')" in code
    assert (
        "next_ports: RelatedList['Port'] = relation(fk=('port_id', 'to_id'), through='Boat')"
    ) in code
    assert "port: Related['Port'] = relation(fk='port_id')" in code
    assert "to: Related['Port | None'] = relation(fk='to_id')" in code
    assert "relation(" not in code_of_classes([Port])
    pasted = run(code)
    again = [pasted["Port"], pasted["Boat"]]
    assert code_of_classes(again) == code
    assert relation_of(again[0], "next_ports").link is again[1]


def test_copies_refer_to_copies() -> None:
    class Hero(Base, table=True):
        id: Col[int] = generated()
        team_id: Col[int] = field(foreign_key=Team.id, on_delete="CASCADE")
        code: Col[str | None] = field(default=None, foreign_key="Team.code", column="team_code")
        boss_id: Col[int | None] = field(default=None, foreign_key="Hero.id")

    team, hero = copies([Hero])
    assert {key.column.table for key in table_of(hero).foreign_keys} == {
        table_of(team),
        table_of(hero),
    }
    assert table_of(hero).metadata is not table_of(Hero).metadata
    assert "foreign_key='app.team.code'" in written(hero)
    assert "class Team(Base, table='team', schema='app', metadata=METADATA):" in written(team)
