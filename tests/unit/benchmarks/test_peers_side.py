"""What every library's adapter has: a transaction that stays open, and is undone."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.environments import ROOT
from benchmarks.peers.speed.importing import imported
from benchmarks.peers.speed.outside import asked
from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.roster import LIBRARIES, TITLES
from benchmarks.peers.speed.traits import Traits


class Recorded(Peer):
    traits = Traits(rows="key", objects=False, validated="no")

    def __init__(self) -> None:
        self.events: list[str] = []

    async def open(self, url: str, connections: int) -> None: ...

    async def close(self) -> None: ...

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        self.events.append("begin")
        try:
            yield
        except BaseException:
            self.events.append("rollback")
            raise
        self.events.append("commit")

    def new(self, number: int) -> Any: ...

    async def get(self, key: int) -> int:
        self.events.append(f"get {key}")
        return key

    async def filter(self, age: int) -> list[Any]:
        return []

    async def read(self) -> list[Any]:
        return []

    async def insert(self, new: Any) -> Any: ...

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        return []

    async def update(self, key: int, name: str) -> Any: ...

    async def remove_added(self) -> None: ...


async def test_a_transaction_stays_open_and_is_undone() -> None:
    peer = Recorded()
    await peer.begin()
    await peer.get(1)
    await peer.rollback()
    assert peer.events == ["begin", "get 1", "rollback"]


async def test_nothing_is_undone_twice() -> None:
    peer = Recorded()
    await peer.begin()
    await peer.rollback()
    with pytest.raises(RuntimeError, match="begin first"):
        await peer.rollback()


async def test_a_transaction_of_its_own_is_committed() -> None:
    peer = Recorded()
    assert await peer.transaction(2) == 2
    assert peer.events == ["begin", "get 2", "commit"]


async def test_tasks_return_their_rows_in_order() -> None:
    assert await Recorded().tasks([3, 1, 2]) == [3, 1, 2]


async def test_a_file_is_asked_from_another_process(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE t (x)")
    await asked(f"sqlite:///{path}", "INSERT INTO t VALUES (1), (2)")
    assert await asked(f"sqlite:///{path}", "SELECT x FROM t") == [[1], [2]]
    assert file.execute("SELECT x FROM t").fetchall() == [(1,), (2,)]
    file.close()
    with pytest.raises(RuntimeError, match="failed"):
        await asked(f"sqlite:///{path}", "SELECT y FROM t")


def test_an_import_is_timed_next_to_that_of_pydantic() -> None:
    found = imported(Path(sys.executable), "json", root=ROOT, rounds=1)
    assert found.title == "import json"
    assert 0 < found.ours.cpu < found.floor.cpu


def test_a_process_loads_no_library_but_its_own() -> None:
    program = "import sys, benchmarks.peers.speed.process\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"andamios_orm", "sqlalchemy"} & set(done.stdout.split())


def test_every_library_has_its_files() -> None:
    peers = ROOT / "benchmarks" / "peers"
    for entry in LIBRARIES:
        requirements = (peers / "requirements" / f"{entry.requirements}.txt").read_text()
        for line in requirements.splitlines():
            assert "==" in line or line.startswith(("#", "-e")), line
        for backend in TITLES:
            module = entry.module(backend)
            assert module is None or (peers / "speed" / "idioms" / f"{module}.py").exists()
