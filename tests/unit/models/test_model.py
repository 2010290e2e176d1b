"""A class that inherits from Model: what its statement accepts, and how its instances behave."""

import copy
import pickle
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field, PrivateAttr, ValidationError, create_model

from andamios_orm import Col, Model, UUIDKey, field, generated, uuid7
from andamios_orm.errors import DeclarationError, NotLoaded, ReservedName
from andamios_orm.models.columns import UNSET

METADATA = sa.MetaData()
T = TypeVar("T")


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=9)
    tags: Col[list[str]] = field(default_factory=list)
    secret_name: Col[str] = field(default="x", secret=True)
    made: Col[datetime] = generated(server_default=sa.func.now())
    _note: str = PrivateAttr(default="n")


class Timed(Model):
    """A mixin."""

    made: Col[datetime] = generated(server_default=sa.func.now())


class Named(Timed):
    name: Col[str]


class Team(Named, table="teams", metadata=METADATA):
    id: Col[int] = generated()


class Box(Model, Generic[T]):
    content: Col[T]


class IntBox(Box[int], table=True, metadata=METADATA):
    id: Col[int] = generated()


def stored(**values: Any) -> Hero:
    return Hero.model_validate({"id": 1, "name": "Ada", "made": datetime(2024, 1, 1)} | values)


# ---- the class ---------------------------------------------------------------------------------


def test_a_class_without_a_table_name_gets_its_own_in_snake_case() -> None:
    assert Hero.__table__.name == "hero"


def test_a_class_with_a_table_name_keeps_it() -> None:
    assert Team.__table__.name == "teams"


def test_a_table_has_the_columns_of_its_bases_first() -> None:
    assert [c.name for c in Team.__table__.columns] == ["made", "name", "id"]


def test_a_generic_base_gives_its_column_the_type_of_the_parameter() -> None:
    assert str(IntBox.__table__.c.content.type) == "BIGINT"
    with pytest.raises(ValidationError):
        IntBox.model_validate({"content": "x"})


def test_a_table_without_a_value_for_its_type_parameter_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"OpenBox\.content: the type parameter ~T"):

        class OpenBox(Box[T], Generic[T], table=True, metadata=METADATA):
            id: Col[int] = generated()


def test_the_columns_are_found_on_the_class_and_listed() -> None:
    assert repr(Hero.name) == "Hero.name"
    assert {"id", "name", "made"} <= set(dir(Hero))


def test_a_column_read_twice_is_one_object() -> None:
    assert Hero.name is Hero.name


def test_an_inherited_column_belongs_to_the_class_it_is_read_on() -> None:
    assert repr(Team.name) == "Team.name"


def test_a_field_of_a_class_without_a_table_is_no_column() -> None:
    with pytest.raises(AttributeError, match=r"Named\.name is a field of a class without a table"):
        Named.name  # noqa: B018 - reading it is the test

    assert "name" not in dir(Named)


@pytest.mark.parametrize("cls", [Hero, Named, Model])
def test_a_misspelt_column_is_an_attribute_error(cls: type) -> None:
    with pytest.raises(AttributeError, match="nmae"):
        cls.nmae  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test


def test_a_class_without_a_table_has_no_table_object() -> None:
    assert not hasattr(Named, "__table__")


def test_the_metadata_holds_every_table_declared_in_it() -> None:
    assert {"hero", "teams", "int_box"} <= set(Hero.metadata.tables)


def test_a_subclass_keeps_its_tables_in_the_metadata_of_its_base() -> None:
    class Base(Model, metadata=sa.MetaData()):
        id: Col[int] = generated()

    class Thing(Base, table=True):
        pass

    assert set(Base.metadata.tables) == {"thing"}
    assert Thing.__table__.metadata is Base.metadata


def test_a_subclass_of_a_table_is_another_table() -> None:
    class Captain(Hero, table=True, metadata=sa.MetaData()):
        rank: Col[int] = field(default=1)

    assert [c.name for c in Captain.__table__.primary_key] == ["id"]
    assert repr(Captain.name) == "Captain.name"
    assert "rank" not in Hero.__table__.c


def test_a_subclass_of_a_table_without_a_table_of_its_own_is_a_plain_schema() -> None:
    class HeroIn(Hero):
        pass

    assert not hasattr(HeroIn, "__table__")
    assert not hasattr(HeroIn(name="Ada"), "id")


def test_a_field_declared_again_replaces_that_of_the_base() -> None:
    class Outside(Hero, table=True, metadata=sa.MetaData()):
        id: Col[int] = field(primary_key=True)

    assert Outside.model_fields["id"].is_required()
    assert Outside.__table__.c.id.identity is None


def test_a_schema_without_a_table_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Lost: schema= on a class without a table"):

        class Lost(Model, schema="app"):
            pass


@pytest.mark.parametrize("name", ["copy", "json", "metadata", "model_dump", "mro"])
def test_a_field_named_like_something_on_every_model_is_refused(name: str) -> None:
    with pytest.raises(ReservedName, match=rf'Bad.{name}: .*\n  Fix: .*column="{name}"'):
        create_model(
            "Bad",
            __base__=Model,
            __cls_kwargs__={"table": True},
            **{name: (int, 1)},  # type: ignore[call-overload]  # names are data here
        )


def test_a_field_may_be_named_like_something_on_no_model() -> None:
    class Fine(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        values: Col[int] = field(default=0)
        registry: Col[str] = field(default="")
        key: Col[str] = field(default="")

    assert repr(Fine.values) == "Fine.values"


def test_a_model_made_by_create_model_is_a_table() -> None:
    made: Any = create_model(
        "Made",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
    )

    assert made.__table__.name == "made"


def test_class_variables_and_private_attributes_are_no_columns() -> None:
    class Plain(Model, table=True, metadata=sa.MetaData()):
        kinds: ClassVar[list[int]] = [1]
        id: Col[int] = generated()
        _private: int = 2

    assert list(Plain.__table__.c.keys()) == ["id"]
    assert Plain.kinds == [1]


def test_a_plain_annotation_is_a_column_too() -> None:
    class Plain(Model, table=True, metadata=sa.MetaData()):
        id: int = field(primary_key=True)
        age: int | None = Field(default=None, ge=0)

    assert Plain.__table__.c.age.nullable
    assert {c.name for c in Plain.__table__.constraints} == {"pk_plain", "ck_plain_age_ge"}


# ---- instances ---------------------------------------------------------------------------------


def test_an_instance_that_is_not_stored_has_no_generated_values() -> None:
    hero = Hero(name="Ada")

    assert not hasattr(hero, "id")
    assert hero.model_dump() == {"name": "Ada", "tags": [], "secret_name": "x"}
    assert repr(hero) == "Hero(name='Ada', tags=[])"
    with pytest.raises(NotLoaded, match=r"Hero\.id has no value yet"):
        hero.id  # noqa: B018 - reading it is the test


def test_a_generated_value_that_is_given_stays() -> None:
    assert stored(id=7).id == 7


def test_an_attribute_that_no_field_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nmae"):
        Hero(name="Ada").nmae  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test


def test_assignment_is_validated() -> None:
    hero = Hero(name="Ada")

    with pytest.raises(ValidationError):
        hero.name = "far too long"

    assert hero.name == "Ada"
    assert not hasattr(hero, "id")


COPIES: dict[str, Callable[[Hero], Hero]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda hero: pickle.loads(pickle.dumps(hero)),  # noqa: S301 - made a word before
    "model_copy": lambda hero: hero.model_copy(),
    "validated again": Hero.model_validate,
    "from its dump": lambda hero: Hero.model_validate(hero.model_dump()),
    "from its json": lambda hero: Hero.model_validate_json(hero.model_dump_json()),
}


@pytest.mark.parametrize("hero", [Hero(name="Ada"), stored()], ids=["unsaved", "saved"])
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_equal_and_has_the_same_values(hero: Hero, way: str) -> None:
    hero.tags.append("a")

    made = COPIES[way](hero)

    assert made == hero
    assert made.__dict__ == hero.__dict__
    assert made._note == "n"
    hero.tags.remove("a")


def test_model_construct_leaves_no_placeholder() -> None:
    hero = Hero.model_construct(name="Ada")

    assert not hasattr(hero, "id")


def test_the_json_schema_does_not_require_generated_values() -> None:
    schema = Hero.model_json_schema()

    assert schema["required"] == ["name"]
    assert schema["properties"]["id"] == {"title": "Id", "type": "integer"}


def test_post_init_of_a_base_runs_after_the_placeholder_is_gone() -> None:
    class Counting(Model):
        seen: ClassVar[list[bool]] = []

        def model_post_init(self, context: Any, /) -> None:
            self.seen.append("id" in self.__dict__)

    class Child(Counting, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    Child()
    Child.model_validate({"id": 3})

    assert Counting.seen == [False, True]


def test_the_placeholder_shows_itself_as_unset() -> None:
    assert repr(UNSET) == "UNSET"


# ---- keys made by the program ------------------------------------------------------------------


def test_a_uuid_key_is_there_before_the_row_is_stored() -> None:
    class Ticket(UUIDKey, table=True, metadata=sa.MetaData()):
        title: Col[str]

    assert Ticket(title="a").id.version == 7
    assert [c.name for c in Ticket.__table__.primary_key] == ["id"]


def test_uuid_keys_sort_by_the_time_they_were_made() -> None:
    keys = [uuid7() for _ in range(1000)]

    assert keys == sorted(keys)
    assert all(type(key) is uuid.UUID for key in keys)


def test_a_table_that_is_neither_a_name_nor_true_is_refused() -> None:
    table: Any = 1

    with pytest.raises(DeclarationError, match="table=1"):
        create_model("Odd", __base__=Model, __cls_kwargs__={"table": table}, id=(int, generated()))


def test_a_reserved_name_of_a_plain_base_is_refused() -> None:
    class Plain(BaseModel):
        metadata: str

    with pytest.raises(ReservedName, match=r"Mixed\.metadata"):

        class Mixed(Plain, Model):
            id: Col[int] = generated()


def test_a_refused_value_beside_a_secret_is_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Hero(name="sentinel-too-long", secret_name="s")

    assert "sentinel" not in str(caught.value)


def test_a_hook_of_a_second_base_runs_too() -> None:
    seen: list[str] = []

    class Hooked(Model):
        def model_post_init(self, context: Any, /) -> None:
            seen.append("hooked")

    class Plain(Model):
        x: int = 1

    class Both(Plain, Hooked, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    Both()

    assert seen == ["hooked"]
