"""What the ordinary run does without: repeats on "mysql", measuring twice, and a disk.

**Repeats on "mysql".** It is a MariaDB that is spoken to as one speaks to MySQL, so most of what it
says has been said by "mariadb". A test that runs on both runs on "mysql" only in the files of
`OWN_WAY_ON_MYSQL`: about what the library, or the server's character set, does differently there,
which is what is created, how values are written and come back, keys that an INSERT does not
return, and what the server says when it refuses. With the variable ANDAMIOS_TEST_DEEP set all run.

**Measuring for coverage** makes a test half as slow again, and what runs once is covered. So
these are not measured, and count for nothing in the report:

- in the files of `MEASURED_ONCE`, what a test repeats on a further engine: they are about the
  library's own layers, and what belongs to one engine is reached by other files as well;
- the files `UNMEASURED`: they are there for a reader, are about the benchmarks, or draw at random,
  and reach other lines in each run, which other tests hold one by one.

**Waiting for a disk.** The tests' folders are in memory where it has room, and are removed at the
end; `--basetemp` has them somewhere else, to be looked at.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from coverage import Coverage

from tests.engines import ENGINES

__all__ = ["MEASURED_ONCE", "OWN_WAY_ON_MYSQL", "UNMEASURED"]

TESTS = Path(__file__).parent

# Files and folders, by how their places under `tests` begin.
OWN_WAY_ON_MYSQL = (
    "docs",
    "e2e/test_schema_commands.py",
    "integration/migration",
    "integration/test_bulk.py",
    "integration/test_constraints.py",
    "integration/test_injection.py",
    "integration/test_limits.py",
    "integration/test_mixins.py",
    "integration/test_nested_writing.py",
    "integration/test_queries.py",
    "integration/test_query_plans.py",
    "integration/test_repository.py",
    "integration/test_rows.py",
    "integration/test_sqlalchemy_interop.py",
    "integration/test_types.py",
    "integration/test_upsert.py",
    "integration/test_variants.py",
    "integration/test_violations.py",
    "unit",
)
MEASURED_ONCE = (
    "integration/test_auditing.py",
    "integration/test_fastapi.py",
    "integration/test_injection.py",
    "integration/test_isolation.py",
    "integration/test_kept_relations.py",
    "integration/test_nested_writing.py",
    "integration/test_relations.py",
    "integration/test_sampling.py",
    "integration/test_seeding.py",
    "integration/test_tenants.py",
)
UNMEASURED = (
    "docs/test_code_blocks.py",
    "e2e/test_conduit.py",
    "e2e/test_examples.py",
    "e2e/test_heroes.py",
    "integration/test_benchmarks",
    "integration/testing/laws/test_laws_of_rows.py",
    "integration/testing/laws/test_laws_on_random_schemas.py",
    "integration/testing/test_drawn_graphs.py",
    "unit/testing/strategies/test_shrinking.py",
)

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_BYTES = 2 << 30

Function: TypeAlias = tuple[Path, str]

_DEEP = bool(os.environ.get("ANDAMIOS_TEST_DEEP"))
_CHILDREN = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_measured = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)  # before pytest chooses where the tests' folders are
def pytest_configure(config: pytest.Config) -> None:
    # Workers are told by the process that starts them.
    if config.option.basetemp is None and _has_room(MEMORY):
        folder = tempfile.mkdtemp(prefix="andamios-tests-", dir=MEMORY)
        config.option.basetemp = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(trylast=True)  # after others have taken tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen, left = _without_repeats_on_mysql(items)
    if left:
        items[:] = chosen
        config.hook.pytest_deselected(items=left)
    engines = _engines_of(items)
    for item in items:
        first = min(engines[_function(item)], key=("", *ENGINES).index)
        place = _place(item)
        item.stash[_measured] = not place.startswith(UNMEASURED) and (
            _engine(item) == first or not place.startswith(MEASURED_ONCE)
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Ten thousand collected tests stay to the end: the garbage collector need not look at them
    # again and again, while they are collected or later, which is more than a tenth of the time.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.stash[_measured]:
        return (yield)
    with _unmeasured():
        return (yield)


def _has_room(memory: Path) -> bool:
    # A container has 64 MB there, unless it is told otherwise.
    return memory.is_dir() and shutil.disk_usage(memory).free >= MEMORY_BYTES


def _without_repeats_on_mysql(
    items: list[pytest.Item],
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    if _DEEP:
        return items, []
    engines = _engines_of(items)
    chosen: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        repeats = (
            _engine(item) == "mysql"
            and "mariadb" in engines[_function(item)]
            and not _place(item).startswith(OWN_WAY_ON_MYSQL)
        )
        (left if repeats else chosen).append(item)
    return chosen, left


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Neither this process is measured, nor those that it starts."""
    running = Coverage.current()
    told = {name: os.environ.pop(name) for name in _CHILDREN if name in os.environ}
    if running is not None:
        running.stop()
    try:
        yield
    finally:
        os.environ.update(told)
        if running is not None:
            running.start()


def _engines_of(items: list[pytest.Item]) -> dict[Function, set[str]]:
    engines: dict[Function, set[str]] = {}
    for item in items:
        engines.setdefault(_function(item), set()).add(_engine(item))
    return engines


def _function(item: pytest.Item) -> Function:
    return item.path, getattr(item, "originalname", item.name)


def _engine(item: pytest.Item) -> str:
    """The engine that a test runs on; empty for one that does not run on each in turn."""
    call = getattr(item, "callspec", None)
    return "" if call is None else str(call.params.get("database_url", ""))


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix()
