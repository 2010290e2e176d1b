"""What cannot be drawn is said, with the field, the validator and what to do."""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NewType, NotRequired

import pydantic as p
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType, TypedDict

from andamios_orm import DeclarationError, UsageError
from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.problems import MostlyRefused, Undrawable
from andamios_orm.testing.strategies.registering import registry

quickly = settings(max_examples=100, derandomize=True, database=None, deadline=None)


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_strategies", {})
    registry.version += 1


class Opaque:
    pass


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    thing: Opaque
    things: list[Opaque] = []


def test_an_unknown_type_is_named_with_its_field() -> None:
    with pytest.raises(Undrawable, match=r"Holder\.thing: no strategy for Opaque") as caught:
        strategies.models(Holder)

    assert "strategies.register" in caught.value.fix


def test_a_registered_type_is_drawn_everywhere() -> None:
    known = Opaque()
    strategies.register(Opaque, st.builds(Opaque), boundary=[known])

    assert isinstance(find(strategies.models(Holder), lambda h: True).thing, Opaque)
    assert find(strategies.models(Holder), lambda h: h.thing is known).thing is known
    assert len(find(strategies.models(Holder), lambda h: len(h.things) > 1).things) > 1


Even = NewType("Even", int)
Odd = Annotated[int, "odd"]


class Numbers(BaseModel):
    even: Even
    odd: Odd | None
    evens: dict[str, list[Even]] = {}


def test_new_types_and_aliases_are_registered() -> None:
    strategies.register(Even, st.just(2))
    strategies.register(Odd, st.just(3))

    @quickly
    @given(strategies.models(Numbers))
    def holds(numbers: Numbers) -> None:
        assert numbers.even == 2
        assert numbers.odd in (None, 3)
        assert all(n == 2 for many in numbers.evens.values() for n in many)

    holds()


def test_a_name_of_no_field_is_refused() -> None:
    with pytest.raises(UsageError, match="Numbers has no field `odds`"):
        strategies.models(Numbers, overrides={"odds": st.just(1)})
    with pytest.raises(UsageError, match="Numbers has no field `odds`"):
        strategies.fields(Numbers, "odds")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="oracle"):
        strategies.models(Numbers, storable="oracle")  # type: ignore[arg-type] # on purpose


class Narrow(BaseModel):
    code: str

    @p.field_validator("code")
    @classmethod
    def known(cls, value: str) -> str:
        if value != "one of a million":
            raise ValueError("unknown")
        return value


class NarrowRow(BaseModel):
    a: int
    b: int

    @p.model_validator(mode="after")
    def add_up(self) -> "NarrowRow":
        if self.a + self.b != 123_456_789:
            raise ValueError("wrong sum")
        return self


class NarrowInfo(BaseModel):
    a: int

    @p.field_validator("a")
    @classmethod
    def asked(cls, value: int, info: p.ValidationInfo) -> int:
        raise ValueError("never")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Narrow, r"Narrow\.code: the validator `Narrow\.known` refuses"),
        (NarrowRow, r"NarrowRow: the validator `NarrowRow\.add_up` refuses"),
        (NarrowInfo, r"NarrowInfo\.a: the validator `NarrowInfo\.asked` refuses"),
    ],
)
def test_a_validator_that_refuses_nearly_all_is_named(model: Any, told: str) -> None:
    @quickly
    @given(strategies.models(model))
    def draw(instance: BaseModel) -> None: ...

    with pytest.raises(MostlyRefused, match=told) as caught:
        draw()

    assert "overrides=" in caught.value.fix


def test_an_override_cures_it() -> None:
    cured = strategies.models(Narrow, overrides={"code": st.just("one of a million")})

    assert find(cured, lambda row: True).code == "one of a million"


class Impossible(BaseModel):
    n: int = Field(gt=3, lt=4)


class Endless(BaseModel):
    inner: "Endless"


@pytest.mark.parametrize("model", [Impossible, Endless])
def test_what_has_no_value_is_said(model: type[BaseModel]) -> None:
    with pytest.raises(Undrawable, match="no value keeps all its constraints"):
        strategies.models(model)


@pytest.mark.parametrize("pattern", [r"^[a-z&&[^b]]$", r"^\p{Nonsense}$"])
def test_a_pattern_that_python_cannot_read_is_said(pattern: str) -> None:
    coded: Any = p.create_model("Coded", code=(str, Field()))
    coded.__pydantic_core_schema__["schema"]["fields"]["code"]["schema"]["pattern"] = pattern

    with pytest.raises(Undrawable, match=r"Coded\.code: the pattern"):
        strategies.models(coded)


class OpaqueDict(TypedDict):
    thing: Opaque
    other: NotRequired[int]


@dataclass
class OpaqueData:
    things: list[Opaque]
    more: Opaque | None = None


class OpaqueTuple(NamedTuple):
    thing: Opaque


OpaqueAlias = TypeAliasType("OpaqueAlias", dict[str, Opaque])
Wrapped = NewType("Wrapped", Opaque)


class Everywhere(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    one: OpaqueDict
    two: OpaqueData
    three: OpaqueTuple
    four: OpaqueAlias
    five: Wrapped | int
    six: tuple[Annotated[Opaque, "marked"], ...]
    seven: Annotated[list[Opaque], Field(max_length=2)]


def test_a_registered_type_is_found_at_any_depth() -> None:
    known = Opaque()
    strategies.register(Opaque, st.just(known))

    @quickly
    @given(strategies.models(Everywhere))
    def holds(all_of_them: Everywhere) -> None:
        assert all_of_them.one["thing"] is known
        assert set(all_of_them.two.things) <= {known}
        assert all_of_them.three.thing is known
        assert set(all_of_them.four.values()) <= {known}
        assert all_of_them.five is known or isinstance(all_of_them.five, int)
        assert {*all_of_them.six, *all_of_them.seven} <= {known}

    holds()


class Sum(BaseModel):
    a: int = Field(ge=0, le=3)
    b: int = Field(ge=0, le=3)

    @p.field_validator("b")
    @classmethod
    def more(cls, value: int, info: p.ValidationInfo) -> int:
        if value < info.data.get("a", 0):
            raise ValueError("less than a")
        return value


def test_values_of_a_field_that_looks_at_others_are_those_of_whole_instances() -> None:
    assert find(strategies.fields(Sum, "b"), lambda value: value == 3) == 3


def test_an_override_of_a_root_model() -> None:
    class Root(p.RootModel[int]):
        pass

    assert find(strategies.models(Root, overrides={"root": st.just(5)}), lambda r: True).root == 5


def test_a_class_that_is_not_complete_is_said() -> None:
    class Later(BaseModel):
        other: "NeverDeclared"  # type: ignore[name-defined] # noqa: F821 - on purpose

    with pytest.raises(DeclarationError, match="Later: an annotation names a class"):
        strategies.models(Later)
