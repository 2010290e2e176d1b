"""Random table classes: what they are, that they shrink, and that their code says it all."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from andamios_orm import Model, Timestamps, UUIDKey, Versioned
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.registry import declarations, default_metadata
from andamios_orm.schema.spec import ColumnOptions, FieldSpec, Kind
from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.class_code import code_of_classes
from andamios_orm.testing.strategies.class_plan import (
    ClassPlan,
    FieldPlan,
    KeyPlan,
    plan_of,
    relations_of,
)
from andamios_orm.testing.strategies.classes import (
    _Column,
    _columns,
    _fields,
    _Key,
    _key_columns,
    _plans,
    _Reference,
    _Seed,
)
from andamios_orm.testing.strategies.field_kinds import Typed
from andamios_orm.testing.strategies.naming import same_name
from tests.unit.testing.strategies.drawing import reached, some

DEEP = os.environ.get("ANDAMIOS_TEST_DEEP") == "1"
few = settings(
    derandomize=not DEEP,
    max_examples=500 if DEEP else 25,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Models = tuple[type[Model], ...]
NUMBER = Typed(int)


def described(model: type[Model]) -> Iterator[object]:
    """All that a description says, without the classes themselves, which are others."""
    spec = spec_of(model)
    yield spec.table, spec.schema, plan_of(model).keys, plan_of(model).options
    yield relations_of(model)
    for field in spec.fields:
        storage = field.storage
        marks = [mark for mark in field.info.metadata if not isinstance(mark, ColumnOptions)]
        yield field.name, field.column, storage.kind, storage.length, storage.precision
        yield storage.scale, storage.finite, field.nullable, field.primary_key, field.generated
        yield field.role, field.unique, field.index, field.bounds, field.secret, field.comment
        yield field.foreign_key, str(field.server_default), field.renamed_from, field.python_rules
        # Of two enumerations with one name the code calls the second one otherwise.
        yield re.sub(r"Color\d+", "Color", repr(field.info.default)), sorted(map(repr, marks))


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "pasted"}
    exec(code, names)  # noqa: S102 - what is tested
    return names


@few
@given(strategies.schema_models())
def test_the_code_of_random_classes_makes_them_again(models: Models) -> None:
    names = run(code_of_classes(models))
    for model in models:
        assert list(described(names[model.__name__])) == list(described(model))


@few
@given(strategies.schema_models(most=3))
def test_random_classes_are_tables_of_their_own(models: Models) -> None:
    tables = [table_of(model) for model in models]
    assert 1 <= len(models) <= 3
    assert len({table.metadata for table in tables}) == 1
    assert tables[0].metadata is not default_metadata
    assert [d.model for d in declarations(tables[0].metadata)] == list(models)
    for table in tables:
        assert len(table.name.encode()) <= 63
        assert len({same_name(column.name) for column in table.columns}) == len(table.columns)
        assert {key.ondelete for key in table.foreign_key_constraints} <= {
            None,
            "RESTRICT",
            "NO ACTION",
        }


def test_they_shrink_to_one_class_with_one_key() -> None:
    (model,) = smallest(lambda models: True)
    assert [(f.name, f.storage.kind) for f in spec_of(model).fields] == [("id", Kind.INTEGER)]
    assert (model.__name__, spec_of(model).table) == ("Hero", "hero")


def shown(models: Models) -> Iterator[object]:
    """What of all that can be drawn is there."""
    for model in models:
        yield from (type(key) for key in spec_of(model).table_args)
        for relation in relations_of(model).values():
            link = "through" in relation.arguments
            yield "many to many" if link else "to many" if relation.many else "to one"
        for field in spec_of(model).fields:
            yield field.storage.kind
            yield from (told for told, holds in FIELDS.items() if holds(field))


FIELDS: dict[str, Callable[[FieldSpec], object]] = {
    "nullable reference": lambda f: f.foreign_key is not None and f.nullable,
    "reference": lambda f: f.foreign_key is not None and not f.nullable,
    "unique": lambda f: f.unique,
    "index": lambda f: f.index,
    "default of the database": lambda f: f.server_default is not None and f.role is None,
    "name to quote": lambda f: f.column != f.name and not f.column.isidentifier(),
    "bound": lambda f: f.bounds,
    "role": lambda f: f.role,
    "comment": lambda f: f.comment,
}


def test_everything_is_drawn() -> None:
    keys = {sa.ForeignKeyConstraint, sa.UniqueConstraint, sa.Index, dict}
    relations = {"to one", "to many", "many to many"}
    missing: set[object] = {*FIELDS, *keys, *relations, *Kind} - {Kind.CUSTOM}

    def is_all(models: Models) -> bool:
        missing.difference_update(shown(models))
        return not missing

    # Drawing ends with the last of them. How soon depends on the modules that are loaded, since
    # hypothesis takes constants from them, and a truth value is one column of 220.
    with suppress(NoSuchExample):
        find(
            strategies.schema_models(),
            is_all,
            settings=settings(few, max_examples=5000),
        )
    assert missing == set()


def test_what_one_engine_has_is_drawn_for_it_only() -> None:
    def cascades(models: Models) -> bool:
        keys = [key for model in models for key in table_of(model).foreign_key_constraints]
        return any(key.ondelete == "CASCADE" for key in keys)

    smallest(cascades, engine="postgresql")


def smallest(condition: Any, **options: Any) -> Models:
    return find(
        strategies.schema_models(**options),
        condition,
        settings=settings(
            derandomize=True,
            max_examples=3000,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


# ---- from chosen seeds ---------------------------------------------------------------------------


def wished(table: str = "hero", **parts: Any) -> _Seed:
    wanted: dict[str, Any] = {
        **{"key": [], "counted": "id", "uuid": False, "mixins": [], "columns": []},
        **{"references": [], "link": False, "keys": [], "comment": None},
    }
    return _Seed(table, **{**wanted, **parts})


def declared(seeds: list[_Seed]) -> tuple[ClassPlan, ...]:
    return _plans(seeds, alone=False)


def reference(target: int, key: int, **parts: Any) -> _Reference:
    return _Reference(target, key, **{"related": False, "referring": None, **parts})


def column(
    name: str, typed: Typed = NUMBER, column: str | None = None, **arguments: Any
) -> _Column:
    return _Column(name, column or name, typed, typed.plan(**arguments))


def test_a_table_and_a_class_are_made_once() -> None:
    plans = declared([wished("it's"), wished("it s"), wished("IT'S")])

    assert [(plan.name, plan.table) for plan in plans] == [("ItS", "it's"), ("ItS_", "it s")]


def test_a_key_has_the_columns_that_fit_into_an_index_together() -> None:
    long = Typed(str, {"max_length": 500}, bytes=2000)
    keys = [column("key", primary_key=True), column("key", long, "Key of", primary_key=True)]
    (long_one,) = declared([wished(key=keys)])
    assert list(long_one.fields) == ["key0"]
    (short,) = declared([wished(key=[keys[0], column("key", column="Key of", primary_key=True)])])
    assert {name: each.column(name) for name, each in short.fields.items()} == {
        "key0": "key0",
        "key1": "Key of1",
    }


def test_a_class_without_a_key_has_a_counted_one_or_a_uuid() -> None:
    (counted,) = declared([wished(counted="number")])
    (uuid,) = declared([wished(uuid=True, mixins=[Timestamps])])

    assert counted.fields["number"].generated
    assert uuid.bases == (UUIDKey, Timestamps)
    assert uuid.fields == {}


def test_a_name_that_an_engine_would_take_for_another_is_left_out() -> None:
    columns = [column("Id"), column("Total"), column("total"), column("price", column="TOTAL")]
    columns += [column("rank", column="two words"), column("version")]
    (plan,) = declared([wished(columns=columns, mixins=[Versioned])])

    assert {name: each.column(name) for name, each in plan.fields.items()} == {
        "id": "id",
        "Total": "Total",
        "rank": "two words",
    }


def test_a_reference_is_to_a_key_of_a_class_before_or_to_itself() -> None:
    to_unique = reference(0, 1, optional=True, index=True, on_delete="SET NULL")
    to_key = reference(1, 0, optional=False, index=False, on_delete="SET NULL")
    code = column("code", Typed(str, {"max_length": 9}, bytes=36), unique=True)
    plans = declared(
        [
            wished("team"),
            wished("hero", columns=[code], references=[to_unique, to_key]),
        ]
    )

    assert plans[1].fields["ref0"].arguments == {
        "default": None,
        "max_length": 9,
        "foreign_key": "hero.code",
        "on_delete": "SET NULL",
        "index": True,
    }
    # What cannot be null is not set to it.
    assert plans[1].fields["ref1"].arguments == {"foreign_key": "team.id"}
    assert plans[1].fields["ref1"].annotation is int


@pytest.mark.parametrize(
    ("on_delete", "options"), [("CASCADE", {"ondelete": "CASCADE"}), (None, {})]
)
def test_a_reference_to_a_key_of_several_is_one(on_delete: Any, options: Any) -> None:
    key = [column("key", primary_key=True), column("key", primary_key=True)]
    to_team = reference(1, 0, optional=True, index=True, on_delete=on_delete)
    plans = declared([wished("team", key=key), wished("hero", references=[to_team])])

    assert plans[1].keys == (
        KeyPlan(sa.ForeignKeyConstraint, ("ref0_0", "ref0_1"), ("team.key0", "team.key1"), options),
    )
    assert plans[1].fields["ref0_0"].arguments == {"default": None}


def test_constraints_are_over_different_columns_that_fit() -> None:
    unique, index = sa.UniqueConstraint, sa.Index
    text = Typed(str, {}, bytes=4000)
    columns = [column("age"), column("rank"), column("long", text)]
    keys = [
        _Key(unique, [1, 2], unique=False),
        _Key(index, [1, 2], unique=True),  # there already
        _Key(index, [4, 1], unique=True),
        _Key(index, [0, 1], unique=False),
        _Key(unique, [1, 4], unique=False),  # the same column twice
    ]
    (plan,) = declared([wished(columns=columns, keys=keys, comment="it's")])

    assert plan.keys == (KeyPlan(unique, ("age", "rank")), KeyPlan(index, ("id", "age")))
    assert plan.options == {"comment": "it's"}


def test_what_the_library_makes_tells_no_rows_apart() -> None:
    mixins = [Timestamps, Versioned]
    keys = [_Key(sa.UniqueConstraint, [1, 2], unique=False), _Key(sa.Index, [1, 2], unique=False)]
    (plan,) = declared([wished(mixins=mixins, keys=keys)])

    assert [key.kind for key in plan.keys if isinstance(key, KeyPlan)] == [sa.Index]


def has(arguments: dict[str, Any], plan: FieldPlan) -> bool:
    return plan.arguments == arguments


def test_fields_have_defaults_keys_and_comments() -> None:
    typed = Typed(int, {"ge": 0}, (7,), (5,))
    ways: list[dict[str, Any]] = [
        {"ge": 0},
        {"ge": 0, "default": None},
        {"ge": 0, "default": 7},
        {"ge": 0, "server_default": 5},
        {"ge": 0, "unique": True},
        {"ge": 0, "index": True},
    ]

    for arguments in ways:
        found = reached(_fields(typed), partial(has, arguments))
        assert (found.annotation == (int | None)) is (arguments.get("default", 0) is None)
    assert "comment" in reached(_fields(typed), lambda plan: "comment" in plan.arguments).arguments
    for plan in some(_fields(Typed(list[int], keyed=False)), 30):
        assert plan.arguments.keys() <= {"default", "comment"}


def test_columns_have_names_of_their_own_or_those_of_fields() -> None:
    assert reached(_columns(), lambda each: each.column == each.name).plan.arguments is not None
    assert reached(_columns(), lambda each: each.column != each.name).name.isidentifier()
    key = reached(_key_columns(), lambda each: each.column == "Key of")
    assert key.plan.arguments["primary_key"] is True
