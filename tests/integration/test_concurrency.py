"""Many tasks at once: no update is lost, no connection either."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import DatabaseUnavailable, UniqueViolation

METADATA = sa.MetaData()
ACCOUNTS, BALANCE = 5, 100


class Account(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    balance: Col[int] = field(default=BALANCE)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=4) as database:
        await database.create_all()
        await Repository(Account, database).add_all([Account() for _ in range(ACCOUNTS)])
        yield database


async def total(db: Database) -> int:
    return sum(account.balance for account in await Repository(Account, db).all())


def transfers(count: int) -> list[tuple[int, int, int]]:
    """Pairs of accounts in one order, so that no two transactions wait for each other."""
    dice = random.Random(count)  # noqa: S311 - a seed that repeats is the point
    found = []
    for _ in range(count):
        one, other = sorted(dice.sample(range(1, ACCOUNTS + 1), 2))
        found.append((one, other, dice.randint(-9, 9)))
    return found


async def test_transfers_by_expressions_keep_the_sum(db: Database) -> None:
    expected = dict.fromkeys(range(1, ACCOUNTS + 1), BALANCE)

    async def transfer(one: int, other: int, amount: int) -> None:
        async with db.session() as session:
            accounts = Repository(Account, session)
            await accounts.patch(one, Account.balance.set(Account.balance - amount))
            await accounts.patch(other, Account.balance.set(Account.balance + amount))

    planned = transfers(60)
    for one, other, amount in planned:
        expected[one] -= amount
        expected[other] += amount
    await asyncio.gather(*(transfer(*each) for each in planned))

    stored = {account.id: account.balance for account in await Repository(Account, db).all()}
    assert stored == expected


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_reading_and_writing_back_loses_no_update(db: Database) -> None:
    async def add_one() -> None:
        async with db.session() as session:
            accounts = Repository(Account, session)
            account = await accounts.get(1)
            await accounts.update(account.model_copy(update={"balance": account.balance + 1}))

    await asyncio.gather(*(add_one() for _ in range(50)))

    assert (await Repository(Account, db).get(1)).balance == BALANCE + 50


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_reading_and_writing_back_loses_an_update_at_read_committed(
    db: Database,
) -> None:
    both_have_read = asyncio.Barrier(2)

    async def add_one() -> None:
        async with db.session() as session:
            accounts = Repository(Account, session)
            account = await accounts.get(1)
            await both_have_read.wait()
            await accounts.update(account.model_copy(update={"balance": account.balance + 1}))

    await asyncio.gather(add_one(), add_one())

    assert (await Repository(Account, db).get(1)).balance == BALANCE + 1


async def test_calls_without_a_session_lose_no_update(db: Database) -> None:
    accounts = Repository(Account, db)

    await asyncio.gather(
        *(accounts.patch(1, Account.balance.set(Account.balance + 1)) for _ in range(50))
    )

    assert (await accounts.get(1)).balance == BALANCE + 50


async def test_writers_through_sqlalchemy_wait_for_each_other(db: Database) -> None:
    statement = sa.update(Account.__table__).values(balance=sa.text("balance + 1"))

    await asyncio.gather(*(db.execute(statement) for _ in range(30)))

    assert await total(db) == ACCOUNTS * (BALANCE + 30)


async def test_failures_leave_every_connection_usable(db: Database) -> None:
    async def fail(number: int) -> None:
        async with db.session() as session:
            taken = Account.model_validate({"id": number % ACCOUNTS + 1})
            await Repository(Account, session).add(taken)

    results = await asyncio.gather(*(fail(n) for n in range(40)), return_exceptions=True)

    assert {type(result) for result in results} == {UniqueViolation}
    assert await asyncio.gather(*(total(db) for _ in range(8))) == [ACCOUNTS * BALANCE] * 8


async def test_a_pool_that_is_in_use_says_so_after_its_time(database_url: str) -> None:
    async with Database(database_url, pool_size=1, pool_timeout=0.01) as db:
        # Read-only: a second writer may wait for its turn before it waits for a connection.
        async with db.session(read_only=True):
            with pytest.raises(DatabaseUnavailable, match="all 1 connections were in use"):
                await asyncio.create_task(db.execute(sa.text("SELECT 1")))
            with pytest.raises(DatabaseUnavailable, match="pool_size"):
                await asyncio.create_task(one_session(db))

        assert await db.execute(sa.text("SELECT 1")) == [(1,)]


async def one_session(db: Database) -> None:
    async with db.session():
        pytest.fail("there was a connection")


async def test_tasks_cancelled_at_random_leave_the_pool_whole(db: Database) -> None:
    dice = random.Random(7)  # noqa: S311 - a seed that repeats is the point

    async def add_one() -> None:
        async with db.session() as session:
            accounts = Repository(Account, session)
            await accounts.patch(1, Account.balance.set(Account.balance + 1))
            await accounts.patch(2, Account.balance.set(Account.balance - 1))

    tasks = [asyncio.ensure_future(add_one()) for _ in range(60)]
    while not all(task.done() for task in tasks):
        for _ in range(dice.randint(0, 20)):
            await asyncio.sleep(0)
        dice.choice(tasks).cancel()
    await asyncio.wait(tasks)

    assert await total(db) == ACCOUNTS * BALANCE
    assert await asyncio.gather(*(total(db) for _ in range(8))) == [ACCOUNTS * BALANCE] * 8
    assert db._pool.in_use == 0
