"""How long a reader and a writer wait while a table changes: `python -m benchmarks.migrations`.

A table of two million rows on a private PostgreSQL is read and written by another process, row by
row, while a revision is applied: once by this library, once by alembic itself. What is told is the
longest time that a single read or write took meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm import Database, run
from andamios_orm.migration import Migrator
from andamios_orm.testing.servers import PostgreSQLServer, ServerUnavailable
from benchmarks.machine import machine, versions
from benchmarks.markdown import replaced, table

RESULTS = Path(__file__).parent / "results" / "migrations.json"
PAGE = Path(__file__).parents[1] / "docs" / "guides" / "migrations.md"
COMMAND = "python -m benchmarks.migrations --record"
BOUND_MS = 500.0

TABLES = (
    "CREATE TABLE team (id int PRIMARY KEY)",
    "INSERT INTO team SELECT generate_series(1, 100)",
    "CREATE TYPE mood AS ENUM ('good', 'bad', 'odd')",
    """CREATE TABLE visit (
        id bigint PRIMARY KEY, name varchar(50), n int NOT NULL, team_id int, price numeric(10, 2),
        at timestamp, meta json, mood mood, code text
    )""",
    """INSERT INTO visit SELECT i, 'visitor number ' || i, i % 1000, 1 + i % 100, i / 100.0,
        timestamp '2024-01-01' + i * interval '1 second', '{"tags": ["common"]}',
        CASE WHEN i % 2 = 0 THEN 'good'::mood ELSE 'bad' END, i::text
        FROM generate_series(1, :rows) AS numbers (i)""",
    "CREATE INDEX ix_visit_team_id ON visit (team_id)",
    "VACUUM (ANALYZE) visit",
)

CHANGES: Mapping[str, str] = {
    "add an index": 'op.create_index("ix_visit_name", "visit", ["name"])',
    "drop an index": 'op.drop_index("ix_visit_team_id", "visit")',
    "add UNIQUE": 'op.create_unique_constraint("uq_visit_code", "visit", ["code"])',
    "add a CHECK": 'op.create_check_constraint("ck_visit_n", "visit", "n >= 0")',
    "add a foreign key": 'op.create_foreign_key("fk", "visit", "team", ["team_id"], ["id"])',
    "make required": 'op.alter_column("visit", "name", nullable=False)',
    "add a column": 'op.add_column("visit", sa.Column("age", sa.Integer(), server_default="0"))',
    "add a column of UUIDs": (
        'op.add_column("visit", sa.Column("key", sa.Uuid(), nullable=False,'
        ' server_default=sa.text("gen_random_uuid()")))'
    ),
    "add an identity": (
        'op.add_column("visit", sa.Column("place", sa.BigInteger(), sa.Identity(), nullable=False))'
    ),
    "varchar to text": (
        'op.alter_column("visit", "name", type_=sa.Text(), existing_type=sa.String(50))'
    ),
    "int to bigint": (
        'op.alter_column("visit", "n", type_=sa.BigInteger(), existing_type=sa.Integer())'
    ),
    "another scale": (
        'op.alter_column("visit", "price", type_=sa.Numeric(12, 4),'
        " existing_type=sa.Numeric(10, 2))"
    ),
    "timestamp to timestamptz": (
        'op.alter_column("visit", "at", type_=sa.DateTime(timezone=True),'
        " existing_type=sa.DateTime())"
    ),
    "json to jsonb": (
        'op.alter_column("visit", "meta", type_=postgresql.JSONB(), existing_type=sa.JSON(),'
        ' postgresql_using="meta::jsonb")'
    ),
    "text to int": (
        'op.alter_column("visit", "code", type_=sa.Integer(), existing_type=sa.Text(),'
        ' postgresql_using="code::int")'
    ),
    "remove a label": (
        'op.alter_enum("mood", before=["good", "bad", "odd"], after=["good", "bad"])'
    ),
    "add a column, while a transaction of 3 s holds the table": (
        'op.add_column("visit", sa.Column("age", sa.Integer()))'
    ),
}
OURS_ALONE = ("remove a label",)
"""What alembic's own operations cannot say."""

FILE = '''"""{name}"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import andamios_orm.migration.operations

revision = "a1"
down_revision = None
engine = "postgresql"


def upgrade() -> None:
    {call}


def downgrade() -> None:
    """Nothing is measured of it."""
'''

Stalls = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if somebody waits longer than the bound beside the library."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrations", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", metavar="NAME,...", help="changes whose names hold one of these")
    parser.add_argument("--ours", action="store_true", help="leave alembic itself out")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--record", action="store_true", help=f"write {PAGE.name} too")
    parser.add_argument("--watch", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--most", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.watch:
        run(watch(chosen.watch, chosen.most))
        return 0
    words = chosen.only.split(",") if chosen.only else [""]
    names = [name for name in CHANGES if any(word in name for word in words)]
    try:
        with PostgreSQLServer() as server:
            found = measured(server, names, chosen.rows, ours_alone=chosen.ours)
    except ServerUnavailable as error:
        print(f"postgresql: left out: {error}")
        return 0
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": machine(),
        "versions": versions(),
        "rows": chosen.rows,
        "bound_ms": BOUND_MS,
        "found": found,
    }
    chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    if chosen.record:
        PAGE.write_text(with_waits(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
    return int(any(longest(each["ours"]) > BOUND_MS for each in found.values()))


def with_waits(page: str, report: Mapping[str, Any]) -> str:
    """Return the text of the guide with the waits of a run in place of those that it has."""
    lines = [["", "this library", "alembic itself"]]
    for name, ways in report["found"].items():
        cells = [f"{longest(ways[way]):,.0f} ms" if way in ways else "cannot" for way in WAYS]
        lines.append([name, *cells])
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    on = f"{report['machine']['cpu']}, {report['machine']['cores']} cores. {versions}."
    return replaced(page, f"{table(lines)}\n\n{on}", command=COMMAND, source="benchmarks")


def longest(stalls: Stalls) -> float:
    return max(stalls["reader_ms"], stalls["writer_ms"])


def measured(
    server: PostgreSQLServer, names: Sequence[str], rows: int, *, ours_alone: bool
) -> dict[str, dict[str, Stalls]]:
    """Measure each change on a copy of one database, and print what is found."""
    base = f"andamios_bench_{uuid.uuid4().hex[:8]}"
    run(create(server.create_database(base), rows))
    print(HEAD)
    idle = on_a_copy(server, base, rows, lambda url: asyncio.sleep(min(3.0, rows / 500_000)))
    print(row("nothing", {"ours": idle}), flush=True)
    found = {}
    for name in names:
        ways = {"ours": ours} if ours_alone or name in OURS_ALONE else WAYS
        found[name] = {
            way: on_a_copy(server, base, rows, partial(do, name=name)) for way, do in ways.items()
        }
        print(row(name, found[name]), flush=True)
    return found


HEAD = (
    f"{'longest wait, ms':<58}{'this library':>26}{'alembic itself':>26}\n"
    f"{'':<58}{'reader   writer   seconds':>26}{'reader   writer   seconds':>26}"
)


def row(name: str, found: Mapping[str, Stalls]) -> str:
    cells = [
        f"{one['reader_ms']:8.0f} {one['writer_ms']:8.0f} {one['seconds']:8.1f}"
        for one in found.values()
    ]
    verdict = "" if longest(found["ours"]) <= BOUND_MS else "  too long"
    return f"{name:<58}{''.join(cells)}{verdict}"


# ---- the table -----------------------------------------------------------------------------------


async def create(url: str, rows: int) -> None:
    engine = create_async_engine(of_driver(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in TABLES:
            await connection.exec_driver_sql(statement.replace(":rows", str(rows)))
    await engine.dispose()


def of_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")


def on_a_copy(
    server: PostgreSQLServer, base: str, rows: int, change: Callable[[str], Any]
) -> Stalls:
    """Make a change to a copy of the database, under a reader and a writer."""
    copy = f"{base}_copy"
    run(administer(server, f"CREATE DATABASE {copy} TEMPLATE {base}"))
    try:
        url = server.url(copy)
        with watched(url, rows) as stalls:
            begun = perf_counter()
            run(change(url))
            seconds = perf_counter() - begun
        return {**stalls, "seconds": round(seconds, 1)}
    finally:
        run(administer(server, f"DROP DATABASE {copy} WITH (FORCE)"))


async def administer(server: PostgreSQLServer, statement: str) -> None:
    engine = create_async_engine(of_driver(server.url("postgres")), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


# ---- the two ways --------------------------------------------------------------------------------


async def ours(url: str, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="andamios-bench-") as folder:
        write_revision(Path(folder, "postgresql"), name)
        async with Database(url, metadata=sa.MetaData()) as db, held(url, name):
            await Migrator(db, folder).up(allow=("mood.odd",))


def write_revision(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder / "a1_change.py").write_text(FILE.format(name=name, call=CHANGES[name]))


async def alembic(url: str, name: str) -> None:
    names: dict[str, Any] = {
        "sa": sa,
        "postgresql": import_module("sqlalchemy.dialects.postgresql"),
    }

    def upgrade(connection: sa.Connection) -> None:
        names["op"] = Operations(MigrationContext.configure(connection))
        exec(CHANGES[name], names)  # noqa: S102 - the text of this file

    engine = create_async_engine(of_driver(url))
    async with held(url, name), engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


WAYS = {"ours": ours, "alembic": alembic}


@asynccontextmanager
async def held(url: str, name: str) -> AsyncIterator[None]:
    """Hold the table in another transaction meanwhile, if that is what the change is about."""
    if "holds the table" not in name:
        yield
        return
    engine = create_async_engine(of_driver(url))
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1 FROM visit LIMIT 1")
        end = asyncio.create_task(_after(3, connection.rollback))
        yield
        await end
    await engine.dispose()


async def _after(seconds: float, call: Callable[[], Any]) -> None:
    await asyncio.sleep(seconds)
    await call()


# ---- the reader and the writer -------------------------------------------------------------------


@contextmanager
def watched(url: str, rows: int) -> Iterator[Stalls]:
    """Give the longest waits of a reader and a writer in a process of their own, at the end."""
    command = [sys.executable, "-m", "benchmarks.migrations", "--watch", url, "--most", str(rows)]
    stalls: Stalls = {}
    with subprocess.Popen(  # noqa: S603 - itself
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - as asked for
        process.stdout.readline()
        try:
            yield stalls
        finally:
            process.stdin.close()
            stalls.update(json.loads(process.stdout.read()))


async def watch(url: str, rows: int) -> None:
    """Read and write until the standard input ends, and print the longest waits."""
    asyncpg = import_module("asyncpg")
    # What is prepared would have to be prepared again when a type changes.
    connections = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(2)]
    reader, writer = connections
    ended = asyncio.Event()

    async def longest_of(call: Callable[[], Any]) -> float:
        most = 0.0
        while not ended.is_set():
            begun = perf_counter()
            await call()
            most = max(most, perf_counter() - begun)
            await asyncio.sleep(0)
        return round(most * 1000, 1)

    def read() -> Any:
        sql = "SELECT id, name, n FROM visit WHERE id = $1"
        return reader.fetchrow(sql, random.randint(1, rows))

    def write() -> Any:
        sql = "UPDATE visit SET n = n + 1 WHERE id = $1"
        return writer.execute(sql, random.randint(1, rows))

    async def wait_for_the_end() -> None:
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    for _ in range(10):
        await read()
        await write()
    print("ready", flush=True)
    _, reading, writing = await asyncio.gather(
        wait_for_the_end(), longest_of(read), longest_of(write)
    )
    print(json.dumps({"reader_ms": reading, "writer_ms": writing}), flush=True)
    for connection in connections:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
