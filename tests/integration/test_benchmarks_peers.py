"""A library's process compares all that it does, and answers what was measured."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.peers.speed.answers import result_from
from benchmarks.peers.speed.process import measured
from benchmarks.peers.speed.traits import Traits

OPERATIONS = ["get", "insert_pool"]

pytestmark = pytest.mark.usefixtures("no_collections")


# Of the others, SQLAlchemy alone is installed for the tests.
@pytest.mark.parametrize(
    ("name", "file"), [("andamios_orm", "bench.db"), ("sqlalchemy_orm", "own.db")]
)
async def test_a_library_is_measured_next_to_the_floor(
    name: str, file: str, tmp_path: Path
) -> None:
    options = Namespace(
        name=name,
        backend="sqlite",
        floor=f"sqlite:///{tmp_path / 'bench.db'}",
        own=f"sqlite:///{tmp_path / file}",
        operations=OPERATIONS,
        rounds=1,
        seconds=0.001,
    )
    answer = json.loads(json.dumps(await measured(options)))
    assert answer["failed"] == []
    assert Traits(**answer["traits"]).objects
    results = [result_from(one) for one in answer["results"]]
    assert [one.operation for one in results] == OPERATIONS
    assert all(one.cpu.value > 0 and one.backend == "sqlite" for one in results)
