"""Work that lost to another transaction runs again."""

import pytest

from andamios_orm.database.retry import retried
from andamios_orm.errors import DatabaseUnavailable, TransactionConflict


class Work:
    """Fails the first times it is called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def conflict() -> TransactionConflict:
    return TransactionConflict("another transaction was in the way", "run it again")


async def test_work_that_meets_conflicts_is_repeated_until_it_is_done() -> None:
    work = Work(conflict(), conflict())

    assert await retried(work, 2) == "done"
    assert work.calls == 3


async def test_the_last_conflict_is_raised() -> None:
    work = Work(conflict(), conflict())

    with pytest.raises(TransactionConflict):
        await retried(work, 1)


async def test_without_retries_it_is_called_once() -> None:
    work = Work(conflict())

    with pytest.raises(TransactionConflict):
        await retried(work, 0)
    assert work.calls == 1


async def test_what_may_have_been_committed_is_not_repeated() -> None:
    work = Work(DatabaseUnavailable("the connection was lost", "try again"))

    with pytest.raises(DatabaseUnavailable):
        await retried(work, 5)
    assert work.calls == 1
