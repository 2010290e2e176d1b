"""Every change of the catalogue, killed after each of its steps and before that is noted.

What was done is recognised, what was not is done, and the end is the same. Every second change is
killed, on one of its engines in turn; with the variable ANDAMIOS_TEST_DEEP set, all are, on all.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from andamios_orm.migration.journal import Journal
from tests.migration.changes.catalogue import CHANGES, SchemaChange
from tests.migration.changes.test_changes import (
    EVERYWHERE,
    differences,
    everything,
    migrating,
    read,
    with_rows,
)

pytestmark = pytest.mark.filterwarnings("ignore:Computed column")


IN_TURN = [
    pytest.param(change, change.engines[number % len(change.engines)], id=change.name)
    for number, change in enumerate(CHANGES[::2])
]
CHOSEN = EVERYWHERE if os.environ.get("ANDAMIOS_TEST_DEEP") else IN_TURN


class Killed(BaseException):
    """The end of a program, as far as what runs in it can see."""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The steps after which the program was killed: each step, the first time."""
    found: list[object] = []
    spared: set[object] = set()
    note = Journal.note

    def killing(self: Journal, *args: Any) -> None:
        step = (*args[:3], args[3].position)
        if args[3].state == "done" and step not in spared:
            spared.add(step)
            found.append(step)
            raise Killed
        note(self, *args)

    monkeypatch.setattr(Journal, "note", killing)
    return found


@pytest.mark.parametrize(("change", "database_url"), CHOSEN, indirect=["database_url"])
async def test_a_change_goes_on_after_each_kill(
    change: SchemaChange, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "migrations"
    await with_rows(database_url, change, folder)
    before = await read(database_url, change.kept)
    async with migrating(database_url, change.metadata(new=True), folder) as migrator:
        comparison = await migrator.compare(change.answers)
        await migrator.new("after", change.answers)
    if not comparison.changes:
        return
    kills = request.getfixturevalue("kills")
    for new, allow in ((True, change.allow), (False, everything(comparison.after))):
        begun = False
        already = len(kills)
        while True:
            async with migrating(database_url, change.metadata(new=new), folder) as migrator:
                try:
                    if begun:
                        await migrator.resume()
                    elif new:
                        await migrator.up(allow=allow)
                    else:
                        await migrator.down(allow=allow)
                    assert await differences(migrator) == []
                    break
                except Killed:
                    begun = (await migrator.status()).half_done is not None
        assert len(kills) > already
    assert await read(database_url, change.kept) == before
