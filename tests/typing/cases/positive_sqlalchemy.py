"""Columns and conditions are arguments of SQLAlchemy's own functions."""

from collections.abc import Sequence
from typing import Any, assert_type

import sqlalchemy as sa
from models import Hero, Team
from sqlalchemy import ColumnElement, Row, Select

from andamios_orm import Database, Repository, Session
from andamios_orm.queries.expressions import Condition

# -- statements

assert_type(sa.select(Hero.id, Hero.name), Select[int, str])
assert_type(sa.select(Hero.age), Select[int | None])
assert_type(sa.select(Hero.name, Hero.age + 1), Select[str, int | None])
assert_type(sa.select(Hero.name, sa.func.count()), Select[str, int])
assert_type(sa.select(Hero.id).where(Hero.age > 3, Hero.active), Select[int])
assert_type(sa.select(Hero.id).where(sa.or_(Hero.age > 3, ~Hero.active)), Select[int])
assert_type(sa.select(Hero.id).where(sa.not_(Hero.age > 3)), Select[int])
assert_type(sa.select(Hero.id).order_by(Hero.age.desc(), Hero.name), Select[int])
assert_type(sa.select(Hero.id).group_by(Hero.id).having(sa.func.count() > 1), Select[int])
assert_type(
    sa.select(Hero.name, Team.name).join_from(
        Hero.__table__, Team.__table__, Hero.team_id == Team.id
    ),
    Select[str, str],
)
assert_type(Hero.__table__, sa.Table)
assert_type(Hero.metadata, sa.MetaData)

sa.update(Hero.__table__).where(Hero.id == 1).values({Hero.age: 3})
sa.delete(Hero.__table__).where(Hero.age.is_null())

# -- functions

assert_type(sa.select(sa.func.max(Hero.id)), Select[int])
assert_type(sa.select(sa.func.max(Hero.name)), Select[str])
assert_type(sa.select(sa.func.coalesce(Hero.id, 0)), Select[int])
assert_type(sa.label("years", Hero.id), sa.Label[int])
sa.cast(Hero.age, sa.String)
sa.case((Hero.age > 3, "old"), else_="young")
sa.func.row_number().over(partition_by=Hero.team_id, order_by=Hero.age.desc())

# -- SQLAlchemy's expressions beside our own

older: ColumnElement[bool] = sa.func.length(Hero.name) > 3
assert_type(Hero.age == sa.func.max(Hero.id), Condition)
assert_type((Hero.age > 3) & older, Condition)


async def run(db: Database, session: Session) -> None:
    heroes = Repository(Hero, db)
    assert_type(await heroes.where(older, sa.true()).all(), list[Hero])
    assert_type(await heroes.where(sa.exists().where(Team.id == Hero.team_id)).all(), list[Hero])
    assert_type(await heroes.where(sa.or_(Hero.age > 3, older)).all(), list[Hero])
    assert_type(await heroes.where(Hero.name == sa.func.lower(Hero.name)).all(), list[Hero])
    assert_type(await heroes.where(Hero.id == Team.__table__.c.id).all(), list[Hero])
    assert_type(await heroes.order_by(sa.func.lower(Hero.name).desc()).all(), list[Hero])

    assert_type(await db.execute(sa.select(Hero.id, Hero.name)), Sequence[Row[int, str]])
    rows = await session.execute(sa.select(Hero.age, sa.func.count()).group_by(Hero.age))
    assert_type(rows, Sequence[Row[int | None, int]])
    for age, count in rows:
        assert_type(age, int | None)
        assert_type(count, int)
    assert_type(rows[0][1], int)

    deleted = await db.execute(sa.delete(Hero.__table__).where(Hero.id == 1))
    assert_type(deleted, Sequence[Row[*tuple[Any, ...]]])
    assert_type(await session.execute(sa.text("VACUUM")), Sequence[Row[*tuple[Any, ...]]])
