"""Calls of repositories, queries, sessions and SQLAlchemy that are wrong."""

from collections.abc import Sequence

import sqlalchemy as sa
from models import Hero, Note, Power, Team
from sqlalchemy import Row

from andamios_orm import Database, Repository, Session, run


class Heroes(Repository[Hero]):
    pass


async def made(db: Database, hero: Hero) -> None:
    Repository(Hero)  # E: repository-without-source
    Repository(db, Hero)  # E: repository-swapped
    Repository("heroes", db)  # E: repository-by-name
    Repository(hero, db)  # E: repository-of-instance
    Repository(Power, db)  # E: repository-of-plain-model
    Repository(Hero, "sqlite://")  # E: repository-on-url
    Repository[Power](db)  # E: repository-type-of-plain-model
    Heroes(Hero)  # E: own-repository-without-source
    teams: Repository[Team] = Heroes(db)  # E: repository-of-another-model
    print(teams)


async def read(heroes: Repository[Hero]) -> None:
    ada: Hero = await heroes.find(1)  # E: find-may-be-none
    team: Team = await heroes.get(1)  # E: get-another-model
    names: list[str] = await heroes.all()  # E: all-of-another-type
    print((await heroes.first()).name)  # E: first-may-be-none
    print((await heroes.get(1)).nmae)  # E: unknown-attribute-of-row
    await heroes.get()  # E: get-without-key
    await heroes.get(1, 2)  # E: get-with-two-keys
    await heroes.get(id=1)  # E: get-by-keyword
    await heroes.nope()  # E: unknown-method
    heroes.all().where(Hero.age > 3)  # E: where-after-all
    print(ada, team, names)


async def queried(heroes: Repository[Hero]) -> None:
    heroes.order_by("name")  # E: order-by-text
    heroes.order_by(Hero.nmae)  # E: order-by-unknown
    heroes.order_by([Hero.name])  # E: order-by-list
    heroes.order_by(Hero.name.set("Ada"))  # E: order-by-assignment
    heroes.order_by(Hero.name.dsc())  # E: unknown-direction
    heroes.order_by(Hero.name.nulls_first())  # E: nulls-without-direction
    heroes.order_by(-1)  # E: order-by-number
    heroes.where(Hero.age > 3).order_by("name")  # E: order-by-text-of-query
    heroes.limit("3")  # E: limit-text
    heroes.limit(None)  # E: limit-none
    heroes.offset(1.5)  # E: offset-float
    heroes.where(Hero.name == 3)  # E: repository-where-wrong-type
    heroes.limit(3).where(Hero.name == 3)  # E: query-where-wrong-type
    heroes.where(Hero.age > 3).nope()  # E: unknown-method-of-query
    teams: list[Team] = await heroes.limit(3).all()  # E: query-of-another-model
    print(teams)


async def changed(heroes: Repository[Hero], old: Hero, team: Team) -> None:
    query = heroes.where(Hero.age > 3)
    await query.update(Hero.age == 3)  # E: update-with-comparison
    await query.update(age=3)  # E: update-by-keyword
    await query.update({"age": 3})  # E: update-by-dict
    await query.update(Hero.age.set("3"))  # E: set-wrong-type
    await query.update(Hero.name.set(None))  # E: set-none
    await query.update(Hero.name.set(Hero.age))  # E: set-wrong-column
    await query.update(Hero.name.set(Hero.nickname))  # E: set-nullable-column
    await query.update(Hero.powers.set([3]))  # E: set-wrong-items
    await query.update((Hero.age + 1).set(3))  # E: set-of-arithmetic
    await query.update(Hero.age > 3)  # E: update-with-condition
    await query.delete(old)  # E: query-delete-instance
    await heroes.add(team)  # E: add-another-model
    await heroes.add(Hero)  # E: add-class
    await heroes.add({"name": "Ada"})  # E: add-dict
    await heroes.add_all(old)  # E: add-all-of-one
    await heroes.add_all([old, team])  # E: add-all-another-model
    await heroes.upsert(old)  # E: upsert-without-key
    await heroes.upsert(team, on=[Hero.name])  # E: upsert-another-model
    await heroes.upsert(old, on=Hero.name)  # E: upsert-on-column
    await heroes.upsert(old, on=["name"])  # E: upsert-on-text
    await heroes.upsert(old, on=[Hero.nmae])  # E: upsert-on-unknown
    await heroes.upsert(old, on=[Hero.name], update=[Hero.age.set(3)])  # E: upsert-assignment
    await heroes.upsert_all(old, on=[Hero.name])  # E: upsert-all-of-one
    await heroes.update(team)  # E: update-another-model
    await heroes.update(1, Hero.age.set(3))  # E: update-by-key
    await heroes.patch(1, {"age": 3})  # E: patch-dict
    await heroes.patch(1, age=3)  # E: patch-by-keyword
    await heroes.patch(1, Hero.age == 3)  # E: patch-with-comparison
    await heroes.patch(Hero.age.set("3"))  # E: patch-wrong-type
    await heroes.patch()  # E: patch-without-key
    await heroes.delete()  # E: delete-without-target


async def kept(db: Database, notes: Repository[Note], hero: Hero) -> None:
    Note(text="a", version=1)  # E: version-given
    await notes.patch(1, Note.text.set("a"), if_version="1")  # E: if-version-text
    await notes.restore()  # E: restore-without-key
    await notes.update(hero)  # E: update-another-kept-model
    db.for_tenant()  # E: for-tenant-of-nobody
    notes.where(Note.version == "1")  # E: version-compared-with-text
    heroes: Repository[Hero] = notes.with_deleted()  # E: with-deleted-of-another-model
    print(heroes)


async def databases(db: Database, session: Session) -> None:
    Database()  # E: database-without-url
    Database("sqlite://", 5)  # E: pool-size-by-position
    Database("sqlite://", pool_size="5")  # E: pool-size-text
    with db.session():  # E: session-without-async
        pass
    async with db.session() as inner:
        inner.nope()  # E: unknown-method-of-session
    await session.run_sync(len)  # E: run-sync-wrong-function
    await db.execute("SELECT 1")  # E: execute-text
    rows: Sequence[Row[str]] = await db.execute(sa.select(Hero.id))  # E: rows-of-another-type
    print(rows)


run(databases)  # E: run-function

# -- SQLAlchemy
ids: sa.Select[str] = sa.select(Hero.id)  # E: select-of-another-type
sa.select(Hero.nmae)  # E: select-unknown
sa.select(Hero.id).where(Hero.name == 3)  # E: sqlalchemy-where-wrong-type
