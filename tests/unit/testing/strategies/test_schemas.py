"""What a class says of its fields, in schemas that pydantic makes for few of them."""

import uuid
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

import pydantic as p
import pydantic_core
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema
from typing_extensions import TypedDict

from andamios_orm import Col, Model, field, generated, register_type
from andamios_orm.errors import NotSupported
from andamios_orm.schema.columns import Stored
from andamios_orm.testing import strategies
from andamios_orm.testing.strategies import columns, instances, schemas
from andamios_orm.testing.strategies.annotations import field_schema
from andamios_orm.testing.strategies.problems import MostlyRefused, Tally, Undrawable
from andamios_orm.testing.strategies.registering import registry
from andamios_orm.testing.strategies.schemas import Context, strategy_of
from andamios_orm.testing.strategies.storable import limits_of
from tests.unit.testing.strategies.corpus import Right
from tests.unit.testing.strategies.drawing import reached, some


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_strategies", {})
    registry.version += 1


def context(**parts: Any) -> Context:
    return Context(
        **{
            "where": "Holder.it",
            "limits": limits_of(storable=True),
            "instances": lambda model, context: st.nothing(),
            "registered": registry.get,
            "field_schema": lambda cls, name, schema, context: schema,
            "tally": Tally("Holder"),
            **parts,
        }
    )


def drawn(schema: Any, **parts: Any) -> list[Any]:
    return some(strategy_of(schema, context(**parts)), 20)


def test_a_registered_class_is_drawn_wherever_a_schema_names_it() -> None:
    strategies.register(uuid.UUID, st.just(uuid.UUID(int=7)))

    assert set(drawn(core_schema.is_instance_schema(uuid.UUID))) == {uuid.UUID(int=7)}


def test_an_unknown_schema_is_said() -> None:
    with pytest.raises(Undrawable, match="no strategy for invalid"):
        strategy_of({"type": "invalid"}, context())
    with pytest.raises(Undrawable, match="no strategy for what `int` reads"):
        strategy_of(core_schema.no_info_plain_validator_function(int), context())


def test_a_validator_in_the_place_of_another_says_what_it_reads() -> None:
    plain = core_schema.no_info_plain_validator_function(
        abs,
        json_schema_input_schema=core_schema.int_schema(ge=3),
        serialization=core_schema.plain_serializer_function_ser_schema(
            abs, return_schema=core_schema.any_schema()
        ),
    )
    assert all(value >= 3 for value in drawn(plain))
    seen = {**plain, "serialization": {"type": "x", "schema": core_schema.any_schema()}}
    assert all(value >= 3 for value in drawn(seen))


def test_flags_are_united() -> None:
    assert schemas._united({Right.READ, Right.WRITE}) == Right.READ | Right.WRITE
    assert schemas._united({Right.RUN}) is Right.RUN
    members = core_schema.enum_schema(Right, list(Right))
    assert reached(strategy_of(members, context()), lambda flag: len(list(flag)) == 3)


@pytest.mark.skipif(not hasattr(pydantic_core, "MISSING"), reason="pydantic has it since 2.12")
def test_what_is_missing_is_drawn_as_such() -> None:
    assert set(drawn({"type": "missing-sentinel"})) == {getattr(pydantic_core, "MISSING")}  # noqa: B009 - older pydantics have none


def test_definitions_hold_for_what_is_inside() -> None:
    schema = core_schema.definitions_schema(
        core_schema.list_schema(core_schema.definition_reference_schema("n"), min_length=1),
        [core_schema.int_schema(ge=3, le=4, ref="n")],
    )
    assert {number for numbers in drawn(schema) for number in numbers} <= {3, 4}


def test_a_value_is_checked_with_the_definitions_around_it() -> None:
    known = {"n": core_schema.int_schema(ge=3, ref="n")}
    reference = core_schema.definition_reference_schema("n")
    check = schemas.checker(reference, context(definitions=known))

    assert check(3) == 3
    with pytest.raises(p.ValidationError):
        check(2)


@pytest.mark.parametrize(
    "schema",
    [
        core_schema.list_schema(core_schema.int_schema(), min_length=3, max_length=2),
        core_schema.list_schema(core_schema.int_schema(gt=0, lt=1), min_length=1),
        core_schema.set_schema(core_schema.int_schema(), min_length=3, max_length=2),
        core_schema.dict_schema(
            core_schema.str_schema(), core_schema.int_schema(), min_length=3, max_length=2
        ),
        core_schema.dict_schema(
            core_schema.str_schema(), core_schema.int_schema(gt=0, lt=1), min_length=1
        ),
    ],
)
def test_a_container_that_cannot_be_is_not_drawn(schema: Any) -> None:
    assert strategy_of(schema, context()).is_empty


def test_a_container_of_what_cannot_be_is_empty() -> None:
    nothing = core_schema.int_schema(gt=0, lt=1)

    assert drawn(core_schema.list_schema(nothing))[0] == []
    assert {len(value) for value in drawn(core_schema.list_schema(nothing))} == {0}
    texts = core_schema.str_schema()
    assert drawn(core_schema.dict_schema(texts, nothing)) == [{}]


def test_a_set_of_anything_has_hashable_items_and_is_unique_by_them() -> None:
    for value in drawn(core_schema.set_schema()):
        assert all(isinstance(item, int | str) for item in value)
    assert schemas._hashed([1]) == schemas._hashed([1]) == "[1]"
    assert schemas._hashed((1,)) == (1,)


def test_fractions_are_instances_of_their_class() -> None:
    assert all(
        isinstance(value, Fraction) for value in drawn(core_schema.is_instance_schema(Fraction))
    )


def test_text_that_has_no_bytes_is_not_encoded() -> None:
    assert schemas._is_encodable("é")
    assert not schemas._is_encodable("\ud800")


# ---- classes -----------------------------------------------------------------------------------


class Turtle(TypedDict, total=False):
    under: "Turtle"
    name: str


@dataclass
class Doll:
    inner: "Doll | None" = None


class Link(NamedTuple):
    next: "Link | None"


class Nest(BaseModel):
    turtle: Turtle
    doll: Doll
    link: Link


def depth(value: Any) -> int:
    inside = (
        value.get("under")
        if isinstance(value, dict)
        else (value.inner if isinstance(value, Doll) else value.next)
    )
    return 1 + (depth(inside) if inside is not None else 0)


def test_a_class_inside_itself_ends() -> None:
    for nest in some(strategies.models(Nest), 30):
        assert max(depth(nest.turtle), depth(nest.doll), depth(nest.link)) <= schemas._DEEPEST


@pytest.mark.parametrize("name", ["turtle", "doll", "link"])
def test_a_class_that_is_too_deep_inside_itself_is_not_drawn(name: str) -> None:
    cls: Any = Nest.model_fields[name].annotation
    schema: Any = p.TypeAdapter(cls).core_schema
    if schema["type"] == "definitions":
        schema = schema["schema"] if "cls" in schema["schema"] else schema["definitions"][0]

    assert strategy_of(schema, context(path=(cls,) * schemas._DEEPEST)).is_empty


def test_an_anonymous_dict_has_fields_too() -> None:
    schema = core_schema.typed_dict_schema(
        {
            "a": core_schema.typed_dict_field(core_schema.int_schema(ge=1, le=1)),
            "b": core_schema.typed_dict_field(core_schema.bool_schema(), required=False),
        },
        cls_name="Pair",
    )
    found = drawn(schema)

    assert {value["a"] for value in found} == {1}
    assert {"b" in value for value in found} == {True, False}
    odd = core_schema.typed_dict_schema(
        {"a": core_schema.typed_dict_field(core_schema.is_instance_schema(Tally))}
    )
    with pytest.raises(Undrawable, match=r"TypedDict\.a: no strategy for Tally"):
        strategy_of(odd, context())


@pydantic_dataclass
class Halves:
    whole: int = Field(ge=0, le=9)
    half: float = dataclass_field(init=False, default=0.0)

    @p.model_validator(mode="before")
    @classmethod
    def given(cls, values: Any) -> Any:
        """Nothing is changed."""
        return values

    @p.model_validator(mode="after")
    def divided(self) -> "Halves":
        """The half follows from the whole."""
        self.half = self.whole / 2
        return self


class WithHalves(BaseModel):
    it: Halves


def test_a_dataclass_is_made_by_its_own_validators() -> None:
    for holder in some(strategies.models(WithHalves), 15):
        assert holder.it.half == holder.it.whole / 2


class Opaque:
    pass


@pydantic_dataclass(config=ConfigDict(arbitrary_types_allowed=True))
class Mixed:
    thing: Opaque
    size: int = 1


class Plain:
    size: int


def test_a_class_with_a_registered_field_keeps_the_schemas_of_the_others() -> None:
    number = core_schema.int_schema()
    assert field_schema(Mixed, "size", number) is number

    strategies.register(Opaque, st.builds(Opaque))
    assert field_schema(Mixed, "size", number) is number
    assert field_schema(Plain, "size", number) is number
    assert field_schema(Mixed, "thing", number)["metadata"] == {schemas.MARK: Opaque}


def test_an_annotation_that_has_no_hash_is_not_registered() -> None:
    strategies.register(Opaque, st.builds(Opaque))

    assert Annotated[int, []] not in registry
    assert Opaque in registry


# ---- instances ---------------------------------------------------------------------------------


class Root(p.RootModel[Annotated[int, Field(gt=0, lt=1)]]):
    pass


class Inner(BaseModel):
    thing: Opaque = Opaque()
    model_config = ConfigDict(arbitrary_types_allowed=True)


class Outer(BaseModel):
    inner: Inner


def test_what_has_no_instance_is_said() -> None:
    with pytest.raises(Undrawable, match="Root: no instance keeps all its constraints"):
        strategies.models(Root)


def test_a_field_is_named_once_where_it_cannot_be_drawn() -> None:
    with pytest.raises(Undrawable) as caught:
        strategies.models(Outer)

    assert str(caught.value).count("no strategy for Opaque") == 1
    assert "Inner.thing: no strategy for Opaque" in str(caught.value)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int
    b: int = Field(alias="x")
    c: int = Field(default=0, validation_alias="y")


def test_undeclared_fields_have_names_of_nobody() -> None:
    is_free = instances._is_free(instances._described(Open))

    assert [name for name in ("a", "b", "c", "x", "y", "copy", "cab") if is_free(name)] == ["cab"]


class Empty(BaseModel):
    a: int = Field(default=0, gt=0, lt=1)
    b: int = 5


def test_a_field_without_a_value_keeps_its_default() -> None:
    assert {row.a for row in some(strategies.models(Empty), 10)} == {0}


def test_a_validator_of_pydantics_does_not_look_around() -> None:
    ours = core_schema.with_info_after_validator_function(
        lambda value, info: value, core_schema.int_schema()
    )
    theirs: Any = {**ours, "function": {**ours["function"], "function": p.BaseModel.model_validate}}

    assert instances._has_info(ours)
    assert not instances._has_info({**theirs, "schema": None})
    assert instances._has_info({**theirs, "schema": ours})


class Base(Model, metadata=sa.MetaData()):
    pass


class Upper(sa.types.TypeDecorator[str]):
    impl = sa.String(3)
    cache_ok = True


@dataclass
class Weight:
    grams: int


register_type(Weight, sa.Integer(), encode=lambda weight: weight.grams, decode=Weight)


class Scale(Base, table=True):
    id: Col[int] = generated()
    weight: Col[Weight]


class Shelf(Base, table=True):
    id: Col[int] = generated()
    size: Col[int]
    code: Col[str] = field(column_type=Upper())
    even: Col[Annotated[int, p.AfterValidator(lambda value: refused(value))]]


def refused(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


@pytest.mark.parametrize("draw", ["models", "fields"])
def test_a_column_that_refuses_all_is_named(draw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "judge_of", lambda model, name, limits: lambda value: False)
    registry.version += 1
    strategy: Any = (
        strategies.models(Shelf) if draw == "models" else strategies.fields(Shelf, "size")
    )

    with pytest.raises(MostlyRefused, match=r"Shelf\.\w+: the column refuses"):
        some(strategy, 200)


def test_a_value_that_a_validator_refuses_is_not_a_fields() -> None:
    shelf = instances._described(Shelf)
    strategy = instances._field_values(shelf, shelf.parts["even"], limits_of(storable=True))

    assert {value % 2 for value in some(strategy, 30)} == {0}


def test_a_field_that_its_schema_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check = p.TypeAdapter(int).validate_python
    monkeypatch.setattr(instances, "checker", lambda schema, context: lambda value: check("x"))
    registry.version += 1

    with pytest.raises(MostlyRefused, match=r"Shelf\.size: a validator \(int_parsing\) refuses"):
        some(strategies.fields(Shelf, "size"), 200)


def test_an_engine_that_cannot_have_the_column_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(stored: Stored, dialect: sa.Dialect) -> Any:
        raise NotSupported("no such column", "use another engine")

    monkeypatch.setattr(Stored, "bind_processor", refuse)
    holds = columns.judge_of(Shelf, "size", limits_of(storable=True))

    assert holds is not None
    assert holds(2**63)


def test_rules_of_a_type_with_a_codec_are_its_owners() -> None:
    assert columns.rules_of(Scale, "weight", limits_of(storable=True)) == {}


def test_rules_are_those_of_the_type_inside_a_decorator() -> None:
    assert columns.rules_of(Shelf, "code", limits_of(storable=True)) == {"max_length": 3}


def test_a_column_says_what_it_does_not_hold() -> None:
    holds = columns.judge_of(Shelf, "size", limits_of(storable=True))

    assert holds is not None
    assert holds(None)
    assert holds(2**63 - 1)
    assert not holds(2**63)
