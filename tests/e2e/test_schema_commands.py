"""`schema show`, `explain`, `graph` and `diff` as they are typed."""

import json
from xml.etree import ElementTree

import pytest

from andamios_orm import Database
from andamios_orm.database.loop import run
from tests.e2e.projects import NewProject, Project, new_project
from tests.engines import only_on

__all__ = ["new_project"]

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(new_project: NewProject) -> Project:
    return new_project("sqlite:///shop.db")


# ---- show ----------------------------------------------------------------------------------------


def test_all_tables_are_listed_in_short(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "show") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert ["team", "Team", "2", "A", "group", "of", "heroes."] in lines
    assert ["hero", "Hero", "4", "team"] in lines
    assert ["power", "Power", "1"] in lines


def test_one_table_is_shown_in_full(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "show", "Hero", "Team", "Badge") == 0
    out = capsys.readouterr().out

    for told in (
        "hero  model Hero",
        "INTEGER",
        "DEFAULT 7",
        "CHECK (age >= 0)",
        "UNIQUE (name, age)",
        "→ team  hero(team_id) -> team(id)  many to none or one",
        "← badge  badge(hero_id) -> hero(id)  one to one",
        "← hero  hero(team_id) -> team(id)",
        "A group of heroes.",
        "field name",
        "-- as they say",
    ):
        assert told in out


def test_types_are_those_of_the_engine_that_is_asked_for(
    project: Project, capsys: Captured
) -> None:
    assert project.run("schema", "show", "Hero", "--engine", "postgresql", "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert found["engine"] == "postgresql"
    assert found["entities"][0]["columns"][1]["type"] == "VARCHAR(50)"


def test_an_unknown_engine_is_refused_with_the_known_ones(
    project: Project, capsys: Captured
) -> None:
    assert project.run("schema", "show", "--engine", "oracle") == 2
    err = capsys.readouterr().err

    assert "there is no engine `oracle`" in err
    assert "name one of: duckdb, sqlite, postgresql, mariadb, mysql" in err


def test_without_a_database_types_are_those_of_duckdb(
    new_project: NewProject, capsys: Captured
) -> None:
    assert new_project(None).run("schema", "show", "Team") == 0

    assert "VARCHAR" in capsys.readouterr().out


def test_a_relation_that_an_engine_does_not_enforce_says_so(
    project: Project, capsys: Captured
) -> None:
    project.run("schema", "show")
    for key in project.models.Base.metadata.tables["hero"].foreign_key_constraints:
        key.ddl_if(dialect="postgresql")
    capsys.readouterr()

    assert project.run("schema", "show", "Hero") == 0
    assert "many to none or one, without a constraint" in capsys.readouterr().out


def test_models_of_several_databases_at_once_are_refused(
    project: Project, capsys: Captured
) -> None:
    path = project.folder / f"{project.module}.py"
    more = (
        "class Other(Model, table=True, metadata=sa.MetaData()):\n    id: Col[int] = generated()\n"
    )
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")

    assert project.run("schema", "show") == 2
    assert "have several MetaDatas" in capsys.readouterr().err


# ---- explain -------------------------------------------------------------------------------------


def test_a_field_is_explained_for_every_engine(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "explain", "Hero.age") == 0
    out = capsys.readouterr().out

    for told in ("duckdb  BIGINT NOT NULL", "sqlite  INTEGER NOT NULL", "postgresql", "mariadb"):
        assert told in out
    assert out.count("CHECK (age >= 0)") == 5
    assert out.count("DEFAULT 7") == 5
    assert "64 bits, whatever the bounds" in out


def test_what_an_engine_cannot_store_is_explained_too(project: Project, capsys: Captured) -> None:
    path = project.folder / f"{project.module}.py"
    more = (
        "from decimal import Decimal\n"
        "class Star(Base, table=True):\n"
        "    id: Col[int] = generated()\n"
        "    mass: Col[Decimal | None] = field(default=None, max_digits=50, decimal_places=0)\n"
    )
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")

    assert project.run("schema", "explain", "star.mass") == 0
    out = capsys.readouterr().out

    assert "duckdb  not possible" in out
    assert "postgresql  NUMERIC(50, 0)\n" in out


def test_an_explanation_is_one_json_document(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "explain", "Team.name", "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert found["field"] == "Team.name"
    assert [each["engine"] for each in found["engines"]][:2] == ["duckdb", "sqlite"]


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("age", "`age` names no field"),
        ("Heroo.age", "there is no model `Heroo`"),
        ("Hero.aage", "Hero has no field `aage`"),
    ],
)
def test_a_field_that_is_not_there_is_refused(
    project: Project, capsys: Captured, field: str, problem: str
) -> None:
    assert project.run("schema", "explain", field) == 2
    assert problem in capsys.readouterr().err


# ---- graph ---------------------------------------------------------------------------------------


def test_mermaid_text_is_written_to_the_terminal(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "graph") == 0
    out = capsys.readouterr().out

    assert out.startswith("erDiagram\n")
    assert '"hero" }o--o| "team" : "team_id"' in out


def test_the_files_ending_says_what_is_written(project: Project, capsys: Captured) -> None:
    for name in ("x.svg", "x.HTML", "x.md"):
        assert project.run("schema", "graph", "--output", name, "--title", "The shop") == 0
    captured = capsys.readouterr()

    assert captured.out == ""
    assert "Wrote x.svg: 4 tables" in captured.err
    picture = ElementTree.parse(project.folder / "x.svg").getroot()  # noqa: S314 - made right here
    assert picture.get("aria-label") == "The shop"
    assert "<!DOCTYPE html>" in (project.folder / "x.HTML").read_text(encoding="utf-8")
    assert (project.folder / "x.md").read_text(encoding="utf-8").startswith("erDiagram")


def test_the_format_may_be_said(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "graph", "--format", "svg") == 0
    assert capsys.readouterr().out.startswith("<svg")


def test_some_tables_are_drawn_with_their_neighbours_or_alone(
    project: Project, capsys: Captured
) -> None:
    assert project.run("schema", "graph", "Team") == 0
    near = capsys.readouterr().out
    assert project.run("schema", "graph", "Team", "--no-neighbours") == 0
    alone = capsys.readouterr().out

    assert '"hero" {' in near
    assert '"badge" {' not in near
    assert '"hero" {' not in alone


def test_a_file_that_cannot_be_written_is_said(project: Project, capsys: Captured) -> None:
    assert project.run("schema", "graph", "-o", "missing/x.svg") == 2
    err = capsys.readouterr().err

    assert "cannot be written" in err
    assert "--output" in err


# ---- diff and --live -----------------------------------------------------------------------------


def create(url: str, project: Project, *statements: str) -> None:
    """Create the models' tables in a database, and run what else there is to be in it."""

    async def work() -> None:
        async with Database(url, metadata=project.models.Base.metadata) as database:
            await database.create_all()
            async with database.connect() as connection:
                for statement in statements:
                    await connection.exec_driver_sql(statement)

    run(work())


def test_a_database_with_all_that_the_models_say_has_no_difference(
    new_project: NewProject, database_url: str, capsys: Captured
) -> None:
    project = new_project(database_url)
    project.run("schema", "show")
    create(database_url, project)
    capsys.readouterr()

    assert project.run("schema", "diff") == 0
    assert "No difference" in capsys.readouterr().out


def test_differences_are_drawn_by_table(
    new_project: NewProject, database_url: str, capsys: Captured
) -> None:
    project = new_project(database_url)
    project.run("schema", "show")
    create(
        database_url,
        project,
        "DROP TABLE power",
        "ALTER TABLE badge ADD COLUMN color TEXT",
        "CREATE TABLE ghost (id INTEGER)",
    )
    capsys.readouterr()

    assert project.run("schema", "diff", "--drop", "ghost") == 4
    out, err = capsys.readouterr()

    assert "+ add table power" in out
    assert "    id " in out
    assert "- drop column badge.color" in out
    assert "- drop table ghost" in out
    assert "hero" not in out
    assert "andamios-orm migrate new" in err


@only_on("sqlite")
def test_statements_are_shown_and_not_run(
    new_project: NewProject, database_url: str, capsys: Captured
) -> None:
    project = new_project(database_url)

    assert project.run("schema", "diff", "--sql") == 4
    assert "CREATE TABLE team (" in capsys.readouterr().out
    assert project.run("schema", "diff", "--sql", "--json") == 4
    found = json.loads(capsys.readouterr().out)
    assert "CREATE TABLE team (" in found["sql"]
    assert {"table": "team", "kind": "AddTable", "change": "add table team"} in found["changes"]


@only_on("sqlite")
def test_what_may_be_a_rename_is_asked_and_can_be_answered(
    new_project: NewProject, database_url: str, capsys: Captured
) -> None:
    project = new_project(database_url)
    project.run("schema", "show")
    create(database_url, project, "ALTER TABLE hero RENAME COLUMN name TO title")
    capsys.readouterr()

    assert project.run("schema", "diff") == 4
    assert "--rename hero.title:hero.name, or --drop hero.title" in capsys.readouterr().out
    assert project.run("schema", "diff", "--json") == 4
    assert json.loads(capsys.readouterr().out)["questions"] == ["hero.title:hero.name"]
    assert project.run("schema", "diff", "--rename", "hero.title:name") == 4
    assert "~ rename column hero.title to name" in capsys.readouterr().out


def test_a_live_database_is_drawn_as_its_catalog_says(
    new_project: NewProject, database_url: str, capsys: Captured
) -> None:
    project = new_project(database_url)
    project.run("schema", "show")
    create(database_url, project, "CREATE TABLE ghost (id INTEGER)")
    capsys.readouterr()

    assert project.run("schema", "graph", "--live", "hero", "ghost") == 0
    out = capsys.readouterr().out

    assert project.run("schema", "show", "--live", "power") == 0
    assert "model" not in capsys.readouterr().out

    assert '"ghost" {' in out
    assert '"hero" }o--o| "team" : "team_id"' in out


def test_a_database_that_does_not_answer_is_said(project: Project, capsys: Captured) -> None:
    url = f"duckdb:///{project.folder / 'missing' / 'x.duckdb'}"

    assert project.run("schema", "diff", "--url", url) == 5
    assert "cannot be reached" in capsys.readouterr().err
