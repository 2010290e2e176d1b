"""Rows become instances by the model's own rules, with JSON columns as the text that they are."""

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import (
    VERSION,
    BaseModel,
    ConfigDict,
    PrivateAttr,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
)
from pydantic import model_validator as whole
from pydantic_core import SchemaError, SchemaValidator
from sqlalchemy.dialects.postgresql import asyncpg

from andamios_orm import Col, Model, field, generated
from andamios_orm.errors import InvalidRow
from andamios_orm.rows import validator
from andamios_orm.rows.decode import model_decoder
from andamios_orm.rows.validator import rows_validator
from andamios_orm.schema.compiler import spec_of, table_of

METADATA = sa.MetaData()


WAYS = [True, False] if validator._KEYWORD else [False]
"""Whether pydantic-core is told by its keyword to read the schema that is described, or without."""


@pytest.fixture(autouse=True, params=WAYS, ids=str)
def built(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validator, "_KEYWORD", request.param)


class Settings(BaseModel):
    theme: str
    sizes: tuple[int, ...] = ()


class Plain(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    settings: Col[Settings]
    extra: Col[dict[str, Any] | None] = field(default=None)


def read(model: type[Model], *rows: dict[str, object]) -> list[Any]:
    return rows_validator(spec_of(model), json_is_text=True).validate(list(rows))


def parses(model: type[Model], *, json_is_text: bool = True) -> set[str]:
    return set(rows_validator(spec_of(model), json_is_text=json_is_text).parses)


# ---- JSON ----------------------------------------------------------------------------------------


def test_the_private_keyword_is_there() -> None:
    assert validator._has_keyword() == (tuple(map(int, VERSION.split(".")[:2])) >= (2, 13))


def test_a_pydantic_without_the_keyword_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(schema: object, **keywords: object) -> None:
        raise TypeError("unexpected keyword argument")

    monkeypatch.setattr(validator, "SchemaValidator", refuses)

    assert not validator._has_keyword()


def test_json_is_parsed_and_typed_by_pydantic_core() -> None:
    assert parses(Plain) == {"settings", "extra"}

    [found] = read(
        Plain, {"id": 1, "settings": '{"theme": "dark", "sizes": [1, 2]}', "extra": '{"a": [1]}'}
    )

    assert type(found) is Plain
    assert found.settings == Settings(theme="dark", sizes=(1, 2))
    assert found.extra == {"a": [1]}


def test_null_is_none_and_no_text() -> None:
    [found] = read(Plain, {"id": 1, "settings": '{"theme": "dark"}', "extra": None})

    assert found.extra is None
    with pytest.raises(ValidationError):
        read(Plain, {"id": 1, "settings": None, "extra": None})


def test_a_driver_that_parses_json_is_left_to_it() -> None:
    assert parses(Plain, json_is_text=False) == set()


class Judged(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]
    marks: Col[list[int]]

    @field_validator("tags", mode="before")
    @classmethod
    def sorted_tags(cls, value: Any) -> Any:
        return sorted(value)

    @field_validator("marks")
    @classmethod
    def not_empty(cls, value: list[int]) -> list[int]:
        if not value:
            raise ValueError("no marks")
        return value


def test_a_validator_before_pydantic_gets_the_value_and_one_after_it_does_not_matter() -> None:
    assert parses(Judged) == {"marks"}

    [found] = read(Judged, {"id": 1, "tags": ["b", "a"], "marks": "[1]"})

    assert (found.tags, found.marks) == (["a", "b"], [1])
    with pytest.raises(ValidationError, match="no marks"):
        read(Judged, {"id": 1, "tags": [], "marks": "[]"})


class Before(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]

    @whole(mode="before")
    @classmethod
    def look(cls, values: dict[str, Any]) -> dict[str, Any]:
        assert isinstance(values["tags"], list)
        return values


class Around(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]

    @whole(mode="wrap")
    @classmethod
    def look(cls, values: dict[str, Any], handler: Any) -> Any:
        assert isinstance(values["tags"], list)
        return handler(values)


class After(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]

    @whole(mode="after")
    def look(self) -> "After":
        assert self.tags
        return self


@pytest.mark.parametrize("model", [Before, Around])
def test_a_validator_that_sees_the_whole_row_sees_values(model: type[Model]) -> None:
    assert parses(model) == set()
    [found] = read(model, {"id": 1, "tags": ["a"]})
    assert found.tags == ["a"]


def test_a_validator_of_the_instance_runs_on_rows_too() -> None:
    assert parses(After) == {"tags"}
    assert read(After, {"id": 1, "tags": '["a"]'})[0].tags == ["a"]
    with pytest.raises(ValidationError):
        read(After, {"id": 1, "tags": "[]"})


class Encoded(Model, table=True, metadata=METADATA):
    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")

    id: Col[int] = generated()
    parts: Col[list[bytes]]


def test_how_an_api_shows_bytes_does_not_matter_to_columns() -> None:
    assert parses(Encoded) == set()


class Recursive(BaseModel):
    name: str
    children: "list[Recursive]" = []


class Forest(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tree: Col[Recursive]


def test_a_recursive_document_is_read() -> None:
    [found] = read(Forest, {"id": 1, "tree": '{"name": "a", "children": [{"name": "b"}]}'})

    assert found.tree.children == [Recursive(name="b")]


class Exact(BaseModel):
    model_config = ConfigDict(strict=True)

    size: int


class Strict(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    exact: Col[Exact]
    other: Col[list[StrictInt] | None] = field(default=None)


class StrictAndRuled(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    ruled: Col[list[StrictInt]]

    @field_validator("ruled")
    @classmethod
    def short(cls, value: list[int]) -> list[int]:
        if len(value) > 2:
            raise ValueError("too long")
        return value


def test_what_is_strict_inside_json_is_read_by_its_type_beforehand() -> None:
    assert parses(Strict) == set()
    row: dict[str, object] = {"id": 1, "exact": Exact(size=1), "other": None}

    found, other = read(Strict, row, {**row, "other": [2]})

    assert (found.exact, found.other) == (Exact(size=1), None)
    assert other.other == [2]
    with pytest.raises(ValidationError):
        read(Strict, {**row, "exact": None})


def test_rules_are_asked_of_strict_json_too() -> None:
    assert read(StrictAndRuled, {"id": 1, "ruled": [1]})[0].ruled == [1]
    with pytest.raises(ValidationError, match="too long"):
        read(StrictAndRuled, {"id": 1, "ruled": [1, 2, 3]})


class StrictNode(BaseModel):
    name: StrictStr
    children: "list[StrictNode]" = []


class Grove(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tree: Col[StrictNode]


def test_what_is_strict_in_a_recursive_document_is_so_too() -> None:
    assert parses(Grove) == set()
    assert read(Grove, {"id": 1, "tree": StrictNode(name="a")})[0].tree.name == "a"


# ---- what instances do when they are made --------------------------------------------------------


class Hooked(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    _seen: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any, /) -> None:
        self._seen.append(self.name)


class Private(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)


class Child(Hooked, table=True, metadata=METADATA):
    age: Col[int]


@pytest.mark.parametrize("model", [Hooked, Child])
def test_a_hook_of_the_users_runs_once_on_a_row(model: type[Model]) -> None:
    [found] = read(model, {"id": 1, "name": "Ada", "age": 36})

    assert found._seen == ["Ada"]


def test_private_attributes_are_there() -> None:
    assert read(Private, {"id": 1})[0]._cache == {}


class Made(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


def test_a_class_with_an_init_of_its_own_is_made_by_it() -> None:
    assert parses(Made) == set()
    assert read(Made, {"id": 1, "tags": ["a"]})[0].tags == ["a"]


def test_a_strict_model_reads_what_drivers_give() -> None:
    class StrictModel(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(strict=True)

        id: Col[int] = generated()
        active: Col[bool]

    assert read(StrictModel, {"id": 1, "active": 1})[0].active is True


# ---- a schema that cannot be described -----------------------------------------------------------


def test_a_schema_that_pydantic_core_refuses_leaves_the_models_own_validator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(schema: object, **keywords: object) -> None:
        raise SchemaError("unknown type")

    monkeypatch.setattr(validator, "SchemaValidator", refuses)

    assert parses(Plain) == set()
    [found] = read(Plain, {"id": 1, "settings": Settings(theme="dark"), "extra": {"a": 1}})
    assert type(found) is Plain
    assert found.extra == {"a": 1}
    assert Plain.__pydantic_complete__


def test_a_model_that_is_rebuilt_meanwhile_is_described_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[object] = []

    def rebuilt(schema: Any) -> SchemaValidator:
        tries.append(schema)
        Plain.__pydantic_complete__ = len(tries) == 1
        return SchemaValidator(schema)

    monkeypatch.setattr(validator, "_KEYWORD", False)
    monkeypatch.setattr(validator, "SchemaValidator", rebuilt)

    [found] = read(Plain, {"id": 1, "settings": '{"theme": "dark"}', "extra": None})
    assert (found.settings.theme, len(tries)) == ("dark", 2)
    assert Plain.__pydantic_complete__


# ---- digits --------------------------------------------------------------------------------------


class Priced(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=5, decimal_places=2)
    marks: Col[list[StrictInt]]


class Numbers(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    whole: Col[Decimal] = field(max_digits=3, decimal_places=0)
    given: Col[Decimal] = field(max_digits=4, decimal_places=2, default=Decimal(0))
    absent: Col[Decimal | None] = field(max_digits=4, decimal_places=2, default=None)


class Doubled(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=5, decimal_places=2)

    @whole(mode="before")
    @classmethod
    def double(cls, values: Any) -> Any:
        return {**values, "price": values["price"] * 2}


DIALECT: sa.Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's


def decoded(*prices: object) -> list[Any]:
    decode = model_decoder(spec_of(Priced), table_of(Priced), DIALECT)
    return decode([(number, price, [number]) for number, price in enumerate(prices)])


def test_digits_that_fit_are_not_counted_again() -> None:
    """Fails if the schemas of numbers take a form that is not known."""
    found = rows_validator(spec_of(Priced), json_is_text=True)
    row = {"id": 1, "price": Decimal("1.001"), "marks": [1]}

    assert found.fitting.keys() == {"price"}
    assert found.validate_fitting is not None
    assert found.validate_fitting([row])[0].price == Decimal("1.001")
    with pytest.raises(ValidationError):
        found.validate([row])


@pytest.mark.parametrize("price", ["1.10", "1.100", "-0.00", "999.99", "1E+2"])
def test_a_number_that_fits_is_read_as_it_is(price: str) -> None:
    number = Decimal(price)

    first, second = decoded(Decimal(1), number)

    assert second.price is number
    assert (first.marks, second.marks) == ([0], [1])


@pytest.mark.parametrize("price", ["1.001", "1000", "NaN", "sNaN", "Infinity"])
def test_a_number_with_more_digits_than_the_field_takes_is_refused(price: str) -> None:
    with pytest.raises(InvalidRow, match="price"):
        decoded(Decimal(1), Decimal(price))


def test_what_is_no_decimal_is_left_to_pydantic() -> None:
    [first, second] = decoded(1, "2.50")

    assert (first.price, second.price) == (Decimal(1), Decimal("2.50"))
    with pytest.raises(InvalidRow, match="price"):
        decoded(None)


@pytest.mark.parametrize(
    "price", ["1.10", "999.99", "-99.99", "-999.99", "+1.10", " 1.10", "1_0.10", "1.1", "1E+2", "2"]
)
def test_a_text_is_the_number_that_it_says(price: str) -> None:
    [found] = decoded(price)

    assert str(found.price) == str(Decimal(price))


@pytest.mark.parametrize(
    "price",
    [
        *("1.001", "1000", "1000.00", "-1000.00", "NaN", "Infinity", "", "x.10", "1.x0"),
        *("1.e4", "1e4.00", "1 0.10", "0x1.10", "1_0000.10"),
    ],
)
def test_a_text_that_is_no_number_of_the_field_is_refused(price: str) -> None:
    with pytest.raises(InvalidRow, match="price"):
        decoded("1.10", price)


def test_digits_are_not_counted_where_there_may_be_none() -> None:
    found = rows_validator(spec_of(Numbers), json_is_text=True)
    decode = model_decoder(spec_of(Numbers), table_of(Numbers), DIALECT)
    assert found.fitting.keys() == {"whole", "given", "absent"}

    for first, given, absent in (
        ("123", "12.34", None),
        ("0", "-1.50", "99.99"),
        (Decimal(7), Decimal("1.5"), Decimal(2)),
        ("-12", "1.5", "2"),
    ):
        [row] = decode([(1, first, given, absent)])
        expected = [None if one is None else Decimal(one) for one in (first, given, absent)]
        assert list(row.model_dump().values()) == [1, *expected]

    for refused in (("1234", "1.00", None), ("1.5", "1.00", None), ("1", None, None)):
        with pytest.raises(InvalidRow):
            decode([(1, *refused)])


def test_digits_are_counted_after_the_validator_of_a_whole_row() -> None:
    decode = model_decoder(spec_of(Doubled), table_of(Doubled), DIALECT)

    [found] = decode([(1, Decimal("2.50"))])

    assert found.price == Decimal("5.00")  # type: ignore[attr-defined] # it is a Doubled
    with pytest.raises(InvalidRow, match="price"):
        decode([(1, Decimal("999.99"))])
