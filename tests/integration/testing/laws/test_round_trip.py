"""What the law of round trips takes for a statement that was sent."""

import pytest
import sqlalchemy as sa

from andamios_orm import Database, Repository
from andamios_orm.errors import AndamiosError
from andamios_orm.testing.laws.round_trip import _was_sent
from tests.integration.testing.machines.models import Team


async def test_a_refusal_by_the_database_was_sent_and_one_of_the_library_was_not() -> None:
    async with Database("sqlite://") as db:
        with pytest.raises(AndamiosError) as by_database:
            await db.execute(sa.text("SELECT nothing FROM nowhere"))
        with pytest.raises(AndamiosError) as by_library:
            await Repository(Team, db).add(Team.model_construct(name=5))

    assert _was_sent(by_database.value) == ["a statement that failed"]
    assert _was_sent(by_library.value) == []
