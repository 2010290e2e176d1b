"""The examples, as a user runs them."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from andamios_orm import Database, Model, Repository
from examples.advanced.chinook.load import fields_of, load, read_export
from examples.advanced.chinook.models import MODELS
from tests.engines import ENGINES, not_on, only_on

ROOT = Path(__file__).parents[2]
TOTALS = "checked: 3,503 tracks, 59 customers, 2,328.60 billed, 2,328.60 sold, 8 employees"

# What each example of examples/basic prints in the end.
BASIC = {
    "analytics": "Bern 20\nLima 30\n4 rows moved from DuckDB to SQLite\n",
    "crud": "id=3 name='Alan' age=40\nid=2 name='Grace' age=40\n",
    "define": "Fix: correct the value; the model states the same rule for its own fields\n",
    "filters": "id=3 name='Grace' city='New York' age=85\n",
    "relations": "Ada ['flight']\nGrace []\n",
    "seeding": "Hero: 0 created, 0 updated, 2 unchanged\n500 heroes made up\n",
    "shapes": "name='Grace' next_age=86 team=TeamName(name='Preventers')\n",
    "transactions": "{'Ada': '69.50', 'Bob': '30.50', 'Eve': '1.00'}\n",
}


def python(
    *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", "PYTHONUTF8": "1", **(env or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def chinook(
    *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return python("-m", "examples.advanced.chinook", *arguments, env=env)


def answers(output: str) -> str:
    """Return what was printed after the progress bar, which shows the time."""
    return output[output.index("What is in the shop?") :]


# ---- one idea a file -----------------------------------------------------------------------------


def test_every_basic_example_is_tested() -> None:
    found = {path.stem for path in (ROOT / "examples" / "basic").glob("*.py")}

    assert found == BASIC.keys()


@pytest.mark.parametrize("name", BASIC)
def test_a_basic_example_runs_as_a_module(name: str) -> None:
    done = python("-m", f"examples.basic.{name}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(BASIC[name])


@pytest.mark.parametrize("name", BASIC)
def test_a_basic_example_runs_as_a_file_and_leaves_none(name: str, tmp_path: Path) -> None:
    done = python(str(ROOT / "examples" / "basic" / f"{name}.py"), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


# ---- the record shop -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A loaded shop's file, not to be changed, and what was printed while it was made."""
    file = tmp_path_factory.mktemp("chinook") / "shop.db"
    done = chinook(f"sqlite:///{file}")
    assert done.returncode == 0, done.stderr
    return file, done.stdout


@pytest.fixture
def own_shop(shop: tuple[Path, str], tmp_path: Path) -> Path:
    """A loaded shop's file to do with as one likes."""
    return Path(shutil.copy(shop[0], tmp_path))


def test_chinook_ends_with_its_totals(shop: tuple[Path, str]) -> None:
    _, output = shop

    assert output.endswith(f"{TOTALS}\n")


def test_chinook_draws_who_reports_to_whom(shop: tuple[Path, str]) -> None:
    _, output = shop

    lines = [line.strip() for line in output.splitlines()]
    start = lines.index("Andrew Adams General Manager")
    assert lines[start : start + 8] == [
        "Andrew Adams General Manager",
        "├── Nancy Edwards Sales Manager",
        "│   ├── Jane Peacock Sales Support Agent  sells 833.04",
        "│   ├── Margaret Park Sales Support Agent  sells 775.40",
        "│   └── Steve Johnson Sales Support Agent  sells 720.16",
        "└── Michael Mitchell IT Manager",
        "├── Robert King IT Staff",
        "└── Laura Callahan IT Staff",
    ]


@pytest.mark.parametrize("name", ["Luís Gonçalves", "František Wichterlová", "Stanisław Wójcik"])
def test_chinook_keeps_names_beyond_ascii(shop: tuple[Path, str], name: str) -> None:
    _, output = shop

    assert name in output


def test_chinook_fits_a_terminal_of_80_columns(shop: tuple[Path, str]) -> None:
    _, output = shop

    # A cell or a line that does not fit is wrapped or cut, so the widest ones must be whole.
    assert "We've Got To Get Together/Jingo   Santana Live" in output
    assert "The Song Remains The Same (Disc 1)" in output
    assert max(map(len, output.splitlines())) <= 80


@not_on("sqlite")
def test_chinook_answers_the_same_on_every_engine(
    shop: tuple[Path, str], database_url: str
) -> None:
    _, output = shop

    done = chinook(database_url)

    assert done.returncode == 0, done.stderr
    assert answers(done.stdout) == answers(output)


@only_on(*ENGINES)
async def test_chinook_gives_back_every_value_as_it_stands_in_the_data(db: Database) -> None:
    export = read_export()
    await db.create_all()
    await load(db, export, Console(quiet=True))

    for model in MODELS:
        given = [model.model_validate(fields_of(model, row)) for row in export[model.__name__]]
        keys = [column.name for column in model.__table__.primary_key]
        given.sort(key=lambda row: [getattr(row, key) for key in keys])
        stored = await Repository(model, db).order_by(*[getattr(model, k) for k in keys]).all()

        assert stored == given
        assert [typed(row) for row in stored] == [typed(row) for row in given]


def typed(row: Model) -> list[type]:
    return [type(value) for value in row.__dict__.values()]


def test_chinook_without_a_database_leaves_nothing_behind(tmp_path: Path) -> None:
    done = chinook(env={"TMPDIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{TOTALS}\n")
    assert list(tmp_path.iterdir()) == []


def test_chinook_runs_again_on_its_own_database(shop: tuple[Path, str], own_shop: Path) -> None:
    _, output = shop

    done = chinook(f"sqlite:///{own_shop}")

    assert done.returncode == 0, done.stderr
    assert answers(done.stdout) == answers(output)


def test_chinook_says_which_totals_differ(own_shop: Path) -> None:
    with closing(sqlite3.connect(own_shop)) as connection, connection:
        connection.execute("UPDATE invoice SET total = total + 1 WHERE id = 1")

    done = chinook(f"sqlite:///{own_shop}")

    assert done.returncode == 1
    assert done.stderr == (
        "The totals differ.\n  billed: 2,328.60 in the data, 2,329.60 in the database\n"
    )


def test_chinook_leaves_a_database_in_use_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mine.db")) as connection, connection:
        connection.execute("CREATE TABLE customer (name TEXT)")

    done = chinook(f"sqlite:///{tmp_path / 'mine.db'}")

    assert done.returncode == 1
    assert done.stderr.startswith("This database has tables of its own called customer.\n")
    with closing(sqlite3.connect(tmp_path / "mine.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("customer",)]


def test_chinook_explains_a_wrong_url() -> None:
    done = chinook("oracle://somewhere/shop")

    assert done.returncode == 1
    assert "no backend for `oracle`" in done.stderr
    assert "Traceback" not in done.stderr
