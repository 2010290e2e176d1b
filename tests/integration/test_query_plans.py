"""Plans of statements, asked of each engine and read into one kind of tree."""

import json

import pytest
import sqlalchemy as sa

from andamios_orm import (
    Col,
    Database,
    Model,
    NotSupported,
    Related,
    Repository,
    UsageError,
    field,
    generated,
    relation,
)
from andamios_orm.database.query_plans import PlanNode, QueryPlan, duckdb, mysql, read_plan, sqlite
from andamios_orm.database.query_plans.advising import MANY, index_for
from andamios_orm.repositories.asking import statement_of_query
from tests.engines import only_on

ROWS = 2 * MANY


class Base(Model, metadata=sa.MetaData()):
    pass


class Team(Base, table="plan_team"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)


class Hero(Base, table="plan_hero"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    age: Col[int]
    code: Col[int] = field(unique=True)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)

    team: Related[Team | None] = relation()


@pytest.fixture
async def filled(db: Database) -> Database:
    """A database with some thousand heroes, of which its planner knows."""
    for table in Base.metadata.sorted_tables:
        async with db.connect() as connection:
            await connection.run_sync(table.create)
    await Repository(Team, db).add(Team(name="Avengers"))
    heroes = [Hero(name=f"h{i}", age=i % 90, code=i) for i in range(ROWS)]
    await Repository(Hero, db).add_all(heroes)
    words = {"duckdb": "ANALYZE", "sqlite": "ANALYZE", "postgresql": "ANALYZE"}
    async with db.connect() as connection:
        await connection.exec_driver_sql(
            words.get(db.engine_name, "ANALYZE TABLE plan_hero, plan_team")
        )
    return db


def scan_of(plan: QueryPlan, name: str) -> PlanNode:
    return next(node for node in plan.root.walk() if name in (node.table, node.alias))


def tables_of(plan: QueryPlan) -> set[str | None]:
    return {node.table for node in plan.root.walk()}


WHOLE = "SELECT id FROM plan_hero WHERE name = 'h77' AND age > 40"


async def test_a_table_that_is_read_as_a_whole_is_found_and_advised_on(filled: Database) -> None:
    plan = await read_plan(filled, f"{WHOLE};")
    (advice,) = plan.advice

    assert plan.engine == filled.engine_name
    assert not plan.analyzed
    assert plan.seconds is None
    assert plan.sql == WHOLE
    assert scan_of(plan, "plan_hero").reads_all
    assert (advice.table, advice.rows, advice.more) == ("plan_hero", ROWS, False)
    assert advice.columns == ("name", "age")
    assert str(advice) == (
        "all 2,000 rows of plan_hero are read; an index on (name, age) would find them"
    )

    # Under the name that the statement gives it, and once however often it is read.
    half = "SELECT h.id FROM plan_hero AS h WHERE h.name = 'h77'"
    twice = await read_plan(filled, f"{half} UNION ALL {half}")
    assert len([node for node in twice.root.walk() if node.reads_all]) == 2
    assert [(advice.table, advice.columns) for advice in twice.advice] == [("plan_hero", ("name",))]


async def test_nothing_is_advised_where_an_index_would_not_help(filled: Database) -> None:
    async with filled.connect() as connection:
        await connection.exec_driver_sql("CREATE INDEX by_age ON plan_hero (age)")
    for sql in (
        "SELECT id FROM plan_hero",
        "SELECT id FROM plan_hero WHERE id = 7",
        "SELECT name FROM plan_hero WHERE code = 7",
        "SELECT * FROM plan_hero WHERE age > 40",
        "SELECT id FROM plan_team WHERE name = 'x'",
        "SELECT 1",
    ):
        plan = await read_plan(filled, sql)
        assert plan.advice == (), sql


@only_on("duckdb", "mariadb", "postgresql")
async def test_an_analyzed_plan_has_actual_numbers(filled: Database) -> None:
    plan = await read_plan(filled, WHOLE.removesuffix(" AND age > 40"), analyze=True)
    scan = scan_of(plan, "plan_hero")

    assert plan.analyzed
    assert plan.measure == "time"
    assert plan.seconds is not None
    assert plan.seconds > 0
    assert scan.actual == pytest.approx(1, abs=0.1)
    assert scan.scanned == ROWS
    assert scan.seconds is not None
    assert sum(plan.share(node) or 0 for node in plan.root.walk()) == pytest.approx(1)
    assert len(plan.advice) == 1

    # Where most rows are wanted, reading all is right.
    most = await read_plan(filled, "SELECT id FROM plan_hero WHERE age > 10", analyze=True)
    assert most.advice == ()


async def test_a_join_is_a_tree_with_both_tables(filled: Database) -> None:
    sql = (
        "SELECT plan_hero.name FROM plan_hero LEFT JOIN plan_team"
        " ON plan_team.id = plan_hero.team_id WHERE plan_team.name = 'x' OR plan_hero.age > 80"
        " ORDER BY plan_hero.age, plan_hero.name"
    )
    plan = await read_plan(filled, sql)

    assert "plan_hero" in tables_of(plan)
    assert "plan_team" in tables_of(plan)
    assert plan.advice == ()
    if filled.engine_name == "sqlite":
        assert plan.measure is None
        assert plan.share(plan.root) is None
    else:
        assert plan.measure in ("cost", "rows")
        assert sum(plan.share(node) or 0 for node in plan.root.walk()) == pytest.approx(1)


async def test_a_query_of_a_repository_is_asked_with_its_values(filled: Database) -> None:
    query = Repository(Hero, filled).where(Hero.name == "h77", Hero.team.has(Team.name == "A"))
    sql, values = statement_of_query(query)
    plan = await read_plan(filled, sql, values)

    assert "h77" in values
    # DuckDB knows that no hero has a team, and looks for none.
    assert filled.engine_name == "duckdb" or "plan_team" in tables_of(plan)

    sql, values = statement_of_query(Repository(Hero, filled).where(Hero.code == 7))
    scan = scan_of(await read_plan(filled, sql, values), "plan_hero")
    # DuckDB decides when it runs.
    assert filled.engine_name == "duckdb" or (scan.index and not scan.reads_all)


@only_on("sqlite", "mysql")
async def test_an_engine_without_actual_numbers_says_so(db: Database) -> None:
    with pytest.raises(NotSupported, match="tells no actual numbers"):
        await read_plan(db, "SELECT 1", analyze=True)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM plan_hero",
        "/* SELECT */ UPDATE plan_hero SET age = 1",
        "-- SELECT\nINSERT INTO plan_team (name) VALUES ('x')",
    ],
)
@only_on("duckdb")
async def test_what_writes_is_not_analyzed(db: Database, sql: str) -> None:
    with pytest.raises(UsageError, match="this one does not only read"):
        await read_plan(db, sql, analyze=True)


@only_on("postgresql")
async def test_what_writes_in_disguise_changes_nothing(filled: Database) -> None:
    sql = "WITH gone AS (DELETE FROM plan_hero RETURNING id) SELECT * FROM gone"
    with pytest.raises(sa.exc.DBAPIError, match="read-only"):
        await read_plan(filled, sql, analyze=True)

    assert await Repository(Hero, filled).count() == ROWS


async def test_the_plan_of_what_writes_is_told_without_writing(filled: Database) -> None:
    plan = await read_plan(filled, "DELETE FROM plan_hero WHERE age > 80")

    assert "plan_hero" in tables_of(plan)
    assert await Repository(Hero, filled).count() == ROWS


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("  ", "there is no statement"),
        (";", "there is no statement"),
        ("SELECT 1; DROP TABLE plan_hero", "there are several statements"),
    ],
)
@only_on("sqlite")
async def test_it_takes_one_statement(db: Database, sql: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        await read_plan(db, sql)


@only_on("sqlite")
async def test_a_semicolon_in_a_text_ends_no_statement(db: Database) -> None:
    plan = await read_plan(db, "SELECT ';' -- ;\n /* ; */")

    assert plan.sql.startswith("SELECT ';'")


@only_on("sqlite")
async def test_a_large_table_is_not_counted_to_its_end(db: Database) -> None:
    async with db.connect() as connection:
        for sql in (
            "CREATE TABLE many (n INTEGER)",
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100002)"
            " INSERT INTO many SELECT n FROM c",
        ):
            await connection.exec_driver_sql(sql)

    (advice,) = (await read_plan(db, "SELECT * FROM many WHERE n = 7")).advice

    assert (advice.rows, advice.more) == (100_000, True)
    assert str(advice).startswith("all more than 100,000 rows of many are read")


# ---- what the engines here do not say ------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("((age > 40) AND ((name)::text = 'h77'::text))", ["name", "age"]),
        ("h.age > 40 and h.`name` = 'h77'", ["name", "age"]),
        ('"age" BETWEEN $1 AND $2 AND "name" IN (?, ?)', ["name", "age"]),
        ("age >= 1 AND name < 'x'", ["age"]),
        ("name IS NULL", ["name"]),
        ("lower(name) = 'x'", []),
        ("lower((name)::text) = 'x'::text", []),
        ("name = title", []),
        ("name = 'x' OR age = 3", []),
        ("username = 'x'", []),
        ("", []),
    ],
)
def test_an_index_is_made_of_what_is_compared_with_values(
    condition: str, columns: list[str]
) -> None:
    assert index_for(condition, ["age", "name"]) == columns


def test_the_plan_of_mysql_itself_is_read_too() -> None:
    block = {
        "select_id": 1,
        "cost_info": {"query_cost": "1.0"},
        "ordering_operation": {
            "using_filesort": True,
            "nested_loop": [
                {
                    "table": {
                        "table_name": "hero",
                        "access_type": "ALL",
                        "rows_examined_per_scan": 200,
                        "filtered": "10.00",
                        "cost_info": {"read_cost": "1.0"},
                        "attached_condition": "(`hero`.`age` > 40)",
                    }
                },
                {"table": {"table_name": "team", "access_type": "eq_ref", "key": "PRIMARY"}},
            ],
        },
    }
    root, seconds = mysql.read([[json.dumps({"query_block": block})]])
    hero, team = (node for node in root.walk() if node.table)

    assert seconds is None
    assert root.kind == "ordering operation"
    assert (hero.kind, hero.estimated, hero.reads_all) == ("full scan", 20, True)
    assert (team.kind, team.index, team.estimated) == ("unique lookup", "PRIMARY", None)


def test_the_words_of_older_sqlite_are_read_too() -> None:
    told = [
        (2, 0, 0, "SCAN TABLE hero AS h"),
        (3, 2, 0, "SEARCH team USING AUTOMATIC COVERING INDEX (id=?)"),
        (4, 0, 0, "USE TEMP B-TREE FOR ORDER BY"),
    ]
    root, _ = sqlite.read(told)
    hero, team, order = list(root.walk())[1:]

    assert (hero.table, hero.alias, hero.reads_all) == ("hero", "h", True)
    assert (team.table, team.reads_all) == ("team", False)
    assert order.kind == "USE TEMP B-TREE FOR ORDER BY"


def test_duckdb_2_0_0_tells_the_type_of_an_operator_that_it_has_run() -> None:
    scan = {"type": "TABLE_SCAN", "extra_info": {"Table": "memory.main.hero"}, "timing": 0.25}
    ran = {"type": "EXPLAIN_ANALYZE", "children": [scan]}
    top = {"operator": [{"type": "RESULT_COLLECTOR", "children": [ran]}]}

    root, seconds = duckdb.read([["", json.dumps({**top, "query": {"total_time": 0.5}})]])

    assert (root.kind, root.table, root.seconds, seconds) == ("TABLE_SCAN", "hero", 0.25, 0.5)
