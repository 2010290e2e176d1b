"""What is drawn for each type of the corpus is accepted, varied, and as wide as its bounds."""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, ConfigDict, create_model

from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.problems import Tally
from tests.unit.testing.strategies.corpus import JUDGED, MODELS, TYPES

DRAWS = 250 if os.environ.get("ANDAMIOS_TEST_DEEP") else 5

quickly = settings(max_examples=DRAWS, derandomize=True, database=None, deadline=None)


class Refusals:
    def __init__(self) -> None:
        self.draws = 0
        self.refused: Counter[str] = Counter()


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    """Every value that was drawn and then refused by anybody."""
    found = Refusals()

    def refuse(tally: Tally, name: str, judge: str, *, of: str | None = None) -> None:
        found.refused[f"{tally.model}.{name}: {judge}"] += 1

    monkeypatch.setattr(Tally, "refuse", refuse)
    return found


def model_of(annotation: Any) -> type[BaseModel]:
    config = ConfigDict(arbitrary_types_allowed=True)
    return create_model("Holder", __config__=config, value=(annotation, ...))


def drawn(model: type[BaseModel], storable: Any) -> list[BaseModel]:
    found = []

    @quickly
    @given(strategies.models(model, storable=storable))
    def draw(instance: BaseModel) -> None:
        found.append(instance)

    draw()
    return found


def assert_valid_again(instance: BaseModel) -> None:
    strict = instance.model_config.get("strict")
    dumped = dict(instance) if strict else instance.model_dump(round_trip=True)
    if "__init__" in vars(type(instance)):
        return
    type(instance).model_validate(dumped, by_alias=False, by_name=True)


def values_of(found: list[BaseModel]) -> set[str]:
    return {repr(opened(getattr(instance, "value", instance))) for instance in found}


def opened(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


@pytest.mark.parametrize("storable", [True, False])
@pytest.mark.parametrize("name", TYPES)
def test_nothing_is_refused(name: str, storable: bool, refusals: Refusals) -> None:
    found = drawn(model_of(TYPES[name]), storable)

    assert not refusals.refused
    if name not in ONLY_INSTANCES:
        for instance in found:
            assert_valid_again(instance)
    assert len(values_of(found)) > (name not in ONE_VALUE)


ONE_VALUE = {"int gt lt one value", "tuple[()]", "Literal of enum", "None", "set of nested"}
ONLY_INSTANCES = {"InstanceOf"}


@pytest.mark.parametrize("storable", [True, False])
@pytest.mark.parametrize("name", JUDGED)
def test_what_a_validator_refuses_is_drawn_again(name: str, storable: bool) -> None:
    found = drawn(model_of(JUDGED[name]), storable)

    assert len(values_of(found)) > 1


@pytest.mark.parametrize("storable", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_classes_of_every_kind(name: str, storable: bool, refusals: Refusals) -> None:
    found = drawn(MODELS[name], storable)

    assert not refusals.refused
    for instance in found:
        assert_valid_again(instance)
    assert len(values_of(found)) > 1
