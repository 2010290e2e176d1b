"""Conditions that no query can mean."""

from datetime import date

import sqlalchemy as sa
from models import Hero, Rank, Team

from andamios_orm import Repository


keys, references = sa.select(Team.id), sa.select(Hero.team_id)


async def conditions(heroes: Repository[Hero], hero: Hero) -> None:
    where = heroes.where

    # -- no condition at all
    where(True)  # E: true
    where("name = 'Ada'")  # E: text
    where(None)  # E: none
    where("a" == "b")  # E: two-values
    where(hero.active)  # E: value-of-instance
    where(hero.name == "Ada")  # E: comparison-of-instance
    where(Hero.name)  # E: text-column
    where(Hero.age)  # E: number-column
    where(Hero)  # E: class
    where(Hero.name.desc())  # E: order-as-condition
    where(Hero.name.set("Ada"))  # E: assignment-as-condition
    where(lambda h: h.age > 3)  # E: function
    where(name="Ada")  # E: keyword
    where([Hero.age > 3])  # E: list-of-conditions

    # -- another type
    where(Hero.name == 3)  # E: equal-wrong-type
    where(Hero.name != 3)  # E: unequal-wrong-type
    where(Hero.age == "3")  # E: equal-wrong-type-of-nullable
    where(3 == Hero.name)  # E: equal-wrong-type-reflected
    where(Hero.name == Hero.age)  # E: equal-wrong-column
    where(Hero.name == Team.id)  # E: equal-wrong-foreign-column
    where(Hero.rank == 1)  # E: equal-value-of-enum
    where(Hero.kind == "alien")  # E: equal-outside-literal
    where(Hero.joined == date(2020, 1, 1))  # E: equal-date-for-datetime
    where(Hero.fee == 1.5)  # E: equal-float-for-decimal
    where(Hero.powers == "x")  # E: equal-json
    where(Hero.age < "3")  # E: less-wrong-type
    where(Hero.name > 3)  # E: greater-wrong-type
    where(Hero.name <= Hero.age)  # E: less-wrong-column
    where("3" >= Hero.age)  # E: greater-wrong-type-reflected
    where(Hero.age < None)  # E: less-than-none
    where(Hero.name < None)  # E: less-than-none-of-required
    where(Hero.fee > 1.5)  # E: greater-float-than-decimal
    where(Hero.age.between("1", 3))  # E: between-wrong-type
    where(Hero.age.between(1))  # E: between-without-end
    where(Hero.name == sa.func.count())  # E: equal-wrong-function

    # -- lists
    where(Hero.name.in_([1, 2]))  # E: in-wrong-type
    where(Hero.age.in_(["1"]))  # E: in-wrong-type-of-nullable
    where(Hero.age.in_("12"))  # E: in-text
    where(Hero.age.in_(1, 2))  # E: in-arguments
    where(Hero.name.not_in([1]))  # E: not-in-wrong-type
    where(Hero.rank.in_([1]))  # E: in-value-of-enum
    where(Hero.name.in_(sa.select(Team.id)))  # E: in-wrong-select
    where(Hero.name.in_(keys))  # E: in-wrong-select-by-name
    where(Hero.nickname.in_(keys))  # E: in-wrong-select-of-nullable
    where(Hero.name.in_(references))  # E: in-wrong-nullable-select
    where(Hero.name in ["Ada"])  # E: python-in-list
    where("d" in Hero.name)  # E: python-in-column

    # -- text
    where(Hero.age.like("3%"))  # E: like-of-number
    where(Hero.age.ilike("3%"))  # E: ilike-of-number
    where(Hero.fee.startswith("3"))  # E: startswith-of-number
    where(Hero.rank.contains("R"))  # E: contains-of-enum
    where(Hero.token.endswith("3"))  # E: endswith-of-uuid
    where(Hero.name.like(3))  # E: like-wrong-type
    where(Hero.name.upper() == "ADA")  # E: method-of-value
    where(Hero.plain.like("A%"))  # E: operator-of-plain-annotation

    # -- names
    where(Hero.nmae == "Ada")  # E: unknown-column
    where(Hero.name.lke("A%"))  # E: unknown-operator
    where(Hero.name.is_(None))  # E: operator-of-sqlalchemy

    # -- arithmetic
    where(Hero.age + "1" > 3)  # E: add-wrong-type
    where(Hero.name + 1 == "Ada")  # E: add-number-to-text
    where(Hero.name - "a" == "Ada")  # E: subtract-text
    where(Hero.active * 2 > "x")  # E: compare-product
    where(Hero.joined + Hero.joined == Hero.joined)  # E: add-datetimes
    where(-Hero.name == "Ada")  # E: negate-text
    where(Hero.id + 1)  # E: arithmetic-as-condition

    # -- Python's own logic
    where(not Hero.active)  # E: not-column
    where(not (Hero.age > 3))  # E: not-condition
    where(Hero.age > 3 and Hero.name == "Ada")  # E: and
    where(Hero.age > 3 or Hero.name == "Ada")  # E: or
    where(18 < Hero.age < 65)  # E: chained-comparison
    where((Hero.age > 3) & True)  # E: and-true
    where((Hero.age > 3) | hero.active)  # E: or-value-of-instance
    where((Hero.age > 3) & Hero.name)  # E: and-text-column
    where(Hero.name & (Hero.age > 3))  # E: text-column-and
    where(~Hero.name)  # E: invert-text-column
    where((Hero.age > 3) + 1)  # E: add-to-condition
    where(all([Hero.age > 3, Hero.active]))  # E: all
    if Hero.age > 3:  # E: if
        print("always?")
    list(Hero.name)  # E: iterate
    Hero.age == "x"  # E: bare-comparison
    wrong: str = Hero.name == "Ada"  # E: condition-as-text
    print(wrong, Rank)
