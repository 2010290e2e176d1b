"""What no shape, selection or statement can mean."""

from collections.abc import Mapping

import sqlalchemy as sa
from models import Hero, Team
from pydantic import BaseModel

from andamios_orm import Database, From, Repository, Session


class Card(BaseModel):
    name: str


async def shaped(heroes: Repository[Hero]) -> None:
    heroes.into(str)  # E: into-scalar
    heroes.into(list[Card])  # E: into-list
    heroes.into(3)  # E: into-number
    heroes.into(Card(name="Ada"))  # E: into-instance
    heroes.into()  # E: into-nothing
    heroes.into(Card, computed={"name": "upper(name)"})  # E: computed-text
    heroes.into(Card, computed={Hero.name: Hero.name})  # E: computed-by-column
    heroes.into(Card, {"name": Hero.name})  # E: computed-by-place
    cards: list[Hero] = await heroes.into(Card).all()  # E: shape-taken-for-model
    one: Card = await heroes.into(Card).first()  # E: first-of-shape-may-be-none
    heroes.into(Card).where(True)  # E: shaped-condition
    heroes.into(Card).update(Hero.age.set(1))  # E: update-of-shape
    (await heroes.into(Card).one()).age  # E: attribute-outside-shape
    print(cards, one)


From("name")  # E: from-text
From(Hero)  # E: from-class
From()  # E: from-nothing


async def selected(heroes: Repository[Hero]) -> None:
    await heroes.select()  # E: select-nothing
    await heroes.select("name")  # E: select-text
    await heroes.select(Hero)  # E: select-class
    names: list[int] = await heroes.select(Hero.name)  # E: select-of-wrong-type
    ages: list[int] = await heroes.select(Hero.age)  # E: select-may-be-none
    pairs: list[tuple[str, str]] = await heroes.select(Hero.name, Hero.age)  # E: select-wrong-pair
    print(names, ages, pairs)


async def raw(db: Database, session: Session, name: str, values: Mapping[str, object]) -> None:
    db.sql(f"SELECT name FROM hero WHERE name = '{name}'")  # E: sql-f-string
    session.sql("SELECT name FROM hero ORDER BY " + name)  # E: sql-concatenated
    db.sql(name, values)  # E: sql-of-any-text
    db.sql("SELECT :a", 3)  # E: sql-parameter-alone
    db.sql(sa.insert(Team))  # E: sql-insert
    db.sql("SELECT 1").into(int)  # E: sql-into-scalar
    rows = db.sql("SELECT 1").into(Card)
    wrong: list[Hero] = await rows.all()  # E: sql-taken-for-model
    print(wrong)
