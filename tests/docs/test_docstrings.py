"""Every example in a docstring runs: `python` blocks with a database at hand, and doctests."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.conftest import RunPage

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "andamios_orm"

PRELUDE = """
```python
import sqlalchemy as sa

from andamios_orm import *
from andamios_orm.errors import *
from andamios_orm.observe import *


class Team(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    age: Col[int | None] = field(default=None)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


db = Database("sqlite:///heroes.db")
await db.create_all()
teams, heroes = Repository(Team, db), Repository(Hero, db)
await heroes.add_all([Hero(name="Ada", age=36), Hero(name="Grace", age=85)])
```
"""
EPILOGUE = """
```python
await db.dispose()
```
"""


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a file, in order."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = ast.get_docstring(node)
            if found:
                yield found


def with_docstring(text: str, *patterns: str) -> Iterator[Path]:
    """Yield the files of the package that match a pattern and have a text in a docstring."""
    for path in sorted({path for pattern in patterns for path in PACKAGE.rglob(pattern)}):
        # Most have it nowhere, and need not be parsed.
        if text in path.read_text(encoding="utf-8") and any(text in d for d in docstrings(path)):
            yield path


def with_blocks() -> list[str]:
    """Return the files of the package with a `python` block in a docstring."""
    return [str(path.relative_to(ROOT)) for path in with_docstring("```python", "*.py", "*.pyi")]


def with_doctests() -> list[str]:
    """Return the modules of the package with a doctest."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in with_docstring(">>> ", "*.py")
    ]


@pytest.mark.parametrize("file", with_blocks())
def test_every_block_of_a_docstring_runs(
    file: str, tmp_path: Path, run_in_process: RunPage
) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n\n".join([PRELUDE, *docstrings(ROOT / file), EPILOGUE]), encoding="utf-8")

    ran = run_in_process(page)

    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("module", with_doctests())
def test_every_doctest_holds(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))

    assert results.attempted > 0
    assert results.failed == 0
