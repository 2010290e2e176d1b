"""Both sides of the benchmarks do the same, and every operation can be measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from andamios_orm.testing.servers import Server
from benchmarks import migrations, promises, streaming
from benchmarks.measuring import agree, measure, prepared
from benchmarks.workload import OPERATIONS

pytestmark = pytest.mark.usefixtures("no_collections")


@pytest.mark.parametrize("backend", ["sqlite", "duckdb"])
async def test_the_library_and_the_floor_give_equal_results(backend: str, tmp_path: Path) -> None:
    async with prepared(f"{backend}:///{tmp_path / 'bench.db'}") as (ours, floor):
        await agree(ours, floor)


async def test_every_operation_can_be_measured(tmp_path: Path) -> None:
    async with prepared(f"sqlite:///{tmp_path / 'bench.db'}") as (ours, floor):
        for name in OPERATIONS:
            calls, pair = await measure(name, ours, floor, rounds=1, seconds=0)
            assert calls >= 1
            assert pair.keys() == {"ours", "raw"}


def test_what_the_promises_cost_can_be_measured(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgresql_server: Server,
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", postgresql_server.address)

    assert promises.main(["--rounds", "1", "--seconds", "0"]) == 0
    assert "update one, from the pool" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_memory_of_a_stream_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "streaming.json"

    assert streaming.main(["--rows", "50", "--only", "sqlite", "--json", str(report)]) == 0
    assert "50 rows" in capsys.readouterr().out
    assert report.exists()


def test_the_waits_beside_a_migration_can_be_measured(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgresql_server: Server,
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", postgresql_server.address)
    report = tmp_path / "migrations.json"
    chosen = ["--rows", "50", "--only", "a CHECK", "--json", str(report)]

    assert migrations.main(chosen) == 0
    assert "add a CHECK" in capsys.readouterr().out
    assert report.exists()


def test_the_guide_tells_the_waits_that_are_kept() -> None:
    page = migrations.PAGE.read_text(encoding="utf-8")
    kept = json.loads(migrations.RESULTS.read_text(encoding="utf-8"))

    assert migrations.with_waits(page, kept) == page
    assert all(migrations.longest(each["ours"]) <= 500 for each in kept["found"].values())
