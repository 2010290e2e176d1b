"""Importing the library loads what declaring a model needs, and nothing for opening a database."""

import json
import subprocess
import sys

import pytest

TOOLS = {"alembic", "fastapi", "hypothesis", "pytest", "rich", "typer"}
DRIVERS = {"aiosqlite", "asyncpg", "asyncmy", "duckdb", "pandas", "polars", "pyarrow", "sqlite3"}
FOR_A_DATABASE = {
    "greenlet",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "uuid_utils",
    "uvloop",
}
BACKENDS = {f"andamios_orm.backends.{name}" for name in ("duckdb", "mysql", "postgresql", "sqlite")}
MODEL = """
class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    found: Col[dict[str, float]]
"""
DECLARED = "from andamios_orm import Col, Model, field, generated" + MODEL
USED = "from andamios_orm import Col, Database, Model, Query, Repository, Session, field, generated"


def loaded_by(program: str) -> set[str]:
    # Without what is loaded anyway: coverage's own hook keeps its data in sqlite3.
    program = f"""import json, sys; before = set(sys.modules)
{program}
print(json.dumps(list(set(sys.modules) - before)))"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_all_public_names_load_no_tool_and_no_driver() -> None:
    assert (TOOLS | DRIVERS).isdisjoint(loaded_by("from andamios_orm import *"))


@pytest.mark.parametrize("program", [DECLARED, USED + MODEL])
def test_declaring_a_model_loads_nothing_that_opens_a_database(program: str) -> None:
    loaded = loaded_by(program)

    assert (TOOLS | DRIVERS | FOR_A_DATABASE | BACKENDS | {"difflib"}).isdisjoint(loaded)


def test_importing_the_package_alone_loads_no_name_of_it() -> None:
    loaded = loaded_by("import andamios_orm")

    assert {"pydantic", "sqlalchemy"}.isdisjoint(loaded)
    assert {name for name in loaded if name.startswith("andamios_orm")} == {"andamios_orm"}


def test_a_database_loads_its_own_backend_and_no_other() -> None:
    loaded = loaded_by("from andamios_orm import Database; Database('sqlite://')")

    assert loaded & BACKENDS == {"andamios_orm.backends.sqlite"}
