"""What nothing that tests, or fills, a table can take."""

from hypothesis import strategies as st
from models import Hero, Team

from andamios_orm import Database, Repository, Session
from andamios_orm.seeding import run_seeds, seed
from andamios_orm.testing import laws, strategies
from andamios_orm.testing.factories import Factories, factory
from andamios_orm.testing.laws import Law, Playground
from andamios_orm.testing.machines import RepositoryMachine, isolation_holds, run_machine
from andamios_orm.testing.query_plans import assert_uses_index
from andamios_orm.testing.strategies import Filter, Graph
from andamios_orm.testing.watching import query_count, watch

# -- strategies
strategies.models("Hero")  # E: strategy-of-a-name
strategies.models(int)  # E: strategy-of-a-scalar
strategies.models(Hero, overrides={"name": "Ada"})  # E: value-for-strategy
strategies.models(Hero, overrides={Hero.name: st.text()})  # E: override-by-column
strategies.models(Hero, storable="oracle")  # E: storable-on-unknown-engine
strategies.models(Hero, storable="oracle", size=3)  # E: unknown-argument-of-strategy
strategies.graph("Hero")  # E: graph-of-a-name
strategies.graph(Hero, size="3")  # E: graph-size-text
strategies.filters(Hero, near=[Team(name="x")])  # E: filters-near-another-model
strategies.updates(Hero, of=Team(name="x"))  # E: updates-of-another-model
strategies.register(Team, strategies.models(Hero))  # E: register-another-type
strategies.schema_change(Hero(name="Ada"))  # E: schema-change-of-instance
strategies.schema_models(engine="oracle")  # E: schema-for-unknown-engine
heroes: st.SearchStrategy[Hero] = strategies.models(Team)  # E: strategy-of-another-model


def asked(condition: Filter[Hero], graph: Graph, team: Team) -> None:
    condition.holds(team)  # E: filter-asked-about-another-model
    teams: list[Team] = graph.of(Hero)  # E: graph-of-another-model
    print(teams)


# -- factories
async def made(factories: Factories, session: Session) -> None:
    team: Team = await factories(Hero).create()  # E: factory-of-another-model
    factories("Hero")  # E: factory-of-a-name
    factories(Hero).build().nmae  # E: unknown-attribute-of-built
    await factories(Hero).create_many("3")  # E: create-many-text
    await factories(Hero).graph(2, Team.heroes)  # E: graph-along-path-of-another-model
    await factories(Hero).graph(2, Hero.name)  # E: graph-along-column
    factory(Hero, "sqlite://")  # E: factory-with-url
    factory(Hero, make={"age": lambda random: 30})  # E: make-by-name
    factory(Hero, make={Hero.age: 30})  # E: make-value
    factory(Hero, seed="x")  # E: seed-text
    factories(Hero).create().name  # E: created-without-await
    print(team)


# -- watching
async def watched(db: Database, other: Repository[Hero]) -> None:
    with query_count("2"):  # E: query-count-text
        pass
    with query_count(most=2):  # E: query-count-unknown-argument
        pass
    with watch() as seen:
        seen.count()  # E: count-called
    await assert_uses_index(db, Hero)  # E: index-of-model
    await assert_uses_index(other, other.where(Hero.age > 3))  # E: index-of-repository
    await assert_uses_index(db, other.where(Hero.age > 3), Hero.age)  # E: index-by-place


# -- laws and machines
laws.roundtrip(Hero)  # E: law-without-url
laws.roundtrip("sqlite://", "Hero")  # E: law-of-a-name
laws.roundtrip("sqlite://", Hero(name="Ada"))  # E: law-of-an-instance
laws.check_all("sqlite://", Hero, laws="roundtrip", using=3)  # E: using-number
laws.round_trip("sqlite://", Hero)  # E: unknown-law
Playground(Hero)  # E: playground-without-url
Law("pay", "The pay adds up.")  # E: law-by-place
RepositoryMachine.for_model("Hero", "sqlite://")  # E: machine-of-a-name
RepositoryMachine.for_model(Hero, "x", instances=strategies.models(Team))  # E: machine-of-others
run_machine(Hero, "sqlite://", repository=Hero)  # E: machine-of-no-repository
isolation_holds("duckdb://", "serialisable")  # E: isolation-misspelt


# -- seeds
@seed("Hero")  # E: seed-of-a-name
def named() -> list[Hero]:
    return []


@seed(Team, key=3)  # E: seed-key-number
def keyed() -> list[Team]:
    return []


@seed(Team)  # E: seed-of-another-model
def others() -> list[Hero]:
    return []


@seed(Team)  # E: seed-of-numbers
def numbers() -> list[int]:
    return []


async def seeded(db: Database) -> None:
    await run_seeds(db, [Hero])  # E: seeds-of-model
    await run_seeds(db, [], environment=["test"])  # E: environments-for-one
    await run_seeds(db, [], only=Hero)  # E: only-without-list
