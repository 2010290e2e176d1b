"""What transactions see of each other, and how rows are locked."""

import asyncio
from contextlib import suppress

import pytest

from andamios_orm import Col, Database, Model, Repository, Session, field
from andamios_orm.errors import NotSupported, SessionMisuse, TransactionConflict, UsageError
from tests.engines import only_on, server_of

LOCKING = only_on("postgresql", "mariadb")
WITHOUT_LOCKS = only_on("sqlite", "duckdb")


class Account(Model, table="isolation_account"):
    id: Col[int] = field(primary_key=True)
    balance: Col[int]


@pytest.fixture
async def accounts(db: Database) -> Repository[Account]:
    await db.create_all()
    accounts = Repository(Account, db)
    await accounts.add_all([Account(id=number, balance=100) for number in range(10)])
    return accounts


async def read_and_write(session: Session, giver: int, taker: int) -> None:
    """Move 1 the way a program does it that computes in Python."""
    inside = Repository(Account, session)
    one, other = await inside.get(giver), await inside.get(taker)
    await asyncio.sleep(0)
    await inside.update(one.model_copy(update={"balance": one.balance - 1}))
    await inside.update(other.model_copy(update={"balance": other.balance + 1}))


# ---- no update is lost ---------------------------------------------------------------------------


async def test_400_transfers_at_once_lose_nothing(
    database_url: str, db: Database, accounts: Repository[Account]
) -> None:
    async with Database(database_url, pool_size=10, pool_timeout=300) as bank:

        async def transfer(number: int) -> None:
            async def work(session: Session) -> None:
                # Everyone gives to the next, and the first gives to all: one hot row.
                await read_and_write(session, 0, 1 + number % 9)

            await bank.run(work, isolation="serializable", retries=500)

        await asyncio.gather(*[transfer(number) for number in range(400)])

    found = {a.id: a.balance for a in await accounts.all()}
    given = [400 // 9 + (number <= 400 % 9) for number in range(1, 10)]
    assert found == {0: 100 - 400, **{n: 100 + g for n, g in enumerate(given, 1)}}


@LOCKING
async def test_400_transfers_that_lock_what_they_read_lose_nothing(
    database_url: str, db: Database, accounts: Repository[Account]
) -> None:
    async with Database(database_url, pool_size=10, pool_timeout=300) as bank:

        async def transfer(number: int) -> None:
            async with bank.session() as session:
                inside = Repository(Account, session)
                keys = [0, 1 + number % 9]
                query = inside.where(Account.id.in_(keys)).order_by(Account.id)
                one, other = await query.with_for_update().all()
                await inside.update(one.model_copy(update={"balance": one.balance - 1}))
                await inside.update(other.model_copy(update={"balance": other.balance + 1}))

        await asyncio.gather(*[transfer(number) for number in range(400)])

    found = [a.balance for a in await accounts.order_by(Account.id).all()]
    assert found[0] == 100 - 400
    assert sum(found) == 1000


@WITHOUT_LOCKS
async def test_400_transfers_without_a_word_about_isolation_lose_nothing(
    database_url: str, db: Database, accounts: Repository[Account]
) -> None:
    async with Database(database_url, pool_size=10, pool_timeout=300) as bank:

        async def transfer(number: int) -> None:
            async with bank.session() as session:
                await read_and_write(session, 0, 1 + number % 9)

        await asyncio.gather(*[transfer(number) for number in range(400)])

    found = [a.balance for a in await accounts.order_by(Account.id).all()]
    assert found[0] == 100 - 400
    assert sum(found) == 1000


# ---- levels --------------------------------------------------------------------------------------


async def test_every_level_an_engine_names_can_be_used(
    db: Database, accounts: Repository[Account]
) -> None:
    for level in db.capabilities.isolation:
        for read_only in (False, True):
            async with db.session(isolation=level, read_only=read_only) as session:
                assert await Repository(Account, session).count() == 10


@WITHOUT_LOCKS
async def test_a_level_that_an_engine_lacks_is_refused_with_those_it_has(db: Database) -> None:
    with pytest.raises(NotSupported) as refused:
        db.session(isolation="read committed")

    assert "serializable" in str(refused.value)


@only_on("postgresql")
async def test_a_serializable_session_is_told_of_what_it_read_that_changed(
    db: Database, accounts: Repository[Account]
) -> None:
    both_have_read = asyncio.Barrier(2)

    async def skew(mine: int, others: int) -> None:
        async with db.session(isolation="serializable") as session:
            inside = Repository(Account, session)
            seen = (await inside.get(others)).balance
            await both_have_read.wait()
            await inside.patch(mine, Account.balance.set(seen - 1))

    found = await asyncio.gather(skew(0, 1), skew(1, 0), return_exceptions=True)

    assert sorted(map(type, found), key=str) == [type(None), TransactionConflict]


@LOCKING
async def test_mariadb_gives_a_snapshot_up_with_the_savepoint_in_which_it_began(
    db: Database, accounts: Repository[Account]
) -> None:
    seen = []
    async with db.session(isolation="repeatable read") as session:
        inside = Repository(Account, session)
        with suppress(LookupError):
            async with session.savepoint():
                seen.append((await inside.get(0)).balance)
                raise LookupError
        for balance in (7, 8):
            await asyncio.create_task(accounts.patch(0, Account.balance.set(balance)))
            seen.append((await inside.get(0)).balance)

    assert seen == ([100, 7, 7] if server_of(db) == "mariadb" else [100, 100, 100])


# ---- work that is run again ----------------------------------------------------------------------


async def test_run_gives_back_what_the_function_returned(
    db: Database, accounts: Repository[Account]
) -> None:
    async def richest(session: Session) -> int:
        query = Repository(Account, session).order_by(Account.balance.desc())
        found = await query.first()
        return found.balance if found else 0

    assert await db.run(richest) == 100


async def test_run_leaves_nothing_of_a_function_that_fails(
    db: Database, accounts: Repository[Account]
) -> None:
    async def half(session: Session) -> None:
        await Repository(Account, session).patch(1, Account.balance.set(0))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await db.run(half)

    assert (await accounts.get(1)).balance == 100


# ---- row locks -----------------------------------------------------------------------------------


@LOCKING
async def test_a_row_that_is_locked_is_waited_for(
    db: Database, accounts: Repository[Account]
) -> None:
    locked, order = asyncio.Event(), list[str]()

    async def holder() -> None:
        async with db.session() as session:
            inside = Repository(Account, session)
            await inside.where(Account.id == 1).with_for_update().one()
            locked.set()
            for _ in range(20):  # time in which a waiter that did not wait would come first
                await inside.count()
            order.append("first")

    async def waits() -> None:
        await locked.wait()
        async with db.session() as session:
            await Repository(Account, session).where(Account.id == 1).with_for_update().one()
            order.append("second")

    await asyncio.gather(holder(), waits())

    assert order == ["first", "second"]


@LOCKING
async def test_nowait_raises_a_conflict_for_a_locked_row(
    db: Database, accounts: Repository[Account]
) -> None:
    locked, tried = asyncio.Event(), asyncio.Event()

    async def holder() -> None:
        async with db.session() as session:
            await Repository(Account, session).where(Account.id == 1).with_for_update().one()
            locked.set()
            await tried.wait()

    holding = asyncio.ensure_future(holder())
    await locked.wait()
    async with db.session() as session:
        query = Repository(Account, session).where(Account.id == 1).with_for_update(nowait=True)
        try:
            with pytest.raises(TransactionConflict):
                await query.one()
        finally:
            await session.rollback()
            tried.set()
            await holding


@LOCKING
async def test_skip_locked_leaves_locked_rows_out(
    db: Database, accounts: Repository[Account]
) -> None:
    locked, tried = asyncio.Event(), asyncio.Event()

    async def holder() -> None:
        async with db.session() as session:
            await Repository(Account, session).where(Account.id < 3).with_for_update().all()
            locked.set()
            await tried.wait()

    holding = asyncio.ensure_future(holder())
    await locked.wait()
    try:
        async with db.session() as session:
            query = Repository(Account, session).order_by(Account.id).limit(2)
            found = await query.with_for_update(skip_locked=True).all()
    finally:
        tried.set()
        await holding

    assert [account.id for account in found] == [3, 4]


@LOCKING
async def test_a_lock_outside_a_session_is_refused(accounts: Repository[Account]) -> None:
    with pytest.raises(SessionMisuse):
        accounts.where(Account.id == 1).with_for_update()


@LOCKING
async def test_a_lock_that_both_fails_and_skips_is_refused(db: Database) -> None:
    async with db.session() as session:
        with pytest.raises(UsageError):
            Repository(Account, session).limit(1).with_for_update(nowait=True, skip_locked=True)


@LOCKING
async def test_verbs_that_read_no_rows_refuse_a_lock(
    db: Database, accounts: Repository[Account]
) -> None:
    async with db.session() as session:
        query = Repository(Account, session).where(Account.id == 1).with_for_update()
        with pytest.raises(UsageError):
            await query.count()
        with pytest.raises(UsageError):
            await query.exists()
        with pytest.raises(UsageError):
            await query.delete()
        with pytest.raises(UsageError):
            await query.update(Account.balance.set(0))


@WITHOUT_LOCKS
async def test_an_engine_without_row_locks_says_what_to_do(
    db: Database, accounts: Repository[Account]
) -> None:
    async with db.session() as session:
        with pytest.raises(NotSupported) as refused:
            Repository(Account, session).where(Account.id == 1).with_for_update()

    assert "keeps all others out" in str(refused.value)
