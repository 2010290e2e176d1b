"""Importing the library loads no tool and no driver."""

import json
import subprocess
import sys

TOOLS = {"alembic", "fastapi", "hypothesis", "pytest", "rich", "typer"}
DRIVERS = {"aiosqlite", "asyncpg", "duckdb", "pandas", "polars", "pyarrow"}


def test_import_loads_no_tool_and_no_driver() -> None:
    program = "import andamios_orm, json, sys; print(json.dumps(list(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert (TOOLS | DRIVERS).intersection(json.loads(done.stdout)) == set()
