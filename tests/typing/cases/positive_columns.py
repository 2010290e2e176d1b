"""What `Hero.age` is, on the class and on an instance, and what each operator gives."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_type
from uuid import UUID

import sqlalchemy as sa
from models import Email, Hero, Power, Rank, Team

from andamios_orm.queries.expressions import Assignment, Attr, Condition, Expr, Order

# -- a column on the class, a value on the instance

assert_type(Hero.id, Attr[int])
assert_type(Hero.name, Attr[str])
assert_type(Hero.age, Attr[int | None])
assert_type(Hero.fee, Attr[Decimal])
assert_type(Hero.rank, Attr[Rank])
assert_type(Hero.kind, Attr[Literal["human", "robot"]])
assert_type(Hero.powers, Attr[list[Power]])
assert_type(Hero.email, Attr[Email | None])
assert_type(Hero.name.name, str)
assert_type(Hero.age.column, sa.Column[int | None])


def values(hero: Hero) -> None:
    assert_type(hero.id, int)
    assert_type(hero.name, str)
    assert_type(hero.age, int | None)
    assert_type(hero.powers[0].level, int)
    assert_type(hero.joined, datetime)
    assert_type(hero.plain, str)
    hero.age = None
    hero.name = "Ada"


# -- comparing

assert_type(Hero.name == "Ada", Condition)
assert_type(Hero.name != "Ada", Condition)
assert_type(Hero.age == 3, Condition)
assert_type(Hero.age == None, Condition)  # noqa: E711
assert_type(Hero.name != None, Condition)  # noqa: E711
assert_type(Hero.age < 3, Condition)
assert_type(Hero.age <= 3, Condition)
assert_type(Hero.age > 3, Condition)
assert_type(Hero.age >= 3, Condition)
assert_type(Hero.joined > datetime(2020, 1, 1), Condition)
assert_type(Hero.height > 2, Condition)
assert_type(Hero.fee > 2, Condition)
assert_type(Hero.fee == 2, Condition)
assert_type(Hero.fee >= Decimal("2.5"), Condition)
assert_type(Hero.fee > Hero.id, Condition)
assert_type(Hero.age < Hero.fee, Condition)
assert_type(Hero.rank == Rank.VETERAN, Condition)
assert_type(Hero.kind == "robot", Condition)
assert_type(Hero.email == Email("a@example.org"), Condition)
assert_type(Hero.active == True, Condition)  # noqa: E712
assert_type(Hero.token == UUID(int=1), Condition)
assert_type(Hero.nickname == Hero.name, Condition)
assert_type(Hero.name == Hero.nickname, Condition)

# A nullable foreign key compares with its key, both ways round.
assert_type(Hero.team_id == Team.id, Condition)
assert_type(Team.id == Hero.team_id, Condition)
assert_type(Hero.age > Team.id, Condition)
assert_type(Team.id <= Hero.age, Condition)

# -- lists, ranges, nulls

assert_type(Hero.name.in_(["Ada", "Bob"]), Condition)
assert_type(Hero.age.in_({1, 2, None}), Condition)
assert_type(Hero.age.in_([1, 2]), Condition)
assert_type(Hero.age.in_(range(3)), Condition)
assert_type(Hero.id.in_(n for n in (1, 2)), Condition)
assert_type(Hero.rank.not_in((Rank.ROOKIE,)), Condition)
assert_type(Hero.id.in_(sa.select(Team.id)), Condition)
assert_type(Hero.team_id.not_in(sa.select(Team.id)), Condition)
keys, references = sa.select(Team.id), sa.select(Hero.team_id)
assert_type(Hero.id.in_(keys), Condition)
assert_type(Hero.id.in_(references), Condition)
assert_type(Hero.team_id.in_(keys), Condition)
assert_type(Hero.team_id.in_(references), Condition)
assert_type(Hero.team_id.in_(sa.union(keys, sa.select(Hero.id))), Condition)
assert_type(Hero.age.between(3, 9), Condition)
assert_type(Hero.age.between(Hero.id, 9), Condition)
assert_type(Hero.age.is_null(), Condition)
assert_type(Hero.age.is_not_null(), Condition)

# -- text

assert_type(Hero.name.like("A%"), Condition)
assert_type(Hero.nickname.ilike("a%"), Condition)
assert_type(Hero.name.contains("d"), Condition)
assert_type(Hero.nickname.startswith("A"), Condition)
assert_type(Hero.name.endswith("a"), Condition)
assert_type(Hero.email.endswith("@example.org"), Condition)
assert_type(Hero.kind.like("h%"), Condition)

# -- combining

assert_type((Hero.age > 3) & (Hero.name == "Ada"), Condition)
assert_type((Hero.age > 3) | Hero.active, Condition)
assert_type(Hero.active & (Hero.age > 3), Condition)
assert_type(Hero.active | Hero.retired, Condition)
assert_type(Hero.retired & sa.true(), Condition)
assert_type(~Hero.active, Condition)
assert_type(~(Hero.age > 3), Condition)
assert_type((Hero.age > 3) & sa.true(), Condition)
assert_type((Hero.age > 3) | sa.func.coalesce(Hero.active, False), Condition)

# -- arithmetic

assert_type(Hero.id + 1, Expr[int])
assert_type(1 + Hero.id, Expr[int])
assert_type(Hero.id - Hero.id, Expr[int])
assert_type(9 - Hero.id, Expr[int])
assert_type(Hero.age * 2, Expr[int | None])
assert_type(2 * Hero.age, Expr[int | None])
assert_type(Hero.age + Hero.id, Expr[int | None])
assert_type(Hero.id + Hero.age, Expr[int | None])
assert_type(Hero.id % 2, Expr[int | None])
assert_type(-Hero.id, Expr[int])
assert_type(Hero.id / 2, Expr[float | None])
assert_type(100 / Hero.id, Expr[float | None])
assert_type(Hero.age / 2, Expr[float | None])
assert_type(Hero.id / Hero.age, Expr[float | None])
assert_type(100 / Hero.age, Expr[float | None])
assert_type(Hero.height * 2.5, Expr[float])
assert_type(Hero.height / 2, Expr[float | None])
assert_type(Hero.fee * Decimal("1.21"), Expr[Decimal])
assert_type(Hero.fee * 2, Expr[Decimal])
assert_type(2 * Hero.fee, Expr[Decimal])
assert_type(Hero.fee / 2, Expr[float | None])
assert_type(Hero.fee * Hero.id, Expr[Decimal])
assert_type(Hero.fee * Hero.age, Expr[Decimal | None])
assert_type(Hero.fee - Hero.fee, Expr[Decimal])
assert_type(Hero.height * Hero.id, Expr[float])
assert_type(Hero.name + "!", Expr[str])
assert_type("Dr. " + Hero.name, Expr[str])
assert_type(Hero.name + Hero.nickname, Expr[str | None])
assert_type((Hero.age + 1) * 2 > 10, Condition)
assert_type((Hero.name + "!").startswith("A"), Condition)

# -- sorting and setting

assert_type(Hero.age.asc(), Order)
assert_type(Hero.age.desc(), Order)
assert_type((Hero.age + 1).desc(), Order)
assert_type(Hero.age.desc().nulls_last(), Order)
assert_type(Hero.age.asc().nulls_first(), Order)
assert_type(Hero.age.set(3), Assignment)
assert_type(Hero.age.set(None), Assignment)
assert_type(Hero.age.set(Hero.age + 1), Assignment)
assert_type(Hero.age.set(Hero.id), Assignment)
assert_type(Hero.name.set(sa.func.lower(Hero.name)), Assignment)
assert_type(Hero.fee.set(3), Assignment)
assert_type(Hero.powers.set([Power(name="foresight")]), Assignment)
assert_type(Hero.age.set(3).attr, Attr[Any])

# A column can be the key of a dict.
labels: dict[Attr[str], str] = {Hero.name: "Name"}
