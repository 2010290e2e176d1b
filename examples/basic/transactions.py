"""All or nothing: a session is one transaction, committed at the end of its block."""

from decimal import Decimal

from andamios_orm import Col, Database, Model, Repository, Session, field, run
from andamios_orm.errors import CheckViolation, UniqueViolation


class Account(Model, table=True):
    owner: Col[str] = field(primary_key=True, max_length=50)
    balance: Col[Decimal] = field(ge=0, max_digits=12, decimal_places=2)


async def transfer(session: Session, amount: Decimal, *, giver: str, taker: str) -> None:
    accounts = Repository(Account, session)
    await accounts.patch(taker, Account.balance.set(Account.balance + amount))
    await accounts.patch(giver, Account.balance.set(Account.balance - amount))


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        accounts = Repository(Account, db)
        await accounts.add(Account(owner="Ada", balance=Decimal(100)))
        await accounts.add(Account(owner="Bob", balance=Decimal(0)))

        # The end of the block commits.
        async with db.session() as session:
            await transfer(session, Decimal("30.50"), giver="Ada", taker="Bob")

        # An exception rolls back: Bob's 500 are gone with Ada's refusal.
        try:
            async with db.session() as session:
                await transfer(session, Decimal(500), giver="Ada", taker="Bob")
        except CheckViolation as error:
            print(error)

        # A savepoint can fail alone, inside a transaction that goes on.
        async with db.session() as session:
            await Repository(Account, session).add(Account(owner="Eve", balance=Decimal(1)))
            try:
                async with session.savepoint():
                    await Repository(Account, session).add(Account(owner="Ada", balance=Decimal(1)))
            except UniqueViolation as error:
                print(error)

        found = {a.owner: str(a.balance) for a in await accounts.all()}
        print(found)
        assert found == {"Ada": "69.50", "Bob": "30.50", "Eve": "1.00"}


if __name__ == "__main__":
    run(main())
