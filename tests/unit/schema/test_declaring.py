"""What cannot become a table is refused in the class statement or at the table's first use."""

import enum
from decimal import Decimal
from typing import Annotated, Any, Literal, LiteralString, TypeVar, Union, cast

import pytest
import sqlalchemy as sa
from annotated_types import Not, Predicate
from pydantic import (
    AfterValidator,
    Base64Bytes,
    Base64Str,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WrapValidator,
    create_model,
    field_validator,
)

from andamios_orm import Col, Model, field, generated, register_type
from andamios_orm.errors import (
    DeclarationError,
    ForeignKeyProblem,
    PrimaryKeyProblem,
    UnsupportedType,
)
from andamios_orm.schema.compiler import spec_of, table_name_of, table_of
from andamios_orm.schema.registry import default_metadata
from andamios_orm.schema.types import read_type

T = TypeVar("T")


class Era:
    """A class that no rule knows."""


class Mixed(enum.Enum):
    A = "a"
    B = 1


class Odd(enum.Enum):
    A = (1, 2)


class Empty(enum.Enum):
    pass


class Mood(enum.StrEnum):
    GOOD = "good"


def declare(metadata: sa.MetaData | None = None, /, **fields: Any) -> Any:
    return create_model(
        "Bad",
        __base__=Loose,
        __cls_kwargs__={"table": True, "metadata": metadata or sa.MetaData()},
        **fields,
    )


class Loose(Model):
    model_config = ConfigDict(arbitrary_types_allowed=True)


# ---- types -------------------------------------------------------------------------------------

UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "a class without a rule": (Era, "no column type for Era"),
    "an optional class without a rule": (Era | None, "no column type for Era"),
    "nothing": (None, "the annotation `None` holds nothing"),
    "a literal of nothing": (Literal[None], r"of the types \(none\)"),
    "mixed values in a literal": (Literal["a", 1], "of the types int, str"),
    "mixed values in an enum": (Mixed, "of the types int, str"),
    "an enum of tuples": (Odd, "of the types tuple"),
    "an enum without members": (Empty, r"of the types \(none\)"),
    "alike in a literal": (Literal[Mood.GOOD, "good"], "are stored alike"),
    "base64 text": (Base64Str, "an encoded type decodes its input"),
    "base64 bytes": (Base64Bytes, "an encoded type decodes its input"),
    "a function": (type(lambda: 0), "no column type for function"),
    "an open type parameter": (T, "the type parameter ~T has no value yet"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_an_annotation_without_a_column_type_is_refused(name: str) -> None:
    annotation, message = UNSUPPORTED[name]

    with pytest.raises(UnsupportedType, match=rf"^Bad\.value: .*{message}") as caught:
        declare(id=(int, generated()), value=(annotation, ...))

    assert caught.value.field == "Bad.value"
    assert caught.value.fix


def test_digits_without_places_are_refused() -> None:
    with pytest.raises(UnsupportedType, match="field\\(max_digits=5, decimal_places=2\\)"):
        declare(id=(int, generated()), value=(Decimal, field(max_digits=5)))


def test_a_registered_type_is_used_from_then_on() -> None:
    class Late:
        pass

    with pytest.raises(UnsupportedType):
        declare(id=(int, generated()), value=(Late, ...))
    register_type(Late, sa.String(7))

    assert str(declare(id=(int, generated()), value=(Late, ...)).__table__.c.value.type) == (
        "VARCHAR(7)"
    )


def test_a_registered_alias_is_a_rule_for_exactly_that_annotation() -> None:
    register_type(frozenset[bytes], sa.LargeBinary, encode=lambda v: b"".join(v))

    model = declare(id=(int, generated()), a=(frozenset[bytes], ...), b=(frozenset[str], ...))

    assert str(model.__table__.c.a.type) == "BLOB"
    assert str(model.__table__.c.b.type) == "TEXT"


def test_a_registered_type_may_be_changed_on_one_way_only() -> None:
    class Grams(int):
        pass

    class Word(str):
        __slots__ = ()

    register_type(Grams, sa.Integer(), decode=lambda value: Grams(cast("int", value) + 1))
    register_type(Word, sa.Text(), encode=str.upper)

    read = read_type(Grams, (), field="M.a").storage.codec
    written = read_type(Word, (), field="M.b").storage.codec

    assert read is not None
    assert (read.encode(7), read.decode(7)) == (7, 8)
    assert written is not None
    assert (written.encode("a"), written.decode("a")) == ("A", "a")


def test_an_annotation_that_cannot_be_hashed_has_no_rule() -> None:
    reading = read_type(Annotated[int, ["a list"]], (), field="M.a")

    assert reading.storage.kind == "integer"


# ---- keys --------------------------------------------------------------------------------------

KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"name": (str, ...)}, "^Bad: no primary key"),
    "two counted": (
        {"a": (int, generated()), "b": (int, generated())},
        r"^Bad: `a` and `b` are both generated\(\) keys",
    ),
    "counted and declared": (
        {"a": (int, generated()), "b": (int, field(primary_key=True))},
        r"^Bad: `a` is a generated\(\) key, and `b` is declared primary_key too",
    ),
    "optional": (
        {"a": (int | None, field(primary_key=True, default=None))},
        "^Bad.a: a primary key cannot be None",
    ),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_table_needs_exactly_one_primary_key(name: str) -> None:
    fields, message = KEYS[name]

    with pytest.raises(PrimaryKeyProblem, match=message):
        declare(**fields)


def test_a_counted_key_may_say_that_it_is_the_key() -> None:
    model = declare(id=(int, generated(primary_key=True)), name=(str, ...))

    assert [f.name for f in spec_of(model).primary_key] == ["id"]
    assert [f.name for f in spec_of(model).generated] == ["id"]


def test_a_composite_key_keeps_its_declared_order() -> None:
    model = declare(b=(int, field(primary_key=True)), a=(str, field(primary_key=True)))

    assert [f.name for f in spec_of(model).primary_key] == ["b", "a"]


# ---- fields that contradict themselves ---------------------------------------------------------

CONTRADICTIONS: dict[str, tuple[Any, str]] = {
    "on_delete alone": ((int, field(on_delete="CASCADE")), "on_delete without foreign_key"),
    "set null on a required field": (
        (int, field(foreign_key="Bad.id", on_delete="SET NULL")),
        "on a field that cannot be None",
    ),
    "a text that counts itself": ((str, generated()), "a database counts only whole numbers"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused(name: str) -> None:
    definition, message = CONTRADICTIONS[name]

    with pytest.raises(DeclarationError, match=rf"^Bad\.value: .*{message}"):
        declare(id=(int, field(primary_key=True)), value=definition)


@pytest.mark.parametrize("column", ["name", "NAME"])
def test_two_fields_in_one_column_are_refused(column: str) -> None:
    with pytest.raises(DeclarationError, match=r"^Bad: the fields `name` and `other` share"):
        declare(id=(int, generated()), name=(str, ...), other=(str, field(column=column)))


def test_table_args_that_are_no_tuple_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"^Bad.__table_args__ is a UniqueConstraint"):

        class Bad(Model, table=True, metadata=sa.MetaData()):
            id: Col[int] = generated()
            __table_args__ = sa.UniqueConstraint("id")


def test_table_args_that_are_no_part_of_a_table_are_refused() -> None:
    class Bad(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        __table_args__ = ("unique",)

    with pytest.raises(DeclarationError, match=r"^Bad.__table_args__ holds a str"):
        Bad.__table__  # noqa: B018 - its first use is the test


# ---- foreign keys ------------------------------------------------------------------------------


class Family(Model, metadata=sa.MetaData()):
    """Keeps the tables of these tests together."""


class Team(Family, table="teams", schema="app"):
    id: Col[int] = generated()
    name: Col[str]
    code: Col[str] = field(unique=True, column="kode")


class Seat(Family, table=True):
    row: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)


TARGETS: dict[str, tuple[Any, str]] = {
    "an unknown class": (
        (int, field(foreign_key="Squad.id")),
        r'Bad\.ref: foreign_key="Squad\.id": `Squad` is no known table or class; known tables:'
        r" app\.teams, bad, .*seat",
    ),
    "a name without a column": (
        (int, field(foreign_key="Team")),
        "`` is no known table or class",
    ),
    "an unknown field": (
        (int, field(foreign_key="Team.nmae")),
        "Team has no field `nmae`; it has id, name, code",
    ),
    "a field that is not unique": (
        (str, field(foreign_key="Team.name")),
        "points at Team.name, which is not unique",
    ),
    "a part of a composite key": (
        (int, field(foreign_key=Seat.row)),
        "points at Seat.row, which is not unique",
    ),
    "a field of another type": (
        (str, field(foreign_key=Team.id)),
        "Bad.ref holds text, but Team.id holds integer",
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_foreign_key_to_what_cannot_be_referenced_is_refused(name: str) -> None:
    definition, message = TARGETS[name]
    model = create_model(
        "Bad",
        __base__=Family,
        __cls_kwargs__={"table": True},
        id=(int, generated()),
        ref=definition,
    )

    with pytest.raises(ForeignKeyProblem, match=message):
        table_of(model)


@pytest.mark.parametrize(
    "target", ["Team.code", "Team.kode", "app.teams.code", "app.teams.kode", Team.code]
)
def test_a_foreign_key_names_table_or_class_and_field_or_column(target: Any) -> None:
    model: Any = create_model(
        "Good",
        __base__=Family,
        __cls_kwargs__={"table": True},
        id=(int, generated()),
        ref=(str, field(foreign_key=target)),
    )

    (key,) = model.__table__.c.ref.foreign_keys

    assert key.target_fullname == "app.teams.kode"
    assert key.constraint.name == "fk_good_ref_teams"


def test_two_classes_of_one_name_are_told_apart_by_their_tables() -> None:
    metadata = sa.MetaData()

    def double(table: str) -> Any:
        return create_model(
            "Double",
            __base__=Model,
            __cls_kwargs__={"table": table, "metadata": metadata},
            __module__=table,
            id=(int, generated()),
        )

    kept = [double("one"), double("two")]
    by_class = declare(metadata, id=(int, generated()), ref=(int, field(foreign_key="Double.id")))
    with pytest.raises(ForeignKeyProblem, match="`Double` is the name of several classes"):
        table_of(by_class)
    by_table = declare(metadata, id=(int, generated()), ref=(int, field(foreign_key="two.id")))

    assert next(iter(by_table.__table__.foreign_keys)).column.table is kept[1].__table__


def test_a_table_whose_target_is_wrong_is_not_left_half_made() -> None:
    metadata = sa.MetaData()

    class Child(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        parent_id: Col[int] = field(foreign_key="Parent.id")

    class Parent(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        lost_id: Col[int] = field(foreign_key="Lost.id")

    with pytest.raises(ForeignKeyProblem, match=r"Parent.lost_id"):
        table_of(Child)

    assert metadata.tables == {}


# ---- forward references and the registry -------------------------------------------------------


def test_an_annotation_that_is_not_known_yet_can_wait_until_the_first_use() -> None:
    class Early(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        parts: Col[list["Part"]]  # type: ignore[name-defined]  # noqa: F821 - never defined here

    with pytest.raises(DeclarationError, match=r"^Early: an annotation names a class that does"):
        spec_of(Early)
    Early.model_rebuild(_types_namespace={"Part": int})

    assert [f.name for f in spec_of(Early).fields] == ["id", "parts"]


def test_an_annotation_finds_the_names_around_the_class_statement() -> None:
    class Near(Model):
        pass

    class Local(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        near: Col["Near"]

    assert Local.__pydantic_complete__
    assert str(Local.__table__.c.near.type) == "TEXT"


def test_a_class_that_is_no_table_has_no_description() -> None:
    with pytest.raises(DeclarationError, match=r"^Loose is not a table\n  Fix: declare it `class"):
        spec_of(Loose)


def test_a_class_statement_that_runs_again_replaces_the_class() -> None:
    metadata = sa.MetaData()

    def cell(kind: Any) -> Any:
        return declare(metadata, id=(int, generated()), value=(kind, ...))

    old = cell(str)
    table_of(old)
    again = cell(int)
    cell(int)
    last = cell(bool)

    assert str(last.__table__.c.value.type) == "BOOLEAN"
    assert last.metadata.tables["bad"] is last.__table__
    with pytest.raises(DeclarationError, match=r"^Bad is not a table"):
        spec_of(again)


def test_a_second_class_for_one_table_is_refused() -> None:
    metadata = sa.MetaData()

    class First(Model, table="shared", metadata=metadata):
        id: Col[int] = generated()

    with pytest.raises(DeclarationError, match=r"Second: the table `shared` belongs to .*First"):

        class Second(Model, table="shared", metadata=metadata):
            id: Col[int] = generated()

    class Elsewhere(Model, table="shared", schema="other", metadata=metadata):
        id: Col[int] = generated()

    assert set(First.metadata.tables) == {"shared", "other.shared"}


def test_a_convention_of_the_users_metadata_goes_first() -> None:
    metadata = sa.MetaData(naming_convention={"pk": "%(table_name)s_key"})

    model = declare(metadata, id=(int, generated()), code=(str, field(unique=True)))

    assert {c.name for c in model.__table__.constraints} == {"bad_key", "uq_bad_code"}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Hero", "hero"),
        ("HTTPRequestLog", "http_request_log"),
        ("TeamX2Member", "team_x2_member"),
        ("snake_case", "snake_case"),
    ],
)
def test_a_class_name_becomes_a_table_name_in_snake_case(name: str, table: str) -> None:
    assert table_name_of(name) == table


def test_a_union_with_none_inside_an_alias_is_nullable() -> None:
    model = declare(id=(int, generated()), a=(Union[int, str, None], ...))  # noqa: UP007

    assert model.__table__.c.a.nullable


def test_what_is_neither_class_nor_generic_has_no_column_type() -> None:
    with pytest.raises(UnsupportedType, match=r"^M\.a: no column type for typing.LiteralString"):
        read_type(LiteralString, (), field="M.a")


def test_only_a_validator_before_pydantic_needs_python_values() -> None:
    class Judged(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        early: Col[int]
        late: Col[int]

        @field_validator("early", mode="before")
        @classmethod
        def before(cls, value: object) -> object:
            return value

        @field_validator("late")
        @classmethod
        def after(cls, value: int) -> int:
            return value

    assert [f.name for f in spec_of(Judged).fields if f.raw_validators] == ["early"]
    assert spec_of(Judged).whole_row_validators


def test_a_class_without_a_metadata_is_kept_in_the_default_one() -> None:
    class Kept(Model, table="kept_in_the_default_metadata"):
        id: Col[int] = generated()

    assert Kept.__table__.metadata is default_metadata


# ---- what would fail later ---------------------------------------------------------------------


def test_open_models_are_refused_because_open_values_have_no_column() -> None:
    with pytest.raises(DeclarationError, match='extra="allow"'):
        create_model(
            "Open",
            __base__=Model,
            __cls_kwargs__={"table": True, "metadata": sa.MetaData(), "extra": "allow"},
            id=(int, generated()),
        )


def test_a_foreign_key_to_no_field_is_refused_in_the_class_statement() -> None:
    target: Any = int

    with pytest.raises(ForeignKeyProblem, match=r"Bad\.other: foreign_key= is a type"):
        declare(id=(int, generated()), other=(int, field(foreign_key=target)))


def test_an_unknown_on_delete_is_refused_in_the_class_statement() -> None:
    action: Any = "DELETE"

    with pytest.raises(DeclarationError, match="on_delete='DELETE'"):
        declare(id=(int, generated()), other=(int, field(foreign_key="Bad.id", on_delete=action)))


def test_a_json_column_is_no_primary_key() -> None:
    with pytest.raises(PrimaryKeyProblem, match="a JSON column cannot be a primary key"):
        declare(id=(tuple[int, int], field(primary_key=True)))


# ---- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "python", "raw"),
    [
        (AfterValidator(str.strip), True, False),
        (BeforeValidator(str.strip), True, True),
        (WrapValidator(lambda value, handler: handler(value)), True, True),
        (PlainValidator(str.strip), True, True),
        (Predicate(str.islower), True, False),
        (Not(str.islower), True, False),
        (Field(pattern="a"), True, False),
        (Field(max_length=3), False, False),
        (Field(title="a"), False, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rules_that_only_python_knows_are_told_from_those_of_the_table(
    rule: object, *, python: bool, raw: bool
) -> None:
    found = read_type(str, [rule], field="Hero.name")

    assert (found.python_rules, found.raw_validators) == (python, raw)
