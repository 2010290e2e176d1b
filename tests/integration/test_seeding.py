"""Tables filled with the rows that seeds declare, again and again."""

import types
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from andamios_orm import (
    Col,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    Session,
    SoftDelete,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import NotFound, SeedProblem, UsageError
from andamios_orm.observe import subscribe
from andamios_orm.seeding import Seed, SeedCount, fixture, run_seeds, seed
from tests.engines import only_on
from tests.own_types import Rank, Shout

METADATA = sa.MetaData()


class Place(BaseModel):
    city: str
    stars: int = 3


class League(Model, table=True, metadata=METADATA):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Col[str] = field(primary_key=True, max_length=50)
    rank: Col[Rank]
    shout: Col[Shout] = field(default_factory=lambda: Shout(""))


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    place: Col[Place | None] = field(default=None)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    born: Col[date | None] = field(default=None)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=12, decimal_places=4, ge=0)
    active: Col[bool] = field(default=True)
    motto: Col[str] = field(default="")
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    boss_id: Col[int | None] = field(default=None, foreign_key="Hero.id")
    boss: Related["Hero | None"] = relation(fk="boss_id")
    __table_args__ = (sa.UniqueConstraint("name", "team_id"), sa.UniqueConstraint("name"))


class Mission(Model, table=True, metadata=METADATA):
    code: Col[UUID] = field(primary_key=True)
    hero_id: Col[int] = field(foreign_key=Hero.id)


class Step(Model, table=True, metadata=METADATA):
    code: Col[UUID] = field(primary_key=True)
    team_id: Col[int | None] = field(default=None)
    hero_name: Col[str | None] = field(default=None, max_length=50)
    __table_args__ = (
        sa.ForeignKeyConstraint(["hero_name", "team_id"], ["hero.name", "hero.team_id"]),
    )


class Note(SoftDelete, Versioned, table=True, metadata=METADATA):
    id: Col[int] = generated()
    title: Col[str] = field(unique=True, max_length=50)
    text: Col[str] = field(default="")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


def rows(model: type[Model], *values: dict[str, Any], key: Any = None, **options: Any) -> Seed:
    """A seed of these rows."""

    @seed(model, key=key, **options)
    def given() -> list[dict[str, Any]]:
        return list(values)

    return given


@pytest.fixture
def written(db: Database) -> Iterator[list[str]]:
    """The statements that change rows, from here on."""
    found: list[str] = []

    def see(event: Any) -> None:
        sql = getattr(event, "sql", "")
        if sql.split(" ")[0] in ("INSERT", "UPDATE", "DELETE"):
            found.append(sql)

    with subscribe(see):
        yield found


# ---- again and again -----------------------------------------------------------------------------


async def test_seeds_create_update_and_leave_rows_and_count_them(db: Database) -> None:
    before = rows(Team, {"name": "A"}, {"name": "B", "place": {"city": "Bern"}}, {"name": "C"})
    after = rows(
        Team, {"name": "A"}, {"name": "B", "place": {"city": "Basel"}}, {"name": "D"}, {"name": "C"}
    )

    assert (await run_seeds(db, [before])).counts == (SeedCount(Team, created=3),)
    report = await run_seeds(db, [after])

    assert report.counts == (SeedCount(Team, created=1, updated=1, unchanged=2),)
    assert str(report) == "Team: 1 created, 1 updated, 2 unchanged"
    stored = {team.name: team.place for team in await Repository(Team, db).all()}
    assert stored == {"A": None, "B": Place(city="Basel"), "C": None, "D": None}


async def test_seeds_that_changed_nothing_write_nothing(db: Database, written: list[str]) -> None:
    seeds = [rows(Team, {"name": "A", "place": {"city": "Bern"}}), rows(Note, {"title": "x"})]
    await run_seeds(db, seeds)
    assert written
    written.clear()

    report = await run_seeds(db, seeds)

    assert [count.unchanged for count in report.counts] == [1, 1]
    assert written == []


async def test_a_member_of_an_enumeration_is_stored_where_it_is_another_one(db: Database) -> None:
    await run_seeds(db, [rows(League, {"name": "A", "rank": Rank.MINOR})])

    report = await run_seeds(db, [rows(League, {"name": "A", "rank": Rank.MAJOR})])

    assert report.counts == (SeedCount(League, updated=1),)
    assert (await Repository(League, db).get("A")).rank is Rank.MAJOR


@pytest.mark.parametrize(("text", "updated"), [("a", 0), ("b", 1)])
async def test_values_of_a_type_of_its_own_are_compared_as_they_are_stored(
    db: Database, text: str, updated: int
) -> None:
    await run_seeds(db, [rows(League, {"name": "A", "rank": Rank.MINOR, "shout": Shout("a")})])

    again = rows(League, {"name": "A", "rank": Rank.MINOR, "shout": Shout(text)})
    report = await run_seeds(db, [again])

    assert report.counts == (SeedCount(League, updated=updated, unchanged=1 - updated),)
    assert (await Repository(League, db).get("A")).shout.text == text


async def test_a_row_keeps_what_the_seed_does_not_give(db: Database) -> None:
    teams = Repository(Team, db)
    stored = await teams.add(Team(name="A", place=Place(city="Bern")))

    report = await run_seeds(db, [rows(Team, {"name": "A"})])

    assert report.counts[0].unchanged == 1
    assert await teams.get(stored.id) == stored


async def test_a_seed_may_be_async_take_the_session_and_give_instances(db: Database) -> None:
    @seed(Team)
    async def teams() -> list[Team]:
        return [Team(name="A")]

    @seed(Hero, key=Hero.name)
    async def heroes(session: Session) -> AsyncIterator[Hero]:
        team = await Repository(Team, session).one()
        yield Hero(name="Ada", team_id=team.id)

    report = await run_seeds(db, [heroes, teams])

    assert [count.model for count in report.counts] == [Team, Hero]
    assert (await Repository(Hero, db).one()).team_id is not None


async def test_a_row_that_was_deleted_stays_deleted(db: Database) -> None:
    notes = Repository(Note, db)
    seeds = [rows(Note, {"title": "x", "text": "one"})]
    await run_seeds(db, seeds)
    await notes.delete(await notes.one())

    report = await run_seeds(db, seeds)

    assert report.counts[0].unchanged == 1
    with pytest.raises(NotFound):
        await notes.one()


async def test_keys_that_a_seed_counts_are_not_given_to_others(db: Database) -> None:
    seeds = [rows(Team, {"id": 7, "name": "A"}, {"id": 9, "name": "B"}, key="id")]
    await run_seeds(db, seeds)

    added = await Repository(Team, db).add(Team(name="C"))

    assert added.id > 9
    assert (await run_seeds(db, seeds)).counts[0].unchanged == 2


async def test_several_seeds_of_a_model_are_counted_together(db: Database) -> None:
    told: list[SeedCount] = []
    report = await run_seeds(
        db, [rows(Team, {"name": "A"}), rows(Team, {"name": "B"})], progress=told.append
    )

    assert report.counts == (SeedCount(Team, created=2),)
    assert told == [SeedCount(Team, created=1)] * 2


# ---- references ----------------------------------------------------------------------------------


async def test_rows_refer_to_others_by_natural_keys(db: Database) -> None:
    code = UUID(int=1)
    seeds = [
        rows(
            Mission,
            # The hero is found by its team's name, too.
            {"code": code, "hero_id": {"name": "Ada", "team": {"name": "A"}}},
        ),
        rows(
            Hero,
            {"name": "Ada", "team": {"name": "A"}, "boss": {"name": "Eve"}},
            {"name": "Bob", "team": None, "boss_id": {"name": "Ada"}},
            {"name": "Eve", "team_id": {"name": "A"}},
            key="name",
        ),
        rows(Team, {"name": "A"}),
    ]

    report = await run_seeds(db, seeds)

    assert [(count.model, count.created) for count in report.counts] == [
        (Team, 1),
        (Hero, 3),
        (Mission, 1),
    ]
    heroes = {hero.name: hero for hero in await Repository(Hero, db).load(Hero.team).all()}
    assert heroes["Ada"].team == heroes["Eve"].team == await Repository(Team, db).one()
    assert heroes["Ada"].boss_id == heroes["Eve"].id
    assert (heroes["Bob"].team, heroes["Bob"].boss_id) == (None, heroes["Ada"].id)
    assert (await Repository(Mission, db).get(code)).hero_id == heroes["Ada"].id
    assert {count.unchanged for count in (await run_seeds(db, seeds)).counts} == {1, 3}


async def test_a_key_of_several_fields_is_given_as_it_is(db: Database) -> None:
    team = await Repository(Team, db).add(Team(name="A"))
    await Repository(Hero, db).add(Hero(name="Ada", team_id=team.id))

    seeds = [rows(Step, {"code": UUID(int=1), "hero_name": "Ada", "team_id": team.id})]
    report = await run_seeds(db, seeds)

    assert report.counts[0].created == report.counts[0].rows == 1


@only_on("sqlite")
async def test_what_a_reference_lacks_is_named(db: Database) -> None:
    await run_seeds(db, [rows(Team, {"name": "A"}, {"name": "B"})])
    heroes = rows(
        Hero,
        {"name": "a", "team": {"name": "secret"}},
        {"name": "b", "team": {"nam": "secret"}},
        {"name": "c", "team": {"place": None}},
        {"name": "d", "team": {"id": "secret"}},
        {"name": "e", "boss": {"team": {"name": "secret"}}},
        {"name": "f", "team": {}},
        key="name",
    )

    with pytest.raises(SeedProblem) as caught:
        await run_seeds(db, [heroes])

    assert caught.value.problem.splitlines() == [
        "some rows cannot be stored:",
        "  given(), row 1: team (no_such_row)",
        "  given(), row 2: team (no_such_field)",
        "  given(), row 3: team (several_such_rows)",
        "  given(), row 4: team (int_parsing)",
        "  given(), row 6: team (no_such_field)",
        "  given(), row 5: boss (no_such_row)",
    ]
    assert "secret" not in str(caught.value)


@only_on("sqlite")
async def test_rows_that_wait_for_each_other_are_named(db: Database) -> None:
    heroes = rows(
        Hero,
        {"name": "c", "boss": {"name": "d"}},
        {"name": "d", "boss": {"name": "c"}},
        key="name",
    )

    with pytest.raises(SeedProblem, match=r"row 1: boss \(no_such_row\)\n.*row 2: boss"):
        await run_seeds(db, [heroes])


@only_on("sqlite")
async def test_a_reference_that_several_rows_fit_is_refused(db: Database) -> None:
    await run_seeds(db, [rows(Hero, {"name": "a"}, {"name": "b"}, key="name")])

    with pytest.raises(SeedProblem, match=r"row 1: boss \(several_such_rows\)"):
        await run_seeds(db, [rows(Hero, {"name": "c", "boss": {"active": True}}, key="name")])


# ---- all or nothing ------------------------------------------------------------------------------


async def test_nothing_is_stored_if_one_row_cannot_be(db: Database) -> None:
    seeds = [
        rows(Team, {"name": "A"}),
        rows(Hero, {"name": "Ada"}, {"name": "Bob", "fee": -1}, key="name"),
    ]

    with pytest.raises(SeedProblem) as caught:
        await run_seeds(db, seeds)

    assert caught.value.problem == "given(), row 2: fee (greater_than_equal)"
    assert await Repository(Team, db).count() == 0
    assert await Repository(Hero, db).count() == 0


async def test_what_the_database_refuses_is_told_without_values(db: Database) -> None:
    with pytest.raises(SeedProblem) as caught:
        await run_seeds(
            db, [rows(Team, {"name": "A"}), rows(Hero, {"name": "x", "team_id": 4711}, key="name")]
        )

    assert "given(): " in caught.value.problem
    assert "4711" not in str(caught.value)
    assert await Repository(Team, db).count() == 0


async def test_a_dry_run_counts_and_stores_nothing(db: Database) -> None:
    seeds = [
        rows(Hero, {"name": "x", "team": {"name": "A"}}, key="name"),
        rows(Team, {"name": "A"}),
    ]

    report = await run_seeds(db, seeds, dry_run=True)

    assert report.dry_run
    assert [count.created for count in report.counts] == [1, 1]
    assert await Repository(Team, db).count() == await Repository(Hero, db).count() == 0


@only_on("sqlite")
async def test_rows_with_one_key_are_refused(db: Database) -> None:
    with pytest.raises(SeedProblem, match=r"row 2: name \(the same as in given\(\), row 1\)"):
        await run_seeds(db, [rows(Team, {"name": "A"}, {"name": "A"})])


@only_on("sqlite")
async def test_many_problems_are_told_in_part(db: Database) -> None:
    with pytest.raises(SeedProblem, match="and 5 more") as caught:
        await run_seeds(db, [rows(Team, *({"nam": "secret"} for _ in range(15)))])

    assert len(caught.value.problem.splitlines()) == 12


@only_on("sqlite")
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nam": "secret"}, r"nam \(no_such_field\)"),
        ({"place": None}, r"name \(missing\)"),
        (Hero(name="secret"), r"a Hero \(is no Team and no dict\)"),
        ("secret", r"a str \(is no Team and no dict\)"),
        (Team.model_construct(name=None), r"name \(string_type\)"),
    ],
)
async def test_a_row_that_is_none_is_refused(db: Database, values: Any, told: str) -> None:
    with pytest.raises(SeedProblem, match=told) as caught:
        await run_seeds(db, [rows(Team, values)])

    assert "secret" not in str(caught.value)


@only_on("sqlite")
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_instance_that_a_seed_cannot_make_is_told_without_values(
    db: Database, at_once: bool
) -> None:
    def one_by_one() -> Iterator[Hero]:
        yield Hero(name="Ada", fee=Decimal("-4711"))

    @seed(Hero, key="name")
    def heroes() -> Iterable[Hero]:
        return list(one_by_one()) if at_once else one_by_one()

    with pytest.raises(SeedProblem) as caught:
        await run_seeds(db, [rows(Team, {"name": "A"}), heroes])

    assert caught.value.problem == "heroes() makes a Hero: fee (greater_than_equal)"
    assert caught.value.__suppress_context__
    assert await Repository(Team, db).count() == 0


@only_on("sqlite")
async def test_a_row_without_a_value_of_its_key_is_refused(db: Database) -> None:
    with pytest.raises(SeedProblem, match=r"row 1: team_id \(missing, and tells the rows apart\)"):
        await run_seeds(db, [rows(Hero, {"name": "x"}, key=("name", "team_id"))])


@only_on("sqlite")
async def test_a_value_that_no_column_holds_is_refused(db: Database) -> None:
    with pytest.raises(SeedProblem, match="row 1: place") as caught:
        await run_seeds(db, [rows(Team, {"name": "A", "place": {"city": "secret\ud800"}})])

    assert "secret" not in str(caught.value)


@only_on("sqlite")
async def test_a_table_that_is_missing_leads_to_migrations(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        with pytest.raises(SeedProblem, match="no table team") as caught:
            await run_seeds(db, [rows(Team, {"name": "A"})])

    assert "migrate up" in caught.value.fix


# ---- keys ----------------------------------------------------------------------------------------


@only_on("sqlite")
async def test_a_key_is_needed_where_a_model_has_several(db: Database) -> None:
    with pytest.raises(SeedProblem, match=r"\(name\) or \(name, team_id\)"):
        await run_seeds(db, [rows(Hero, {"name": "x"})])


@only_on("sqlite")
async def test_a_key_must_be_unique(db: Database) -> None:
    with pytest.raises(SeedProblem, match="told apart by born"):
        await run_seeds(db, [rows(Hero, {"born": date(2000, 1, 1)}, key=["born"])])


async def test_a_model_without_a_key_has_no_seeds() -> None:
    metadata = sa.MetaData()

    class Loose(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    async with Database("sqlite://", metadata=metadata) as db:
        await db.create_all()
        with pytest.raises(SeedProblem, match="no unique key"):
            await run_seeds(db, [rows(Loose, {})])


def test_a_key_names_fields() -> None:
    with pytest.raises(SeedProblem, match="`nam`, which is no field of Team") as caught:
        rows(Team, key="nam")

    assert "id, name, place" in caught.value.fix


# ---- which ---------------------------------------------------------------------------------------


@only_on("sqlite")
async def test_seeds_are_for_environments(db: Database) -> None:
    seeds = [
        rows(Team, {"name": "A"}),
        rows(Team, {"name": "B"}, environments="development"),
        rows(Team, {"name": "C"}, environments=["test", "production"]),
    ]

    report = await run_seeds(db, seeds, environment="production")

    assert {team.name for team in await Repository(Team, db).all()} == {"A", "C"}
    assert report.skipped == ("given()",)


@only_on("sqlite")
@pytest.mark.parametrize("name", ["Team", "team", Team])
async def test_seeds_of_one_model_run_alone(db: Database, name: Any) -> None:
    seeds = [rows(Team, {"name": "A"}), rows(Note, {"title": "x"})]

    report = await run_seeds(db, seeds, only=[name])

    assert [count.model for count in report.counts] == [Team]


@only_on("sqlite")
async def test_a_model_that_nobody_declared_has_no_seeds(db: Database) -> None:
    with pytest.raises(UsageError, match="no model is called `Tem`") as caught:
        await run_seeds(db, [], only=["Tem"])

    assert "Hero, League, Mission, Note, Step, Team" in caught.value.fix


@only_on("sqlite")
async def test_no_seeds_are_no_problem(db: Database) -> None:
    assert str(await run_seeds(db, [])) == "no seeds"


@only_on("sqlite")
async def test_the_seeds_of_a_module_run(db: Database) -> None:
    module = types.ModuleType("seeds")
    module.teams = module.again = rows(Team, {"name": "A"})  # type: ignore[attr-defined] # made here

    report = await run_seeds(db, [module])

    assert report.counts == (SeedCount(Team, created=1),)


# ---- fixtures ------------------------------------------------------------------------------------


async def test_a_folder_has_a_file_for_each_model(db: Database, tmp_path: Path) -> None:
    (tmp_path / "team.csv").write_text('name,place\nA,\nB,"{""city"": ""Bern""}"\n')
    (tmp_path / "notes.txt").write_text("not a fixture")
    (tmp_path / "Note.json").write_text('[{"title": "x"}]')
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "note.json").write_text('[{"title": "y"}]')
    (tmp_path / "development").mkdir()
    (tmp_path / "development" / "note.json").write_text('[{"title": "z"}]')

    report = await run_seeds(db, [tmp_path], environment="test")

    assert report.counts == (SeedCount(Note, created=2), SeedCount(Team, created=2))
    assert report.skipped == ((tmp_path / "development" / "note.json").as_posix(),)
    teams = {team.name: team.place for team in await Repository(Team, db).all()}
    assert teams == {"A": None, "B": Place(city="Bern")}
    assert {count.unchanged for count in (await run_seeds(db, [str(tmp_path)])).counts} == {1, 2}


HEROES = [
    Hero(name="Ada", born=date(1815, 12, 10), fee=Decimal("12345678.1234"), motto="a,b"),
    Hero(name="Bob", active=False, fee=Decimal("0.1")),
    Hero(name="Éve", born=None),
]


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
async def test_each_form_of_a_fixture_gives_the_same_rows(
    db: Database, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"hero.{form}"
    if form == "json":
        path.write_text(
            """\ufeff [
                {"name": "Ada", "born": "1815-12-10", "fee": 12345678.1234, "motto": "a,b",
                 "team": {"name": "A"}},
                {"name": "Bob", "active": false, "fee": "0.1"},
                {"name": "Éve", "boss": null}
            ] """,
            encoding="utf-8",
        )
    elif form == "csv":
        path.write_text(
            "name,born,fee,motto,active,team.name,boss.name\n"
            'Ada,1815-12-10,12345678.1234,"a,b",,A,\n\nBob,,0.1,,no,,\nÉve,,,,TRUE,,\n',
            encoding="utf-8",
        )
    else:
        columns = ("name", "born", "fee", "motto", "active")
        table = pa.table({c: [getattr(hero, c) for hero in HEROES] for c in columns})
        pq.write_table(table.append_column("team", [[{"name": "A"}, None, None]]), path)

    seeds = [fixture(Hero, path, key="name"), rows(Team, {"name": "A"})]
    report = await run_seeds(db, seeds)

    assert report.counts[1].created == 3
    heroes = Repository(Hero, db)
    stored = {hero.name: hero for hero in await heroes.load(Hero.team).all()}
    for hero in HEROES:
        found = stored[hero.name]
        for name in ("born", "fee", "motto", "active"):
            assert getattr(found, name) == getattr(hero, name)
    assert stored["Ada"].team == await Repository(Team, db).one()
    assert (await run_seeds(db, seeds)).counts[1].unchanged == 3


@only_on("sqlite")
async def test_a_parquet_file_has_json_as_text_or_as_structs(db: Database, tmp_path: Path) -> None:
    await run_seeds(db, [rows(Team, {"name": "A", "place": {"city": "Bern", "stars": 3}})])
    await db.export_parquet(Team, tmp_path / "team.parquet")

    report = await run_seeds(db, [tmp_path / "team.parquet"])

    assert report.counts == (SeedCount(Team, unchanged=1),)


@only_on("sqlite")
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("team.json", "", "line 1, column 1: .*expecting a list"),
        ("team.json", '{"name": "secret"}', "line 1, column 1: .*expecting a list"),
        ("team.json", '[\n{"name": "A"}\n{"name": "secret"}]', "line 3, column 1: .*expecting ','"),
        ("team.json", '[{"name": "A"}] secret', "line 1, column 17: .*nothing more"),
        ("team.json", '[{"name": secret}]', "line 1, column 11: .*expecting value"),
        ("team.json", '[{"name": "A"},\n 3]', "line 2: a int is no row"),
        ("team.json", '[{"name": "A"},\n {"name": 3}]', r"line 2: name \(string_type\)"),
        ("team.json", '[{"name": 1.5}]', r"line 1: name \(string_type\)"),
        ("team.json", '[{"name": "A", "x": 1.5}]', r"line 1: x \(no_such_field\)"),
        ("team.json", '[{"name": "A", "place": {}}]', r"line 1: place.city \(missing\)"),
        ("team.csv", "name\nA,secret\n", "line 2: 2 cells, where the first line names 1"),
        ("team.csv", 'name\n"A"secret\n', "line 2: this is no CSV here"),
        ("team.csv", "name,place\nA,secret\n", r"line 2: place \(model_type\)"),
        ("team.csv", "name,secrets\nA,secret\n", r"line 2: secrets \(no_such_field\)"),
        ("team.csv", b"\xff", "no UTF-8 text"),
        ("team.parquet", "secret", "it is no Parquet file"),
        ("hero.csv", "name,active\nA,secret\n", r"line 2: active \(bool_parsing\)"),
    ],
)
async def test_a_file_says_where_it_is_wrong(
    db: Database, tmp_path: Path, name: str, content: str | bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    model = Hero if name.startswith("hero") else Team

    with pytest.raises(SeedProblem, match=told) as caught:
        await run_seeds(db, [fixture(model, path, key="name")])

    assert "secret" not in str(caught.value).replace("secrets", "")


@only_on("sqlite")
async def test_an_empty_list_and_an_empty_file_have_no_rows(db: Database, tmp_path: Path) -> None:
    (tmp_path / "team.json").write_text("[ ]")
    (tmp_path / "note.csv").write_text("")

    report = await run_seeds(db, [tmp_path])

    assert report.counts == (SeedCount(Note), SeedCount(Team))


@only_on("sqlite")
@pytest.mark.parametrize(
    ("name", "told"),
    [("missing", "no file and no folder"), ("people.csv", "no model has this name")],
)
async def test_a_path_without_a_model_is_refused(
    db: Database, tmp_path: Path, name: str, told: str
) -> None:
    if name != "missing":
        (tmp_path / name).write_text("name\n")

    with pytest.raises(SeedProblem, match=told):
        await run_seeds(db, [tmp_path / name])


@only_on("sqlite")
@pytest.mark.parametrize(("name", "told"), [("team.xml", "no fixture"), ("team.csv", "no file")])
async def test_a_fixture_that_cannot_be_read_is_refused(
    db: Database, tmp_path: Path, name: str, told: str
) -> None:
    with pytest.raises(SeedProblem, match=told):
        await run_seeds(db, [fixture(Team, tmp_path / name, environments=["development"])])
