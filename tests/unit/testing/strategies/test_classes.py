"""Random table classes: what they are, that they shrink, and that their code says it all."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from andamios_orm import Model
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.registry import declarations, default_metadata
from andamios_orm.schema.spec import ColumnOptions, FieldSpec, Kind
from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.class_code import code_of_classes
from andamios_orm.testing.strategies.class_plan import plan_of
from andamios_orm.testing.strategies.naming import same_name

DEEP = os.environ.get("ANDAMIOS_TEST_DEEP") == "1"
few = settings(
    derandomize=not DEEP,
    max_examples=500 if DEEP else 25,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Models = tuple[type[Model], ...]


def described(model: type[Model]) -> Iterator[object]:
    """All that a description says, without the classes themselves, which are others."""
    spec = spec_of(model)
    yield spec.table, spec.schema, plan_of(model).keys, plan_of(model).options
    for field in spec.fields:
        storage = field.storage
        marks = [mark for mark in field.info.metadata if not isinstance(mark, ColumnOptions)]
        yield field.name, field.column, storage.kind, storage.length, storage.precision
        yield storage.scale, storage.finite, field.nullable, field.primary_key, field.generated
        yield field.role, field.unique, field.index, field.bounds, field.secret, field.comment
        yield field.foreign_key, str(field.server_default), field.renamed_from, field.python_rules
        yield repr(field.info.default), sorted(map(repr, marks))


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
    missing: set[object] = {*FIELDS, *keys, *Kind} - {Kind.CUSTOM}

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
