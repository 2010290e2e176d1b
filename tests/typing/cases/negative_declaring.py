"""Classes and instances that are wrong."""

import sqlalchemy as sa
from models import Hero, Team

from andamios_orm import Col, Model, field, generated, register_type


class Wrong(Model, table=True):
    id: Col[int] = generated()
    bare: Col[int | None] = None  # E: default-without-field
    unknown: Col[int] = field(uniqe=True)  # E: unknown-parameter-of-field
    default: Col[int] = generated(default=3)  # E: default-of-generated
    positional: Col[int] = field(3)  # E: default-by-position
    action: Col[int] = field(foreign_key="Team.id", on_delete="DELETE")  # E: unknown-on-delete
    target: Col[int] = field(foreign_key=Team)  # E: foreign-key-to-class
    length: Col[str] = field(max_length="50")  # E: length-as-text


class Spelt(Model, tabel=True):  # E: misspelt-class-keyword
    id: Col[int] = generated()


class Numbered(Model, table=3):  # E: table-of-wrong-type
    id: Col[int] = generated()


class Bare(Model):
    name: Col[str]


Bare()  # E: missing-argument-of-bare-column
Hero()  # E: missing-argument
Hero("Ada")  # E: argument-by-position
Hero(name=3)  # E: argument-of-wrong-type
Hero(name=None)  # E: none-for-required
Hero(name="Ada", nmae="Ada")  # E: unknown-argument
Hero(name="Ada", id=3)  # E: argument-for-generated
Hero(name="Ada", kind="alien")  # E: not-of-the-literal


def instances(hero: Hero) -> None:
    hero.name = 3  # E: assign-wrong-type
    hero.name = None  # E: assign-none
    hero.nmae = "Ada"  # E: assign-unknown
    print(hero.nmae)  # E: unknown-attribute
    length: int = hero.name  # E: value-of-wrong-type
    years: int = hero.age  # E: none-not-considered
    print(hero.powers[0].nope, length, years)  # E: unknown-attribute-of-nested
    hero.name.like("A%")  # E: operator-of-instance


register_type(Hero, str)  # E: register-python-type
register_type("Era", sa.String())  # E: register-by-name
