"""A class becomes a question, or an error that says which field cannot be answered and why."""

import gc
import weakref
from collections.abc import Iterator
from typing import Annotated, Any, Optional

import duckdb
import pytest
import sqlalchemy as sa
from pydantic import BaseModel, create_model
from typing_extensions import TypeAliasType

from andamios_orm import Col, From, Model, Related, RelatedList, field, generated, relation
from andamios_orm.errors import ShapeProblem
from andamios_orm.queries.shapes import has_window, is_aggregate, read

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    heroes: RelatedList["Hero"] = relation(fk="team_id")


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    born_in_id: Col[int] = field(foreign_key="City.id")
    lives_in_id: Col[int | None] = field(default=None, foreign_key="City.id")
    team: Related[Team | None] = relation()
    born_in: Related["City"] = relation(fk="born_in_id")
    lives_in: Related["City | None"] = relation(fk="lives_in_id")


class City(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]


class Stranger(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


class TeamName(BaseModel):
    name: str


class CityName(BaseModel):
    name: str


TeamAlias = TypeAliasType("TeamAlias", TeamName)
Loose: Any = Hero


def shape(**fields: Any) -> type[BaseModel]:
    required: Any = {name: (given, ...) for name, given in fields.items()}
    made: type[BaseModel] = create_model("Shape", **required)
    return made


def asked(annotation: Any, source: object, model: type[BaseModel] = Hero) -> type[BaseModel]:
    return shape(x=Annotated[annotation, From(source)])  # type: ignore[arg-type] # what must fail is among them


PROBLEMS: dict[str, tuple[type[BaseModel], type[BaseModel], str, str]] = {
    "a name with a slip": (
        Hero,
        shape(nmae=str),
        "Shape.nmae is neither a column nor a relation of Hero; close to it are name",
        "`nmae: Annotated[..., From(Hero...)]`",
    ),
    "a relation with a slip": (
        Team,
        shape(heros=list[TeamName]),
        "Shape.heros is neither a column nor a relation of Team; close to it are heroes",
        "name it like one",
    ),
    "a name like no other": (
        Hero,
        shape(q=str),
        "Shape.q is neither a column nor a relation of Hero",
        "name it like one",
    ),
    "no fields": (Hero, shape(), "Shape has no fields to read", "give it some"),
    "a relation that is no model": (
        Hero,
        shape(team=str),
        "Shape.team has the name of the relation Hero.team, and is not a Pydantic model",
        "annotate it with a Pydantic model",
    ),
    "a union of models": (
        Hero,
        shape(team=TeamName | CityName | None),
        "is not a Pydantic model",
        "or say what it is with From(...)",
    ),
    "a list of no models": (
        Team,
        shape(heroes=list[str]),
        "and is not a list of Pydantic models",
        "annotate it with a list of Pydantic models",
    ),
    "a bare list": (Team, shape(heroes=list), "is not a list of Pydantic models", ""),
    "a tuple of two": (
        Team,
        shape(heroes=tuple[TeamName, TeamName]),
        "is not a list of Pydantic models",
        "",
    ),
    "one of many": (
        Team,
        shape(heroes=TeamName),
        "Shape.heroes: Team.heroes leads to many rows",
        "annotate it `list[TeamName]`",
    ),
    "many of one": (
        Hero,
        shape(team=list[TeamName]),
        "Shape.team: Hero.team leads to one row",
        "annotate it `TeamName`",
    ),
    "one that may be missing": (
        Hero,
        shape(team=TeamName),
        "Shape.team: a Hero may have no team",
        "annotate it `TeamName | None`",
    ),
    "another model's relation": (
        Hero,
        asked(list[TeamName], Team.heroes),
        "Shape.x: Team.heroes is no relation of Hero",
        "use a relation of Hero itself",
    ),
    "a relation further away": (
        Hero,
        asked(list[TeamName], Hero.team.to.heroes),
        "Shape.x: Hero.team.to.heroes is no relation of Hero",
        "nest the shapes in between",
    ),
    "then": (
        Team,
        asked(list[TeamName], Team.heroes.then(Hero.team)),
        "Shape.x: `then()` is for load()",
        "nest a shape",
    ),
    "several ways to a model": (
        Hero,
        asked(str, City.name),
        "Shape.x: City.name can be reached on several ways",
        "write From(Hero.born_in.to.name) or From(Hero.lives_in.to.name)",
    ),
    "no way to a model": (
        Hero,
        asked(int, Stranger.id),
        "Shape.x: Hero has no relation to one Stranger",
        "or declare `Related[...]`",
    ),
    "only a way to many": (
        Team,
        asked(str, Hero.name),
        "Shape.x: Team has no relation to one Hero, only to many (Team.heroes)",
        "nest a list of shapes",
    ),
    "an expression of another model": (
        Hero,
        asked(int, Stranger.id + 1),
        "Shape.x: Stranger.id + ... names a column of Stranger",
        "such as `Hero.relation.to.x`",
    ),
    "an order": (Hero, asked(str, Hero.name.desc()), "this Ordering is not one value", ""),
    "a select": (
        Hero,
        asked(str, sa.select(Hero.name)),
        "Shape.x: this Select is not one value of each row",
        "`.scalar_subquery()`",
    ),
    "a text": (Hero, asked(str, sa.text("name")), "this TextClause is not", "literal_column"),
    "a str": (Hero, asked(str, "name"), "Shape.x: this str is not one value of each row", ""),
    "a class": (Hero, asked(str, Hero), "is not one value of each row", ""),
    "a table": (Hero, asked(str, Hero.__table__), "Table is not one value of each row", ""),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_field_that_cannot_be_answered_is_an_error_that_says_why(name: str) -> None:
    model, wrong, problem, fix = PROBLEMS[name]
    with pytest.raises(ShapeProblem) as refused:
        read(wrong, model)
    assert problem in refused.value.problem
    assert fix in refused.value.fix


@pytest.mark.parametrize(
    ("wrong", "name"), [(str, "str"), (list[TeamName], "list"), (3, "int"), (None, "NoneType")]
)
def test_a_shape_is_a_pydantic_class(wrong: Any, name: str) -> None:
    with pytest.raises(ShapeProblem, match=rf"into\(\) got {name}, which is no Pydantic model"):
        read(wrong, Hero)


class Endless(BaseModel):
    team: Optional["Around"]


class Around(BaseModel):
    heroes: list[Endless]


def test_a_shape_that_contains_itself_is_refused() -> None:
    with pytest.raises(ShapeProblem, match="Endless contains itself"):
        read(Endless, Hero)


class Dangling(BaseModel):
    team: "Nowhere | None"  # type: ignore[name-defined] # noqa: F821 - what the test is about


def test_a_name_that_is_declared_nowhere_is_refused() -> None:
    with pytest.raises(ShapeProblem, match="Dangling names `Nowhere`, which is not defined"):
        read(Dangling, Hero)


def test_a_computed_field_must_be_one_of_the_shape() -> None:
    nested = shape(name=str, team=TeamName | None)
    assert read(nested, Hero, frozenset({"team.name", "name"})).model is Hero
    with pytest.raises(ShapeProblem, match=r"Shape has no field `team\.nmae` to compute"):
        read(nested, Hero, frozenset({"team.nmae"}))
    with pytest.raises(ShapeProblem, match=r"no field `heroes\.name` to compute"):
        read(shape(heroes=list[TeamName]), Team, frozenset({"heroes.name"}))


@pytest.mark.parametrize(
    "annotation",
    [
        TeamName | None,
        Optional[TeamName],  # noqa: UP045 - one of the ways to write it
        Annotated[TeamName | None, "note"],
        Optional[Annotated[TeamName, "note"]],  # noqa: UP045 - as above
        TeamAlias | None,
    ],
)
def test_a_nested_shape_may_be_written_in_many_ways(annotation: Any) -> None:
    [one] = read(shape(team=annotation), Hero).ones
    assert one.shape.shape is TeamName


@pytest.mark.parametrize(
    "annotation", [list[TeamName], tuple[TeamName, ...], Annotated[list[TeamName], "note"]]
)
def test_a_nested_list_may_be_written_in_many_ways(annotation: Any) -> None:
    [many] = read(shape(heroes=annotation), Team).manys
    assert many.shape.shape is TeamName


def test_what_was_read_of_a_class_goes_with_it() -> None:
    made = shape(name=str)
    assert read(made, Hero) is read(made, Hero)
    assert read(made, Hero) is not read(made, Team)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_a_shape_that_inherits_is_read_for_itself() -> None:
    class Base(BaseModel):
        name: str

    class Longer(Base):
        age: int | None

    assert len(read(Base, Hero).columns) == 1
    assert len(read(Longer, Hero).columns) == 2


def test_from_shows_where_a_value_comes_from_and_no_values() -> None:
    assert repr(From(Hero.name)) == "From(Hero.name)"
    assert repr(From(Hero.age + 4711)) == "From(Hero.age + ...)"
    assert repr(From(Hero.team)) == "From(Hero.team)"
    assert repr(From(sa.literal("secret"))) == "From(...)"


def aggregates() -> Iterator[tuple[Any, bool, bool]]:
    count, age = sa.func.count(), Hero.age.column
    yield count, True, False
    yield sa.func.COUNT(), True, False
    yield count.label("n"), True, False
    yield count + 1, True, False
    yield sa.cast(count, sa.String()), True, False
    yield sa.func.coalesce(sa.func.sum(age), 0), True, False
    yield count.filter(age > 1), True, False
    yield sa.func.percentile_cont(0.5).within_group(age), True, False
    yield age, False, False
    yield sa.func.upper(age), False, False
    yield count.over(), False, True
    yield count.filter(age > 1).over(partition_by=age), False, True
    yield sa.func.coalesce(count.over(), 0), False, True
    yield sa.select(count).scalar_subquery(), False, False
    yield sa.select(count.over()).scalar_subquery(), False, False
    yield sa.exists(sa.select(count)), False, False


@pytest.mark.parametrize(("clause", "aggregate", "window"), list(aggregates()))
def test_an_aggregate_and_a_window_are_known_from_what_has_rows_of_its_own(
    clause: Any, *, aggregate: bool, window: bool
) -> None:
    assert is_aggregate(clause) is aggregate
    assert has_window(clause) is window


# Their manuals name more than an engine without a server can be asked for.
OF_SERVERS = """
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp
    every group_concat json_agg json_agg_strict json_arrayagg json_object_agg
    json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_objectagg
    jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
    jsonb_object_agg_unique_strict listagg max median min mode percentile_cont percentile_disc
    range_agg range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy std stddev stddev_pop stddev_samp string_agg sum var_pop var_samp
    variance xmlagg
"""
OF_SQLITE = """
    avg count group_concat json_group_array json_group_object jsonb_group_array jsonb_group_object
    max min string_agg sum total
"""
# What DuckDB uses itself, under names that its manual does not have.
INTERNAL = {"combine_aggr", "decimal_average", "variant_group_object"}


def test_the_aggregates_of_each_engine_are_known_by_name() -> None:
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
        ).fetchall()
    of_duckdb = {str(name) for [name] in found} - INTERNAL

    names = {*of_duckdb, *OF_SERVERS.split(), *OF_SQLITE.split()}

    assert {name for name in names if not is_aggregate(getattr(sa.func, name)())} == set()
