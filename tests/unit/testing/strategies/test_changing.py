"""Changes to a schema: which there are, what each one alters, and what no migration could do."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import annotated_types as at
import sqlalchemy as sa
from hypothesis import find
from pydantic import NaiveDatetime

from andamios_orm import Col, Model, Timestamps, field, generated
from andamios_orm.migration.diff import Rename
from andamios_orm.schema.compiler import table_of
from andamios_orm.testing.strategies import schema_change
from andamios_orm.testing.strategies.changing import _Change, _Changing
from andamios_orm.testing.strategies.class_code import code_of_classes
from andamios_orm.testing.strategies.class_plan import KeyPlan
from andamios_orm.testing.strategies.copying import plans_of


class Base(Model, metadata=sa.MetaData()):
    pass


class Crew(Base, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    motto: Col[str | None] = field(default=None, max_length=250)


class Sailor(Base, Timestamps, table=True, schema="sea"):
    __table_args__ = (sa.UniqueConstraint("nick", "share"),)

    id: Col[int] = generated()
    nick: Col[str] = field(max_length=95)
    age: Col[int | None] = field(default=None)
    rank: Col[int] = field(ge=1, default=3)
    share: Col[Decimal] = field(max_digits=5, decimal_places=2)
    whole: Col[Decimal] = field(max_digits=38, decimal_places=0)
    born: Col[NaiveDatetime] = field(column="birth")
    crew_id: Col[int | None] = field(default=None, foreign_key=Crew.id, on_delete="SET NULL")
    crew_name: Col[str | None] = field(default=None, foreign_key=Crew.name, max_length=20)


class Berth(Base, table=True):
    """What it refers to has a key of two columns, its own."""

    __table_args__ = (sa.ForeignKeyConstraint(["above", "place"], ["berth.deck", "berth.name"]),)

    deck: Col[Decimal] = field(primary_key=True, max_digits=5, decimal_places=2)
    name: Col[str] = field(primary_key=True, max_length=10)
    above: Col[Decimal | None] = field(default=None, max_digits=5, decimal_places=2)
    place: Col[str | None] = field(default=None, max_length=10)


class Bag(Base, table=True):
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["deck", "name"], ["berth.deck", "berth.name"], ondelete="SET NULL"
        ),
    )

    id: Col[int] = generated()
    deck: Col[Decimal | None] = field(default=None, max_digits=5, decimal_places=2)
    name: Col[str | None] = field(default=None, max_length=10)


class Mate(Base, table=True):
    id: Col[int] = generated()
    boss_id: Col[int | None] = field(default=None, foreign_key="Mate.id")


class Deck(Base, table=True):
    id: Col[int] = generated()
    code: Col[str] = field(unique=True, max_length=10)
    above: Col[str | None] = field(default=None, foreign_key="Deck.code", max_length=10)


class Long(Base, table=True):
    id: Col[int] = generated()
    short: Col[str] = field(max_length=94, index=True)
    long: Col[str] = field(max_length=95, unique=True)
    free: Col[str] = field(max_length=95)
    endless: Col[str] = field(max_length=191)


class Keyed(Base, table=True):
    id: Col[int] = generated()
    one: Col[int] = field(unique=True)
    two: Col[int] = field(index=True)
    data: Col[list[int]]
    size: Col[int] = field(default=3)
    bounded: Col[int] = field(ge=1)
    marked: Col[Annotated[int, at.Predicate(bool)]]


class Person(Base, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(column="first")
    added: Col[bool]
    other: Col[bool] = field(column="added_")
    long: Col[bool] = field(column="x" * 60)
    what: Col[Any]
    either: Col[int | str | None] = field(default=None)


class Event(Base, table=True):
    id: Col[int] = generated()
    number: Col[int] = generated(server_default=sa.text("1"))
    version: Col[int] = generated(role="version")


class Trip(Base, table=True):
    __table_args__ = (sa.CheckConstraint("first < last", name="in_order"),)

    id: Col[int] = generated()
    first: Col[int]
    last: Col[int]


@cache
def changes_of(model: type[Model]) -> dict[str, _Change]:
    """All changes of a model, by what is told of them."""
    plans = plans_of([model])
    return {change.told: change for change in _Changing(model, plans, place(model)).changes()}


def place(model: type[Model]) -> int:
    return [plan.full_name for plan in plans_of([model])].index(table_of(model).fullname)


def told(model: type[Model], *columns: str) -> set[str]:
    """What is told of the changes of some columns."""
    return {each for each in changes_of(model) if each.partition(" ")[0] in columns}


def changed(model: type[Model], words: str) -> dict[str, tuple[object, dict[str, object]]]:
    """The fields that are others after a change: the type, and what `field()` is given."""
    before, after = plans_of([model]), changes_of(model)[words].plans
    (one,) = [n for n, plan in enumerate(after) if plan is not before[n] and plan != before[n]]
    assert after[one] == before[one].with_fields(after[one].fields)
    return {
        name: (plan.annotation, dict(plan.arguments))
        for name, plan in after[one].fields.items()
        if plan != before[one].fields.get(name)
    }


def lines(*models: type[Model]) -> set[str]:
    code = code_of_classes(models).partition("sa.MetaData()\n\n\n")[2]
    return {line.strip().replace("After(", "(") for line in code.splitlines()}


def test_there_is_a_change_of_each_thing_that_a_column_has() -> None:
    assert told(Sailor, "id") == {"id is renamed to id_new"}
    assert told(Sailor, "age") == {
        "age is renamed to age_new",
        "age is dropped",
        "age holds str, not int",
        "age holds Decimal, not int",
        "age is required",
        "age is unique",
        "age is indexed",
        "age has a default of the database",
    }
    assert told(Sailor, "birth") == {
        "birth is renamed to birth_new",
        "birth is dropped",
        "birth holds datetime, not NaiveDatetime",
        "birth is optional",
        "birth is unique",
        "birth is indexed",
    }
    assert told(Crew, "motto") == {
        "motto is renamed to motto_new",
        "motto is dropped",
        "motto takes longer texts",
        "motto takes texts of any length",
        "motto is required",
    }


def test_columns_are_added() -> None:
    added = {each: changed(Crew, each) for each in changes_of(Crew) if each.endswith(" is added")}

    assert added == {
        "an optional number, added, is added": {"added": (int | None, {"default": None})},
        "a number with a default, added, is added": {
            "added": (int, {"default": 0, "server_default": 0})
        },
        "an optional text with an index, added, is added": {
            "added": (str | None, {"default": None, "max_length": 20, "index": True})
        },
        "a text with a default, added, is added": {"added": (str, {"server_default": "it's %"})},
    }


def test_an_added_column_has_a_name_of_its_own() -> None:
    assert "an optional number, added__, is added" in changes_of(Person)


def test_a_renamed_column_says_what_it_was_called() -> None:
    assert changed(Person, "first is renamed to first_new") == {
        "name": (str, {"column": "first_new", "renamed_from": "first"})
    }
    assert not changes_of(Person)["first is renamed to first_new"].answers.renames


def test_a_name_with_more_is_no_longer_than_an_engine_keeps() -> None:
    (words,) = told(Person, "x" * 60) & {f"{'x' * 60} is renamed to {'x' * 25}_new"}

    assert changed(Person, words)["long"][1]["renamed_from"] == "x" * 60


def test_a_renamed_column_is_followed_by_keys_and_references() -> None:
    change = changes_of(Bag)["deck is renamed to deck_new"]
    (key,) = change.plans[place(Bag)].keys
    assert isinstance(key, KeyPlan)
    assert key.columns == ("deck_new", "name")

    (key,) = changes_of(Berth)["deck is renamed to deck_new"].plans[0].keys
    assert isinstance(key, KeyPlan)
    assert key.targets == ("berth.deck_new", "berth.name")


def test_a_generated_column_cannot_say_what_it_was_called() -> None:
    change = changes_of(Mate)["id is renamed to id_new"]

    assert change.answers.renames == {Rename("mate.id", "mate.id_new")}
    assert change.plans[0].fields["id"].arguments == {"column": "id_new"}
    assert change.plans[0].fields["boss_id"].arguments["foreign_key"] == "mate.id_new"


def test_a_renamed_table_is_told_and_followed() -> None:
    change = changes_of(Berth)["the table is renamed to berth_new"]
    (plan,) = change.plans
    (key,) = plan.keys

    assert change.answers.renames == {Rename("berth", "berth_new")}
    assert isinstance(key, KeyPlan)
    assert key.targets == ("berth_new.deck", "berth_new.name")
    moved = changes_of(Mate)["the table is renamed to mate_new"].plans[0]
    assert moved.fields["boss_id"].arguments["foreign_key"] == "mate_new.id"


def test_a_table_of_a_schema_stays_in_it() -> None:
    change = changes_of(Sailor)["the table is renamed to sailor_new"]

    assert change.plans[place(Sailor)].full_name == "sea.sailor_new"
    assert change.answers.renames == {Rename("sea.sailor", "sea.sailor_new")}


def test_a_type_holds_what_the_other_one_held() -> None:
    assert changed(Sailor, "age holds Decimal, not int") == {
        "age": (Decimal | None, {"default": None, "max_digits": 25, "decimal_places": 2})
    }
    assert changed(Sailor, "age holds str, not int") == {"age": (str | None, {"default": None})}
    assert changed(Sailor, "birth holds datetime, not NaiveDatetime") == {
        "born": (datetime, {"column": "birth"})
    }
    assert changed(Sailor, "share has more digits") == {
        "share": (Decimal, {"max_digits": 6, "decimal_places": 2})
    }
    assert "whole has more digits" not in changes_of(Sailor)  # no engine has 39
    assert changed(Crew, "motto takes longer texts") == {
        "motto": (str | None, {"default": None, "max_length": 500})
    }
    assert changed(Crew, "motto takes texts of any length") == {
        "motto": (str | None, {"default": None})
    }


def test_a_default_of_another_type_goes() -> None:
    assert changed(Keyed, "size holds str, not int") == {"size": (str, {})}


def test_a_column_in_a_key_stays_short_enough_for_it() -> None:
    found = changes_of(Long)

    assert "short takes longer texts" in found
    assert "long takes longer texts" not in found
    assert "free takes longer texts" in found
    assert not {"short takes texts of any length", "long takes texts of any length"} & found.keys()
    assert {"free is unique", "free is indexed"} <= found.keys()
    assert not {"endless is unique", "endless is indexed"} & found.keys()


def test_a_column_of_a_constraint_of_several_stays_what_it_is() -> None:
    assert told(Sailor, "nick") == {
        "nick is renamed to nick_new",
        "nick is optional",
        "nick is unique",
        "nick is indexed",
    }


def test_only_a_plain_column_gets_another_type() -> None:
    assert {each for each in changes_of(Keyed) if " holds " in each} == {
        "size holds str, not int",
        "size holds Decimal, not int",
    }


def test_a_column_that_another_refers_to_stays_what_it_is() -> None:
    assert told(Deck, "code") == {
        "code is renamed to code_new",
        "code is optional",
    }
    assert told(Deck, "above") == {
        "above is renamed to above_new",
        "above is dropped",
        "above is required",
        "above is unique",
        "above is indexed",
    }


def test_columns_of_a_reference_of_several_keep_their_type() -> None:
    words = (" holds ", " takes ", " digits")
    assert not [each for each in changes_of(Bag) if any(word in each for word in words)]
    # What would be set to null has to take it.
    assert not [each for each in changes_of(Bag) if each.endswith("required")]


def test_null_is_allowed_and_forbidden() -> None:
    assert changed(Sailor, "age is required") == {"age": (int, {})}
    assert changed(Sailor, "rank is optional") == {"rank": (int | None, {"ge": 1, "default": 3})}
    assert "crew_id is required" not in changes_of(Sailor)  # it is set to null
    assert "crew_name is required" in changes_of(Sailor)


def test_a_type_that_takes_null_in_its_own_way_is_not_made_required() -> None:
    assert not [each for each in changes_of(Person) if each.endswith("required")]


def test_keys_come_and_go() -> None:
    assert changed(Keyed, "one is not unique any more") == {"one": (int, {})}
    assert changed(Keyed, "two is not indexed any more") == {"two": (int, {})}
    assert changed(Keyed, "size is indexed") == {"size": (int, {"default": 3, "index": True})}
    assert changed(Keyed, "size is unique") == {"size": (int, {"default": 3, "unique": True})}
    # One of both at a time, and none of what cannot be indexed everywhere.
    assert not {"one is indexed", "two is unique", "data is unique"} & changes_of(Keyed).keys()


def test_defaults_of_the_database_come() -> None:
    assert changed(Sailor, "age has a default of the database") == {
        "age": (int | None, {"default": None, "server_default": 7})
    }
    assert changed(Person, "first has a default of the database") == {
        "name": (str, {"column": "first", "server_default": "it's"})
    }
    assert "rank has a default of the database" not in changes_of(Sailor)  # 7 may be too much


def test_what_the_library_or_the_database_makes_stays() -> None:
    assert told(Event, "version") == {"version is renamed to version_new"}
    assert told(Event, "number") == {
        "number is renamed to number_new",
        "number is dropped",
        "number is unique",
        "number is indexed",
    }


def test_a_constraint_in_words_of_its_own_keeps_names_and_columns() -> None:
    assert told(Trip, "first") == {
        "first holds str, not int",
        "first holds Decimal, not int",
        "first is optional",
        "first is unique",
        "first is indexed",
        "first has a default of the database",
    }
    moved = changes_of(Trip)["the table is renamed to trip_new"].plans[place(Trip)]
    assert moved.keys == plans_of([Trip])[0].keys


def test_a_change_has_copies_and_leaves_the_model_alone() -> None:
    plans = plans_of([Sailor])
    change = changes_of(Sailor)["age is required"].made(plans, place(Sailor))

    assert repr(change) == "<Sailor: age is required>"
    assert len({table_of(each).metadata for each in (change.before, change.after, Sailor)}) == 3
    assert lines(change.before) == lines(Sailor)
    assert lines(change.before) ^ lines(change.after) == {
        "age: Col[int | None] = field(default=None)",
        "age: Col[int]",
    }


def test_the_code_of_a_change_makes_both_again() -> None:
    change = find(schema_change(Sailor), lambda change: True)
    names: dict[str, Any] = {"__name__": "pasted"}
    exec(change.code, names)  # noqa: S102 - what is tested

    assert change.told == "an optional number, added, is added"
    for model in (change.before, change.after):
        assert lines(names[model.__name__]) == lines(model)
    assert {"Crew", "CrewAfter", "Sailor", "SailorAfter"} <= names.keys()
