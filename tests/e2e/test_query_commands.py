"""`query explain` as it is typed."""

import json

import pytest

from andamios_orm import Database, Repository
from andamios_orm.database.loop import run
from tests.e2e.projects import NewProject, Project, new_project

__all__ = ["new_project"]

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(new_project: NewProject, capsys: Captured) -> Project:
    """A project with a database that has some thousand heroes."""
    url = "duckdb:///shop.duckdb"
    project = new_project(url)
    project.run("schema", "show")
    capsys.readouterr()
    models = project.models

    async def fill() -> None:
        async with Database(url, metadata=models.Base.metadata) as database:
            await database.create_all()
            heroes = [models.Hero(name=f"h{i}", age=i) for i in range(2000)]
            await Repository(models.Hero, database).add_all(heroes)

    run(fill())
    return project


def test_a_statement_is_drawn_with_advice(project: Project, capsys: Captured) -> None:
    sql = "SELECT h.id FROM hero h WHERE h.age = 77"
    assert project.run("query", "explain", sql) == 0
    out = capsys.readouterr().out

    assert out.startswith("duckdb  bars: part of the whole rows")
    assert "SEQ_SCAN hero  about " in out
    assert "(age = 77)" in out
    assert "! all 2,000 rows of hero are read; an index on (age) would find them" in out


def test_an_analyzed_statement_has_actual_numbers(project: Project, capsys: Captured) -> None:
    assert project.run("query", "explain", "SELECT id FROM hero WHERE age > 40", "--analyze") == 0
    out = capsys.readouterr().out

    assert "bars: part of the whole time" in out
    assert "rows, expected" in out
    assert "looked at 2,000" in out
    assert " ms" in out


@pytest.mark.parametrize("asked", ["Repository(Hero, db).where(Hero.age > 40)", "{module}:old"])
def test_a_query_of_the_project_is_drawn(project: Project, capsys: Captured, asked: str) -> None:
    assert project.run("query", "explain", asked.format(module=project.module)) == 0

    assert "(age > 40)" in capsys.readouterr().out


def test_a_repository_stands_for_all_its_rows(project: Project, capsys: Captured) -> None:
    assert project.run("query", "explain", "Repository(Team, db)", "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert found["engine"] == "duckdb"
    assert "FROM team" in found["sql"]
    assert found["root"]["kind"]


@pytest.mark.parametrize(
    ("asked", "problem", "fix"),
    [
        ("SELECT agee FROM hero", "does not understand the statement", "schema show"),
        ("SELECT 1; SELECT 2", "several statements", "one at a time"),
        ("Hero.age > 40", "no query", "before .all() is called"),
        ("Heroo.age", "neither SQL nor Python: name 'Heroo'", "Hero, Power, Team, Repository, db"),
        ("Repository(Hero, db).where(1)", "is not a condition", "compare a column"),
        ("nowhere:old", "there is no module `nowhere`", "module:function"),
        ("{module}:young", "has no `young`", "name a function"),
    ],
)
def test_what_is_no_query_is_refused(
    project: Project, capsys: Captured, asked: str, problem: str, fix: str
) -> None:
    assert project.run("query", "explain", asked.format(module=project.module)) in (1, 2)
    err = capsys.readouterr().err

    assert problem in err
    assert fix in err


def test_a_module_that_misses_another_is_not_taken_for_missing(
    project: Project, capsys: Captured
) -> None:
    (project.folder / f"more_{project.module}.py").write_text("import nothing_of_the_kind\n")

    with pytest.raises(ModuleNotFoundError, match="nothing_of_the_kind"):
        project.run("query", "explain", f"more_{project.module}:old")
