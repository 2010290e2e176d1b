"""Repositories and queries: what each call gives."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, assert_type

import pandas
import polars
import pyarrow
import sqlalchemy as sa
from models import Hero, Note, Team
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from andamios_orm import Database, Model, Query, Repository, Session
from andamios_orm.queries.expressions import Attr, Condition, Predicate, SortKey

M = TypeVar("M", bound=Model)


class Heroes(Repository[Hero]):
    async def grown_ups(self, team: int) -> list[Hero]:
        grown = self.where(Hero.age >= 18, Hero.team_id == team)
        return await grown.order_by(Hero.name.desc()).all()

    def named(self, name: str) -> Query[Hero]:
        return self.where(Hero.name == name)


class HeroChange(BaseModel):
    age: int | None = None


async def made(
    db: Database, session: Session, connection: AsyncConnection, orm: AsyncSession
) -> None:
    assert_type(Repository(Hero, db), Repository[Hero])
    assert_type(Repository(Hero, session), Repository[Hero])
    assert_type(Repository(Hero, connection), Repository[Hero])
    assert_type(Repository(Hero, orm), Repository[Hero])
    assert_type(Repository[Hero](db), Repository[Hero])
    assert_type(Heroes(db), Heroes)
    assert_type(Heroes(session).model, type[Hero])
    assert_type(await Heroes(db).grown_ups(3), list[Hero])
    assert_type(await Heroes(db).named("Ada").first(), Hero | None)
    as_base: Repository[Hero] = Heroes(db)
    print(as_base)


async def read(heroes: Repository[Hero]) -> None:
    assert_type(await heroes.get(1), Hero)
    assert_type(await heroes.find(1), Hero | None)
    assert_type(await heroes.one(), Hero)
    assert_type(await heroes.first(), Hero | None)
    assert_type(await heroes.all(), list[Hero])
    assert_type(await heroes.count(), int)
    assert_type(await heroes.exists(), bool)


async def queried(heroes: Repository[Hero]) -> None:
    old = heroes.where(Hero.age > 30)
    assert_type(old, Query[Hero])
    assert_type(await old.arrow(), pyarrow.Table)
    assert_type(await old.polars(secrets=True), polars.DataFrame)
    assert_type(await old.pandas(), pandas.DataFrame)
    assert_type(heroes.order_by(Hero.name, Hero.age.desc()), Query[Hero])
    assert_type(heroes.limit(3), Query[Hero])
    assert_type(heroes.offset(3), Query[Hero])
    assert_type(old.where().order_by().limit(1).offset(1), Query[Hero])
    assert_type(old.where(Hero.active, ~Hero.active, Hero.retired), Query[Hero])
    assert_type(await old.order_by(Hero.age.desc().nulls_last()).all(), list[Hero])
    assert_type(await old.first(), Hero | None)
    assert_type(await old.one(), Hero)
    assert_type(await old.count(), int)
    assert_type(await old.exists(), bool)
    assert_type(await old.update(Hero.age.set(3), Hero.name.set("Ada")), int)
    assert_type(await old.delete(), int)
    for hero in await old.all():
        assert_type(hero, Hero)


async def written(heroes: Repository[Hero], ada: Hero) -> None:
    assert_type(await heroes.add(Hero(name="Ada")), Hero)
    assert_type(await heroes.add_all([ada, ada]), list[Hero])
    assert_type(await heroes.add_all(Hero(name=name) for name in "AB"), list[Hero])
    assert_type(await heroes.upsert(ada, on=[Hero.id]), Hero)
    assert_type(await heroes.upsert(ada, on=(Hero.name, Hero.age), update=[]), Hero)
    assert_type(
        await heroes.upsert_all([ada], on=[Hero.id], update=[Hero.age, Hero.fee]), list[Hero]
    )
    assert_type(await heroes.update(ada), Hero)
    assert_type(await heroes.patch(1, Hero.age.set(3), Hero.name.set("Ada")), Hero)
    assert_type(await heroes.patch(ada.id, HeroChange(age=3)), Hero)
    await heroes.delete(ada)
    await heroes.delete(ada.id)


async def kept(db: Database, note: Note) -> None:
    acme = db.for_tenant("acme")
    assert_type(acme, Database)
    assert_type(db.tenant, object)
    notes = Repository(Note, acme)
    assert_type(Note(text="a").version, int)
    assert_type(note.created_at, datetime)
    assert_type(note.deleted_at, datetime | None)
    assert_type(note.tenant_id, str)
    assert_type(await notes.patch(1, Note.text.set("b"), if_version=note.version), Note)
    assert_type(notes.with_deleted(), Repository[Note])
    assert_type(notes.where(Note.version > 3).with_deleted(), Query[Note])
    assert_type(notes.where(Note.tenant_id == "a", Note.deleted_at.is_null()), Query[Note])
    assert_type(await notes.restore(1), Note)
    assert_type(await notes.limit(1).purge(), int)
    await notes.purge(note)
    await notes.purge(1)


# -- code that does not know the model


async def newest(source: Database | Session, model: type[M], key: SortKey) -> M | None:
    return await Repository(model, source).order_by(key).limit(1).first()


async def matching(repository: Repository[M], *conditions: Predicate) -> list[M]:
    return await repository.where(*conditions).all()


async def used(db: Database, teams: Repository[Team]) -> None:
    assert_type(await newest(db, Hero, Hero.age.desc()), Hero | None)
    assert_type(await newest(db, Team, Team.name), Team | None)
    assert_type(await matching(teams, Team.name.like("A%"), sa.true()), list[Team])


filters: dict[str, Callable[[str], Condition]] = {
    "name": lambda text: Hero.name == text,
    "prefix": Hero.name.startswith,
}
sorts: dict[str, SortKey] = {"name": Hero.name, "age": Hero.age.desc()}
texts: list[Attr[str]] = [Hero.name, Team.name]
conditions: list[Predicate] = [Hero.age > 3, Hero.active, sa.true()]
