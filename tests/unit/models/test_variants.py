"""The classes that an API takes and gives in a model's place."""

import copy
import json
import pickle
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar, get_args

import pytest
import sqlalchemy as sa
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    TypeAdapter,
    ValidationError,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import ValidationInfo

from andamios_orm import (
    Col,
    Create,
    Model,
    Patch,
    Public,
    Related,
    RelatedList,
    SoftDelete,
    Timestamps,
    UUIDKey,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import DeclarationError, NotLoaded, ReservedName, UsageError
from andamios_orm.models.deriving import variant_of

METADATA = sa.MetaData()
M = TypeVar("M", bound=Model)
T = TypeVar("T")

# To a checker these are annotations; a test looks at the classes that they are.
create: Any = Create
patch: Any = Patch
public: Any = Public


class Power(BaseModel):
    name: str
    level: int = 1


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=9)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True, metadata=METADATA):
    """Somebody who helps."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"secret_name": "Clark"}]})

    id: Col[int] = generated()
    name: Col[str] = field(max_length=9, alias="heroName", description="As on the card.")
    age: Col[int | None] = field(default=None, ge=0)
    secret_name: Col[str] = field(default="hidden", secret=True)
    password: Col[SecretStr] = field(default=SecretStr("hidden"))
    note: Col[str] = field(default="", exclude=True)
    powers: Col[list[Power]] = field(default_factory=list)
    fee: Col[Decimal] = field(default=Decimal(1), max_digits=6, decimal_places=2)
    origin: Col[str] = field(default="Earth", frozen=True)
    made: Col[datetime] = generated(server_default=sa.func.now())
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    _mood: str = PrivateAttr(default="fine")

    @field_validator("name", "secret_name")
    @classmethod
    def stripped(cls, value: str) -> str:
        return value.strip()

    @field_serializer("note", "secret_name")
    def shouted(self, value: str) -> str:
        return value.upper()

    @model_validator(mode="after")
    def two_names(self) -> "Hero":
        if self.name == self.secret_name:
            raise ValueError("both names are the same")
        return self

    @computed_field  # type: ignore[prop-decorator]  # mypy/issues/1362
    @property
    def initial(self) -> str:
        return self.name[:1]

    def greeting(self) -> str:
        return f"I am {self.name}"


class HeroSignup(Hero, variant="create"):
    """Somebody new."""

    invite: Col[str] = field(min_length=3)


class HeroEdit(Hero, variant="patch"):
    reason: Col[str] = field(default="")


class HeroCard(Hero, variant="public"):
    fans: Col[int]


class Ticket(UUIDKey, table=True, metadata=METADATA):
    title: Col[str]


def stored(**values: Any) -> Hero:
    made = {"id": 1, "name": "Ada", "made": datetime(2024, 1, 1), "secret_name": "A. L."}
    return Hero.model_validate(made | values, by_name=True)


def required(cls: type[BaseModel]) -> set[str]:
    return set(cls.model_json_schema().get("required", ()))


def refusals(error: ValidationError) -> dict[Any, str]:
    return {detail["loc"]: detail["type"] for detail in error.errors()}


class Note(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str]
    author: Col[str] = field(read_only=True)
    state: Col[str] = field(default="draft", read_only=True)
    key_hash: Col[str] = field(read_only=True, secret=True)


# ---- what is common to all ---------------------------------------------------------------------


@pytest.mark.parametrize("form", [Create, Patch, Public])
def test_a_variant_is_a_class_that_is_made_once(form: Any) -> None:
    assert isinstance(form[Hero], type)
    assert form[Hero] is form[Hero]
    assert form[Hero] is not form[Team]


@pytest.mark.parametrize(
    ("form", "name"), [(Create, "HeroCreate"), (Patch, "HeroPatch"), (Public, "HeroPublic")]
)
def test_a_variant_is_called_after_its_model(form: Any, name: str) -> None:
    assert form[Hero].__name__ == form[Hero].__qualname__ == name
    assert form[Hero].__module__ == __name__
    assert form[Hero].model_json_schema()["title"] == name


def test_a_variant_has_another_name_where_the_module_has_a_class_of_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "MineCreate", type("MineCreate", (), {}), False)

    class Mine(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    assert create[Mine].__name__ == "MineCreateVariant"
    assert patch[Mine].__name__ == "MinePatch"


def test_a_variant_assigned_to_its_name_does_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def declared() -> Any:
        class Mine(Model, table=True, metadata=sa.MetaData()):
            id: Col[int] = generated()

        return create[Mine]

    monkeypatch.setattr(sys.modules[__name__], "MineCreate", declared(), False)

    assert declared().__name__ == "MineCreate"


def test_a_named_variant_may_have_the_name_that_a_variant_would_get() -> None:
    class Mine(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    class MineCreate(Mine, variant="create"):
        pass

    assert create[Mine].__name__ == "MineCreateVariant"
    assert issubclass(MineCreate, create[Mine])


def test_a_variant_keeps_what_is_said_about_the_model_and_its_fields() -> None:
    for form in (create, patch, public):
        schema = form[Hero].model_json_schema()
        assert schema["description"] == "Somebody who helps."
        assert schema["properties"]["heroName"]["description"] == "As on the card."
        assert schema["properties"]["heroName"]["maxLength"] == 9
        assert "examples" not in schema


def test_a_named_variant_may_have_examples_of_its_own() -> None:
    class HeroExample(Hero, variant="create"):
        model_config = ConfigDict(json_schema_extra={"examples": [{"heroName": "Ada"}]})

    assert HeroExample.model_json_schema()["examples"] == [{"heroName": "Ada"}]


@pytest.mark.parametrize("form", [Create, Patch, Public])
def test_a_variant_has_no_columns(form: Any) -> None:
    for name in ("name", "id"):
        with pytest.raises(AttributeError, match=rf"a variant has no columns\n.*use Hero\.{name}"):
            getattr(form[Hero], name)
    with pytest.raises(AttributeError, match="nmae"):
        form[Hero].nmae  # noqa: B018 - reading it is the test


def test_a_variant_has_no_relation_by_itself() -> None:
    for form in (create, patch, public):
        assert "team" not in form[Hero].model_fields
        assert "team" not in json.dumps(form[Hero].model_json_schema()).replace("team_id", "")


def test_what_is_derived_from_nothing_or_twice_is_refused() -> None:
    class Mixin(Model):
        name: Col[str]

    for item in (int, Power(name="x"), None, list[Hero]):
        with pytest.raises(DeclarationError, match="is derived from no model class"):
            create[item]
    with pytest.raises(DeclarationError, match="Power is not a table"):
        patch[Power]
    with pytest.raises(DeclarationError, match="Mixin is not a table"):
        public[Mixin]
    for made in (create[Hero], HeroSignup):
        with pytest.raises(DeclarationError, match="is a variant itself"):
            public[made]


def test_the_forms_say_what_they_are() -> None:
    assert [repr(form) for form in (Create, Public)] == ["Create", "Public"]


def test_a_variant_knows_what_it_was_derived_from() -> None:
    derived = variant_of(HeroSignup)

    assert derived is not None
    assert (derived.model, derived.kind) == (Hero, "create")
    assert set(derived.left_out) == {"id", "made"}
    assert variant_of(Hero) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: create[Hero].model_validate({"heroName": "Ada"}),
        lambda: patch[Hero].model_validate({"heroName": "Ada"}),
        lambda: public[Hero].model_validate(stored()),
        lambda: HeroSignup(heroName="Ada", invite="abc"),
        lambda: HeroEdit.model_validate({"age": 3, "reason": "older"}),
    ],
)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_instance_of_a_variant_survives_pickle_and_copy(make: Any, protocol: int) -> None:
    given = make()

    for again in (
        pickle.loads(pickle.dumps(given, protocol)),  # noqa: S301 - our own
        copy.copy(given),
        copy.deepcopy(given),
    ):
        assert again == given
        assert type(again) is type(given)
        assert again.model_fields_set == given.model_fields_set


def test_another_process_finds_a_variant_that_it_has_not_made(tmp_path: Any) -> None:
    program = """if True:
        import pickle, sys
        from pathlib import Path
        from mine import Hero, Create, Patch
        if sys.argv[1] == "dump":
            made = [Create[Hero], Patch[Hero](name="Ada"), Hero]
            Path("pickled").write_bytes(pickle.dumps(made))
        else:
            form, change, model = pickle.loads(Path("pickled").read_bytes())
            assert form is Create[Hero] and model is Hero and change == Patch[Hero](name="Ada")
    """
    (tmp_path / "mine.py").write_text(
        "from andamios_orm import *\n"
        "class Hero(Model, table=True):\n"
        "    id: Col[int] = generated()\n"
        "    name: Col[str]\n"
    )
    for part in ("dump", "load"):
        done = subprocess.run(
            [sys.executable, "-c", program, part], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


# ---- annotations -------------------------------------------------------------------------------


def test_a_variant_is_an_annotation_like_any_class() -> None:
    heroes: TypeAdapter[Any] = TypeAdapter(list[public[Hero]])
    maybe: TypeAdapter[Any] = TypeAdapter(public[Hero] | None)

    assert [type(h) for h in heroes.validate_python([stored()])] == [public[Hero]]
    assert maybe.validate_python(None) is None


def test_a_variant_is_a_field_of_another_model() -> None:
    class Envelope(BaseModel):
        hero: Create[Hero]
        change: Patch[Hero] | None = None

    made = Envelope.model_validate({"hero": {"heroName": "Ada"}, "change": {"age": 3}})

    assert isinstance(made.hero, create[Hero])
    assert made.change is not None
    assert made.change[Hero.age] == 3


def test_a_variant_of_a_class_in_quotes_is_found_once_the_class_is_there() -> None:
    class Envelope(BaseModel):
        later: Create["Later"]
        change: Patch["Later"] | None = None

    class Later(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        name: Col[str]

    Envelope.model_rebuild()
    made = Envelope.model_validate({"later": {"name": "Ada"}, "change": {}})

    assert type(made.later) is create[Later]
    assert type(made.change) is patch[Later]


def test_a_variant_of_a_type_variable_is_that_of_what_it_stands_for() -> None:
    class Envelope(BaseModel, Generic[M]):
        data: Create[M]

    assert type(Envelope[Hero].model_validate({"data": {"heroName": "Ada"}}).data) is create[Hero]


def test_a_variant_of_a_class_with_forward_references_is_found_once_they_are() -> None:
    class Early(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        parts: Col[list["Part"]] = field(default_factory=list)

    early = create[Early]

    class Envelope(BaseModel):
        data: early  # type: ignore[valid-type]  # it is the annotation that the test is about

    assert get_args(early)[0] is Early
    assert not Envelope.__pydantic_complete__

    class Part(BaseModel):
        level: int

    Early.model_rebuild()
    Envelope.model_rebuild()
    made: Any = Envelope.model_validate({"data": {"parts": [{"level": 3}]}})

    assert type(made.data) is create[Early]
    assert made.data.parts == [Part(level=3)]


def test_a_model_that_is_built_late_is_built_for_its_variant() -> None:
    class Late(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(defer_build=True)
        id: Col[int] = generated()
        name: Col[str]

    assert create[Late].model_validate({"name": "Ada"}).name == "Ada"
    assert patch[Late].model_validate({}).model_dump() == {}
    assert public[Late].model_validate({"id": 1, "name": "Ada"}).id == 1


def test_a_generic_models_variant_has_the_types_of_its_parameters() -> None:
    class Box(Model, Generic[T]):
        id: Col[int] = generated()
        content: Col[T]

    class IntBox(Box[int], table=True, metadata=sa.MetaData()):
        pass

    for form in (create, patch, public):
        with pytest.raises(ValidationError):
            form[IntBox].model_validate({"id": 1, "content": "x"})
    assert create[IntBox].model_validate({"content": "3"}).content == 3


def test_a_table_that_inherits_from_another_has_variants_of_its_own() -> None:
    class Villain(Hero, table=True, metadata=sa.MetaData()):
        lair: Col[str]

    assert create[Villain].__name__ == "VillainCreate"
    assert not issubclass(create[Villain], create[Hero])
    assert required(create[Villain]) == {"heroName", "lair"}
    assert Hero.name in patch[Villain].model_validate({"heroName": "Lex"})


# ---- Create ------------------------------------------------------------------------------------


def test_a_created_one_is_an_instance_of_the_model() -> None:
    ada = create[Hero].model_validate({"heroName": " Ada "})

    assert isinstance(ada, Hero)
    assert (ada.greeting(), ada.initial, ada.origin, ada._mood) == (
        "I am Ada",
        "A",
        "Earth",
        "fine",
    )


@pytest.mark.parametrize("name", ["id", "made", "is_admin", "team", "initial", "_mood"])
def test_a_created_one_takes_no_field_that_is_not_the_clients_to_set(name: str) -> None:
    with pytest.raises(ValidationError) as error:
        create[Hero].model_validate({"heroName": "Ada", name: 1})

    assert refusals(error.value) == {(name,): "extra_forbidden"}


def test_a_created_one_is_judged_like_the_model() -> None:
    for body, kind in [
        ({}, "missing"),
        ({"heroName": "a" * 10}, "string_too_long"),
        ({"heroName": "Ada", "age": -1}, "greater_than_equal"),
        ({"heroName": "x", "secret_name": " x"}, "value_error"),
    ]:
        with pytest.raises(ValidationError) as error:
            create[Hero].model_validate(body)
        assert list(refusals(error.value).values()) == [kind]


def test_a_created_one_has_no_value_for_what_the_server_makes() -> None:
    ada = create[Hero].model_validate({"heroName": "Ada"})

    with pytest.raises(NotLoaded, match=r"HeroCreate has no id: it is made by the server"):
        _ = ada.id
    with pytest.raises(AttributeError):
        _ = ada.nmae
    assert "id" not in ada.model_dump()
    with pytest.raises(AttributeError, match="id"):
        ada.id = 3


def test_the_default_of_a_secret_is_not_in_a_schema() -> None:
    schema = create[Hero].model_json_schema()

    assert "hidden" not in json.dumps(schema)
    assert required(create[Hero]) == {"heroName"}
    assert create[Hero].model_validate({"heroName": "Ada"}).secret_name == "hidden"


def test_a_key_that_the_program_makes_is_not_the_clients_to_set() -> None:
    assert set(create[Ticket].model_fields) == {"title"}
    with pytest.raises(ValidationError):
        create[Ticket].model_validate({"title": "x", "id": str(Ticket(title="y").id)})


def test_what_the_library_keeps_is_not_the_clients_to_set() -> None:
    class Kept(Versioned, Timestamps, SoftDelete, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        text: Col[str]

    assert set(create[Kept].model_fields) == set(patch[Kept].model_fields) == {"text"}
    assert required(public[Kept]) == {
        "created_at",
        "deleted_at",
        "id",
        "text",
        "updated_at",
        "version",
    }


def test_a_key_that_comes_from_outside_is_asked_for() -> None:
    class Country(Model, table=True, metadata=sa.MetaData()):
        code: Col[str] = field(primary_key=True)

    assert required(create[Country]) == {"code"}
    with pytest.raises(UsageError, match="CountryPatch has no code: a row keeps its key"):
        _ = Country.code in patch[Country].model_validate({})


def test_a_validator_for_a_field_that_is_left_out_is_no_obstacle() -> None:
    class Made(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        name: Col[str]

        @field_validator("id", "name", mode="before")
        @classmethod
        def not_given(cls, value: Any) -> Any:
            return "?" if value == "" else value

        @field_validator("name", mode="wrap")
        @staticmethod
        def lower(value: Any, handler: Any) -> Any:
            return handler(value).lower()

    assert create[Made].model_validate({"name": ""}).name == "?"
    assert create[Made].model_validate({"name": "ADA"}).name == "ada"


# ---- Patch -------------------------------------------------------------------------------------


def test_a_patch_has_the_fields_that_were_given() -> None:
    change = patch[Hero].model_validate({"heroName": " Ada ", "age": None})

    assert Hero.name in change
    assert Hero.age in change
    assert Hero.fee not in change
    assert change[Hero.name] == "Ada"
    assert change[Hero.age] is None
    assert change.model_dump() == {"name": "Ada", "age": None}
    assert repr(change) == "HeroPatch(name='Ada', age=None)"
    assert isinstance(change, Patch)
    assert not isinstance(change, Hero)


def test_a_patch_may_be_empty() -> None:
    change = patch[Hero].model_validate({})

    assert change.model_dump() == {}
    assert json.loads(change.model_dump_json()) == {}


def test_a_field_that_was_not_given_has_no_value() -> None:
    change = patch[Hero].model_validate({})

    with pytest.raises(NotLoaded, match=r"HeroPatch\.fee was not given"):
        change[Hero.fee]
    with pytest.raises(NotLoaded, match=r"HeroPatch\.fee was not given"):
        _ = change.fee
    with pytest.raises(AttributeError, match="nmae"):
        _ = change.nmae


def test_a_field_that_is_assigned_is_given() -> None:
    change = patch[Hero].model_validate({})
    change.age = 3

    assert Hero.age in change
    with pytest.raises(ValidationError):
        change.age = -3


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"heroName": None}, "string_type"),
        ({"fee": None}, "decimal_type"),
        ({"heroName": "a" * 10}, "string_too_long"),
        ({"age": -1}, "greater_than_equal"),
        ({"id": 2}, "extra_forbidden"),
        ({"made": "2024-01-01"}, "extra_forbidden"),
        ({"origin": "Mars"}, "extra_forbidden"),
        ({"is_admin": True}, "extra_forbidden"),
        ({"team": None}, "extra_forbidden"),
    ],
)
def test_a_patch_refuses_what_the_model_refuses(body: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as error:
        patch[Hero].model_validate(body)

    assert list(refusals(error.value).values()) == [kind]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_of_a_patch_requires_nothing_and_shows_no_defaults(mode: Any) -> None:
    schema = patch[Hero].model_json_schema(mode=mode)

    assert "required" not in schema
    assert not any("default" in part for part in schema["properties"].values())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["heroName"]["type"] == "string"


def test_a_patch_of_a_model_whose_defaults_are_required_requires_nothing() -> None:
    class Strict(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(
            json_schema_serialization_defaults_required=True, validate_default=True, extra="ignore"
        )
        id: Col[int] = generated()
        name: Col[str] = field(validate_default=True)

    assert patch[Strict].model_validate({}).model_dump() == {}
    assert "required" not in patch[Strict].model_json_schema(mode="serialization")
    with pytest.raises(ValidationError):
        patch[Strict].model_validate({"nmae": 3})


def test_a_patch_asks_only_validators_of_one_field() -> None:
    class Span(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        start: Col[int]
        end: Col[int]

        @field_validator("end")
        @classmethod
        def after_start(cls, value: int, info: ValidationInfo) -> int:
            assert value >= info.data["start"]
            return value

        @field_validator("*", mode="wrap")
        @classmethod
        def clamped(cls, value: Any, handler: Any) -> int:
            return int(min(handler(value), 9))

        @field_validator("id")
        @classmethod
        def positive(cls, value: int) -> int:
            return value

        @model_validator(mode="before")
        @classmethod
        def both(cls, data: Any) -> Any:
            raise AssertionError

    assert patch[Span].model_validate({"end": 10}).model_dump() == {"end": 9}


def test_a_patch_is_asked_with_columns_of_its_model() -> None:
    change = patch[Hero].model_validate({})

    with pytest.raises(UsageError, match=r"Team\.name is no column of Hero"):
        _ = Team.name in change
    with pytest.raises(UsageError, match="'name' is no column of Hero"):
        _ = "name" in change
    with pytest.raises(UsageError, match="HeroPatch has no id: it is made by the server"):
        change[Hero.id]
    with pytest.raises(UsageError, match="Patch is a patch of no model"):
        _ = Hero.name in patch()


def test_a_patch_is_applied_to_a_copy() -> None:
    ada = stored()
    changed = patch[Hero].model_validate({"age": 37}).apply(ada)

    assert type(changed) is Hero
    assert (changed.age, changed.id, ada.age) == (37, 1, None)
    assert changed == stored(age=37)
    assert "age" in changed.model_fields_set - ada.model_fields_set


def test_what_a_patch_leads_to_is_judged_as_a_whole() -> None:
    with pytest.raises(ValidationError, match="both names are the same"):
        patch[Hero].model_validate({"heroName": "A. L."}).apply(stored())


def test_a_patch_leaves_private_attributes_and_related_rows_that_stay_related() -> None:
    ada = stored(team_id=1)
    ada._mood = "great"
    ada.__dict__["team"] = team = Team.model_validate({"id": 1, "name": "A"})

    older = patch[Hero].model_validate({"age": 37}).apply(ada)
    moved = patch[Hero].model_validate({"team_id": 2}).apply(ada)

    assert (older._mood, older.team) == ("great", team)
    with pytest.raises(NotLoaded, match=r"Hero\.team was not loaded"):
        _ = moved.team


def test_a_patch_of_another_model_is_not_applied() -> None:
    with pytest.raises(UsageError, match="HeroPatch is a patch of Hero, not of Team"):
        patch[Hero].model_validate({}).apply(Team(name="A"))


def test_a_field_that_every_patch_has_a_method_for_is_refused() -> None:
    class Rule(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        apply: Col[bool]

    with pytest.raises(ReservedName, match=r"Rule\.apply: every patch has something called"):
        patch[Rule]


def test_a_variant_of_a_patch_is_no_generic_class() -> None:
    with pytest.raises(TypeError):
        patch[Hero][Team]


# ---- Public ------------------------------------------------------------------------------------


def test_a_public_one_has_no_secret_in_schema_dump_or_repr() -> None:
    for cls in (public[Hero], HeroCard):
        shown: Any = cls.model_validate(stored().__dict__ | {"fans": 3})
        for text in (
            json.dumps(cls.model_json_schema(mode="validation")),
            json.dumps(cls.model_json_schema(mode="serialization")),
            shown.model_dump_json(),
            repr(shown),
            str(shown.model_dump()),
        ):
            for secret in ("secret", "password", "A. L.", "hidden", "note"):
                assert secret not in text
        with pytest.raises(NotLoaded, match=r"has no secret_name: it is secret"):
            _ = shown.secret_name
        with pytest.raises(NotLoaded, match=r"has no note: it has exclude=True"):
            _ = shown.note


def test_a_secret_inside_of_json_is_not_public_either() -> None:
    class Inner(BaseModel):
        pin: str = field(secret=True)

    class Outer(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        inner: Col[list[Inner]]
        words: Col[dict[str, SecretStr]]

    assert set(public[Outer].model_fields) == {"id"}


def test_a_public_one_has_a_value_for_each_of_its_fields() -> None:
    expected = {"id", "heroName", "age", "powers", "fee", "origin", "made", "team_id"}

    assert required(public[Hero]) == expected
    assert set(public[Hero].model_json_schema(mode="serialization")["required"]) == {
        *expected,
        "initial",
    }


def test_a_public_one_is_read_from_the_attributes_of_an_instance() -> None:
    shown = public[Hero].model_validate(stored(powers=[Power(name="x")]))

    assert (shown.id, shown.name, shown.powers) == (1, "Ada", [Power(name="x")])
    assert isinstance(shown, Hero)
    assert shown.greeting() == "I am Ada"


def test_what_a_public_one_holds_can_be_read_again() -> None:
    shown = public[Hero].model_validate(stored())

    assert public[Hero].model_validate_json(shown.model_dump_json(by_alias=True)) == shown


@pytest.mark.parametrize(
    "alias", ["left", AliasChoices("left"), AliasPath("left", 0), "copy", AliasChoices("x", "copy")]
)
def test_an_alias_that_is_the_name_of_something_else_does_not_mislead(alias: Any) -> None:
    class Pair(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(validate_by_name=True)
        id: Col[int] = generated()
        left: Col[str]
        right: Col[str] = field(validation_alias=alias)

    pair = Pair.model_construct(id=1, left="l", right="r")

    assert public[Pair].model_validate(pair).model_dump() == {"id": 1, "left": "l", "right": "r"}


def test_a_public_one_is_not_judged_again() -> None:
    asked: list[str] = []

    class Judged(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        name: Col[str]
        secret_name: Col[str] = field(secret=True)

        @field_validator("name", mode="before")
        @classmethod
        def of_a_name(cls, value: Any) -> Any:
            asked.append("field")
            return value

        @model_validator(mode="wrap")
        @classmethod
        def of_both(cls, data: Any, handler: Any) -> Any:
            asked.append("model")
            return handler(data)

        def model_post_init(self, context: Any, /) -> None:
            asked.append("init")

    judged = Judged.model_validate({"id": 1, "name": "Ada", "secret_name": "x"})
    asked.clear()

    assert public[Judged].model_validate(judged).name == "Ada"
    assert asked == ["init"]


def test_an_instance_that_is_not_stored_is_not_public() -> None:
    with pytest.raises(ValidationError) as error:
        public[Team].model_validate(Team(name="A"))

    assert set(refusals(error.value)) == {("id",)}


# ---- named variants ----------------------------------------------------------------------------


def test_a_named_variant_has_fields_of_its_own() -> None:
    signup = HeroSignup.model_validate({"heroName": "Ada", "invite": "abc"})

    assert (signup.invite, signup.name, isinstance(signup, create[Hero])) == ("abc", "Ada", True)
    assert required(HeroSignup) == {"heroName", "invite"}
    assert HeroSignup.model_json_schema()["description"] == "Somebody new."
    with pytest.raises(ValidationError):
        HeroSignup.model_validate({"heroName": "Ada", "invite": "abc", "id": 3})
    with pytest.raises(ValidationError):
        HeroSignup.model_validate({"heroName": "Ada", "invite": "ab"})


def test_a_named_patch_has_the_defaults_of_its_own_fields_only() -> None:
    edit: Any = HeroEdit.model_validate({"age": 3})

    assert edit.model_dump() == {"age": 3, "reason": ""}
    assert Hero.age in edit
    assert "reason" not in edit.model_fields_set


def test_a_named_variant_may_declare_again_what_was_left_out() -> None:
    class HeroImport(Hero, variant="create"):
        id: Col[int] = field()

    made = HeroImport.model_validate({"heroName": "Ada", "id": 7})
    made.id = 8

    assert made.id == 8
    assert required(HeroImport) == {"heroName", "id"}
    assert "id" not in create[Hero].model_fields


def test_a_named_variant_may_have_a_relation_as_a_field() -> None:
    class HeroWithTeam(Hero, variant="public"):
        team: Public[Team] | None

    ada = stored()
    ada.__dict__["team"] = Team.model_validate({"id": 1, "name": "A"})
    shown = HeroWithTeam.model_validate(ada)

    assert type(shown.team) is public[Team]


def test_a_class_that_inherits_from_a_named_variant_is_one() -> None:
    class Invited(HeroSignup):
        by: Col[str]

    derived = variant_of(Invited)

    assert derived is not None
    assert derived.model is Hero
    assert required(Invited) == {"heroName", "invite", "by"}


def test_a_mixin_may_stand_beside_the_model_of_a_variant() -> None:
    class Captcha(BaseModel):
        answer: str

    class HeroForm(Captcha, Hero, variant="create"):
        pass

    assert required(HeroForm) == {"heroName", "answer"}


def test_a_class_statement_that_derives_from_no_table_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"variant='creat'.*\n.*'create', 'patch', 'public'"):

        class Misspelt(Hero, variant="creat"):
            pass

    with pytest.raises(DeclarationError, match="its bases have: none"):

        class Alone(Model, variant="create"):
            pass

    with pytest.raises(DeclarationError, match="its bases have: none"):

        class Again(HeroSignup, variant="create"):
            pass

    with pytest.raises(DeclarationError, match="its bases have: Hero, Team"):

        class Both(Hero, Team, variant="create"):
            pass


def test_a_variant_is_no_table() -> None:
    with pytest.raises(DeclarationError, match="a variant of a model cannot be a table"):

        class Stored(Hero, table=True, variant="create"):
            pass

    with pytest.raises(DeclarationError, match="a variant of a model cannot be a table"):

        class Later(HeroSignup, table=True):
            pass


def test_constraints_in_annotations_survive_in_every_variant() -> None:
    class Noted(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        text: Annotated[str, Field(max_length=3, description="short")] = "abc"

    for form in (create, patch, public):
        shown = form[Noted].model_json_schema()["properties"]["text"]
        assert (shown["maxLength"], shown["description"]) == (3, "short")
        with pytest.raises(ValidationError):
            form[Noted].model_validate({"id": 1, "text": "abcd"})
    assert create[Noted].model_validate({}).text == "abc"


# ---- what no client says -------------------------------------------------------------------------


def test_a_read_only_field_is_what_no_client_sends_and_each_may_see() -> None:
    assert create[Note].model_fields.keys() == patch[Note].model_fields.keys() == {"text"}
    assert public[Note].model_fields.keys() == {"id", "text", "author", "state"}


@pytest.mark.parametrize("form", [Create, Patch])
@pytest.mark.parametrize("name", ["author", "state", "key_hash"])
def test_a_client_that_sends_a_read_only_field_is_refused(form: Any, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        form[Note].model_validate({"text": "Hi", name: "x"})

    assert refusals(caught.value) == {(name,): "extra_forbidden"}


def test_a_read_only_field_is_a_parameter_of_the_model_itself() -> None:
    note = Note(text="Hi", author="ada", key_hash="x")

    assert (note.author, note.state) == ("ada", "draft")


def test_a_named_variant_can_have_a_hook_of_its_own() -> None:
    seen: list[str] = []

    class Shown(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        name: Col[str]

    class ShownOut(Shown, variant="public"):
        def model_post_init(self, context: Any, /) -> None:
            seen.append(self.name)

    ShownOut.model_validate({"id": 1, "name": "Ada"})

    assert seen == ["Ada"]
