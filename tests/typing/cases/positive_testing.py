"""What is made up and watched for a test: what each call gives."""

from typing import assert_type

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from models import Hero, Team

from andamios_orm import Database, Repository, Session
from andamios_orm.seeding import Seed, SeedReport, run_seeds, seed
from andamios_orm.testing import laws, strategies
from andamios_orm.testing.factories import Factories, Factory, factory
from andamios_orm.testing.laws import Law, Playground
from andamios_orm.testing.machines import RepositoryMachine
from andamios_orm.testing.query_plans import assert_uses_index
from andamios_orm.testing.strategies import Filter, Graph
from andamios_orm.testing.watching import query_count, watch

HEROES = strategies.models(Hero, overrides={"name": st.just("Ada")}, storable="duckdb")
assert_type(HEROES, SearchStrategy[Hero])
assert_type(strategies.filters(Hero), SearchStrategy[Filter[Hero]])
assert_type(strategies.graph(Hero, Team, size=3), SearchStrategy[Graph])
strategies.register(Team, strategies.models(Team), boundary=[Team(name="")])


def holds(condition: Filter[Hero], graph: Graph, hero: Hero) -> list[Hero]:
    assert_type(condition.holds(hero), bool | None)
    return graph.of(Hero)


async def made(factories: Factories, session: Session) -> list[Hero]:
    assert_type(factories(Hero), Factory[Hero])
    assert_type(await factories(Team).create(name="Avengers"), Team)
    assert_type(await factories(Hero).graph(2, Hero.team, name="Ada"), Hero)
    assert_type(factory(Hero, session, seed=7).build(name="Ada"), Hero)
    assert_type(factory(Hero, make={Hero.age: lambda random: random.randint(1, 9)}), Factory[Hero])
    return await factories(Hero).create_many(3)


async def watched(db: Database) -> None:
    with watch() as seen, query_count(at_most=1):
        await Repository(Hero, db).count()
    assert_type(seen.count, int)
    await assert_uses_index(
        db, Repository(Hero, db).where(Hero.name == "Ada"), index="ix_hero_name"
    )


def checked() -> None:
    assert_type(laws.roundtrip, Law)
    laws.roundtrip("sqlite://", Hero, Team)
    laws.check_all("sqlite://", Hero, laws=["roundtrip", laws.filter_parity], seed=1)
    assert_type(RepositoryMachine.for_model(Hero, "sqlite://"), type[RepositoryMachine])
    with Playground("sqlite://", Hero) as playground:
        assert_type(playground.db, Database)


@seed(Team, key="name")
def first_teams() -> list[Team]:
    return [Team(name="Avengers")]


@seed(Hero, key=Hero.name, environments=["test"])
async def first_heroes(session: Session) -> list[dict[str, object]]:
    return [{"name": "Ada", "team": "Avengers"}]


async def seeded(db: Database) -> SeedReport:
    assert_type(first_teams, Seed)
    return await run_seeds(db, [first_teams, first_heroes], only=[Team, "Hero"])
