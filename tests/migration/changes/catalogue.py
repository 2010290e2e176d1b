"""The schema changes that migrations are held against: each as models before and after.

A change is a function that declares tables in a MetaData, with `new` false and true. `rows` are
there before it; `kept` reads what must be the same after it, and after going back.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, Field, NaiveDatetime
from sqlalchemy.dialects import postgresql

from andamios_orm import Col, Model, field, generated
from andamios_orm.migration.diff import Answers, Rename

__all__ = ["CHANGES", "SchemaChange"]

ENGINES = ("duckdb", "sqlite", "postgresql", "mariadb")
Declare = Callable[[sa.MetaData, bool], object]


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """One change of a schema, and what is expected of it."""

    name: str
    declare: Declare
    alembic: str
    """What alembic's autogenerate makes of it on PostgreSQL, with every comparison switched on."""
    rows: tuple[str, ...]
    kept: str
    kept_after: str
    engines: tuple[str, ...]
    answers: Answers
    allow: tuple[str, ...]
    unchanged: tuple[str, ...]
    """Engines on which there is nothing to migrate."""
    back: bool = True
    """Whether going back gives all rows again."""
    asked: str | None = None
    """What is asked without the answers."""
    blocked: str | None = None
    """A part of what is said of the rows in the way, without the fills."""

    def metadata(self, *, new: bool) -> sa.MetaData:
        """Return the tables before the change, or after it."""
        metadata = sa.MetaData()
        self.declare(metadata, new)
        return metadata


CHANGES: list[SchemaChange] = []

HEROES = "INSERT INTO hero (id, name) VALUES (1, 'Ada'), (2, 'Grace')"
HEROES_KEPT = "SELECT id, name FROM hero ORDER BY id"
AGED = "INSERT INTO hero (id, name, age) VALUES (1, 'Ada', 36), (2, 'Grace', 85)"
AGED_KEPT = "SELECT id, name, age FROM hero ORDER BY id"


def change(
    name: str,
    *,
    alembic: str,
    rows: str | tuple[str, ...] = HEROES,
    kept: str = HEROES_KEPT,
    kept_after: str | None = None,
    engines: tuple[str, ...] = ENGINES,
    renames: tuple[str, ...] = (),
    dropped: tuple[str, ...] = (),
    fills: Mapping[str, str] | None = None,
    allow: tuple[str, ...] = (),
    unchanged: tuple[str, ...] = (),
    back: bool = True,
    asked: str | None = None,
    blocked: str | None = None,
) -> Callable[[Declare], Declare]:
    """Add a change to the catalogue."""

    def add(declare: Declare) -> Declare:
        CHANGES.append(
            SchemaChange(
                name=name,
                declare=declare,
                alembic=alembic,
                rows=(rows,) if isinstance(rows, str) else rows,
                kept=kept,
                kept_after=kept_after or kept,
                engines=engines,
                answers=Answers(
                    renames=frozenset(map(Rename.parse, renames)),
                    dropped=frozenset(dropped),
                    fills=fills or {},
                ),
                allow=allow,
                unchanged=unchanged,
                back=back,
                asked=asked,
                blocked=blocked,
            )
        )
        return declare

    return add


DETECTED = "made"
UNSEEN = "not seen"
DESTROYS = "destroys data"
FAILS = "fails"

# ---- tables --------------------------------------------------------------------------------------


@change("a table is added", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    if new:

        class Medal(Model, table=True, metadata=m):
            id: Col[int] = generated()
            hero_id: Col[int] = field(foreign_key=Hero.id, index=True)
            title: Col[str] = field(max_length=50, min_length=1)
            rank: Col[int] = field(ge=1, le=3, unique=True)

    return m


@change("a table is dropped", alembic=DESTROYS, allow=("medal",))
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    if not new:

        class Medal(Model, table=True, metadata=m):
            id: Col[int] = field(primary_key=True)
            hero_id: Col[int] = field(foreign_key=Hero.id)

    return m


@change(
    "a table with rows is dropped, and comes back",
    alembic=DESTROYS,
    rows=("INSERT INTO hero (id, name) VALUES (1, 'Ada')", "INSERT INTO medal VALUES (7, 'gold')"),
    kept="SELECT id, title FROM medal",
    kept_after=HEROES_KEPT.replace("hero ORDER", "hero WHERE id < 0 ORDER"),
    allow=("medal",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    if not new:

        class Medal(Model, table=True, metadata=m):
            id: Col[int] = field(primary_key=True)
            title: Col[str]

    return m


@change(
    "a table is renamed",
    alembic=DESTROYS,
    renames=("hero:person",),
    asked="hero:person",
    kept_after="SELECT id, name FROM person ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table="person" if new else "hero", metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(min_length=1, unique=True)

    return m


@change(
    "a table that others refer to is renamed",
    alembic=DESTROYS,
    rows=("INSERT INTO team VALUES (1, 'a')", "INSERT INTO hero VALUES (1, 'Ada', 1)"),
    kept="SELECT id, name, team_id FROM hero",
    renames=("team:crew",),
    asked="team:crew",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Team(Model, table="crew" if new else "team", metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        team_id: Col[int] = field(foreign_key=Team.id)

    return m


@change("tables that refer to each other are added", alembic=DETECTED, engines=ENGINES[1:])
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    if new:

        class City(Model, table=True, metadata=m):
            id: Col[int] = field(primary_key=True)
            mayor_id: Col[int | None] = field(default=None, foreign_key="mayor.id")

        class Mayor(Model, table=True, metadata=m):
            id: Col[int] = field(primary_key=True)
            city_id: Col[int] = field(foreign_key=City.id)

    return m


# ---- columns -------------------------------------------------------------------------------------


@change("an optional column is added", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            nickname: Col[str | None] = None

    return m


@change("an optional column with rules is added", alembic=f"{DETECTED}, CHECK {UNSEEN}")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int | None] = field(default=None, ge=0, le=200, index=True)

    return m


@change("a required column with a default of the database is added", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            level: Col[int] = field(default=1, server_default=1)

    return m


@change(
    "a required column without a default is added",
    alembic=FAILS,
    fills={"hero.email": "'nobody'"},
    blocked="hero.email",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            email: Col[str]

    return m


@change(
    "a required column is added to a table without rows",
    alembic=DETECTED,
    rows=(),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            email: Col[str]

    return m


@change(
    "a column is dropped",
    alembic=DESTROYS,
    rows=AGED,
    kept=AGED_KEPT,
    kept_after="SELECT id, name, 0 FROM hero WHERE id < 0",
    allow=("hero.age",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if not new:
            age: Col[int]

    return m


@change(
    "a column with an index and a rule is dropped",
    alembic=DESTROYS,
    rows=AGED,
    kept=AGED_KEPT,
    kept_after="SELECT id, name, 0 FROM hero WHERE id < 0",
    allow=("hero.age",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if not new:
            age: Col[int | None] = field(default=None, ge=0, index=True)

    return m


@change(
    "a foreign key column is dropped",
    alembic=DESTROYS,
    rows=("INSERT INTO team VALUES (1)", "INSERT INTO hero VALUES (1, 'Ada', 1)"),
    kept="SELECT id, name, team_id FROM hero",
    kept_after="SELECT id, name, 0 FROM hero WHERE id < 0",
    allow=("hero.team_id",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Team(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if not new:
            team_id: Col[int | None] = field(default=None, foreign_key=Team.id)

    return m


@change(
    "a column is renamed",
    alembic=DESTROYS,
    renames=("hero.name:full_name",),
    asked="hero.name:hero.full_name",
    kept_after="SELECT id, full_name FROM hero ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        if new:
            full_name: Col[str]
        else:
            name: Col[str]

    return m


@change(
    "a column is renamed, as its field declares",
    alembic=DESTROYS,
    kept_after="SELECT id, full_name FROM hero ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        if new:
            full_name: Col[str] = field(renamed_from="name")
        else:
            name: Col[str]

    return m


@change(
    "a counted key and a value that the database makes are renamed, as their fields declare",
    alembic=DESTROYS,
    rows="INSERT INTO hero (name) VALUES ('Ada'), ('Grace')",
    kept="SELECT id, name, since FROM hero ORDER BY id",
    kept_after="SELECT hero_id, name, created_at FROM hero ORDER BY hero_id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        if new:
            hero_id: Col[int] = generated(renamed_from="id")
            created_at: Col[datetime] = generated(
                server_default=sa.func.now(), renamed_from="since"
            )
        else:
            id: Col[int] = generated()
            since: Col[datetime] = generated(server_default=sa.func.now())
        name: Col[str]

    return m


@change(
    "a column with rules, an index and a unique constraint is renamed",
    alembic=DESTROYS,
    renames=("hero.name:full_name",),
    kept_after="SELECT id, full_name FROM hero ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        __table_args__ = (
            (sa.UniqueConstraint("id", "full_name"),)
            if new
            else (sa.UniqueConstraint("id", "name"),)
        )
        id: Col[int] = field(primary_key=True)
        if new:
            full_name: Col[str] = field(index=True, min_length=2, max_length=30)
        else:
            name: Col[str] = field(index=True, min_length=2, max_length=30)

    return m


@change(
    "a column that another table refers to is renamed",
    alembic=DESTROYS,
    rows=("INSERT INTO team VALUES (1)", "INSERT INTO hero VALUES (1, 'Ada', 1)"),
    kept="SELECT id, name, team_id FROM hero",
    renames=("team.id:number",),
)
def _(m: sa.MetaData, new: bool) -> object:
    if new:

        class Team(Model, table=True, metadata=m):
            number: Col[int] = field(primary_key=True)
    else:

        class Team(Model, table=True, metadata=m):
            id: Col[int] = field(primary_key=True)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        team_id: Col[int] = field(foreign_key="team.number" if new else "team.id")

    return m


@change(
    "one column goes and another comes, of the same type",
    alembic=DETECTED,
    rows=AGED,
    kept=HEROES_KEPT,
    dropped=("hero.age",),
    allow=("hero.age",),
    asked="hero.age:hero.height",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            height: Col[int | None] = None
        else:
            age: Col[int | None] = None

    return m


@change("a column is made required", alembic=DETECTED, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int]
        else:
            age: Col[int | None] = None

    return m


@change(
    "a column is made required that some rows leave out",
    alembic=FAILS,
    fills={"hero.age": "0"},
    blocked="hero.age",
    rows="INSERT INTO hero (id, name, age) VALUES (1, 'Ada', 36), (2, 'Grace', NULL)",
    kept="SELECT id, name, coalesce(age, 0) FROM hero ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int]
        else:
            age: Col[int | None] = None

    return m


@change("a column is made optional", alembic=DETECTED, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int | None] = None
        else:
            age: Col[int]

    return m


@change("the order of the fields changes", alembic="nothing to do", unchanged=ENGINES)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        if new:
            age: Col[int | None] = None
        name: Col[str]
        if not new:
            age: Col[int | None] = None

    return m


# ---- types ---------------------------------------------------------------------------------------


@change("a text may be longer", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50 if new else 20)

    return m


@change("a text may be of any length", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        if new:
            name: Col[str]
        else:
            name: Col[str] = field(max_length=20)

    return m


@change("a text must be shorter", alembic=f"{DETECTED}, {FAILS} on long texts")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=10 if new else 50)

    return m


@change(
    "a whole number becomes a decimal",
    alembic=DETECTED,
    rows=AGED,
    kept=HEROES_KEPT,
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[Decimal] = field(max_digits=12, decimal_places=2)
        else:
            age: Col[int]

    return m


@change("a decimal has more digits", alembic=f"{DETECTED}, rewrites the table")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        pay: Col[Decimal | None] = field(
            default=None, max_digits=12 if new else 10, decimal_places=4 if new else 2
        )

    return m


@change(
    "a text becomes a whole number",
    alembic=FAILS,
    rows="INSERT INTO hero (id, name, age) VALUES (1, 'Ada', '36'), (2, 'Grace', '85')",
    kept="SELECT id, name FROM hero WHERE age IS NOT NULL ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int]
        else:
            age: Col[str]

    return m


@change("a whole number becomes a text", alembic=DETECTED, rows=AGED, kept=HEROES_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[str]
        else:
            age: Col[int]

    return m


@change("a whole number becomes a float", alembic=DETECTED, rows=AGED, kept=HEROES_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[float]
        else:
            age: Col[int]

    return m


@change(
    "a small whole number becomes a large one",
    alembic=f"{DETECTED}, rewrites the table",
    rows=AGED,
    kept=AGED_KEPT,
    unchanged=("sqlite",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            age: Col[int]
        else:
            age: Col[int] = field(column_type=sa.Integer())

    return m


@change(
    "a key becomes a large whole number",
    alembic=f"{DETECTED}, rewrites the table",
    rows=("INSERT INTO team VALUES (1)", "INSERT INTO hero VALUES (1, 'Ada', 1)"),
    kept="SELECT id, name, team_id FROM hero",
    unchanged=("sqlite",),
    engines=("duckdb", "sqlite", "postgresql"),
)
def _(m: sa.MetaData, new: bool) -> object:
    number: Any = {} if new else {"column_type": sa.Integer()}

    class Team(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True, **number)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True, **number)
        name: Col[str]
        team_id: Col[int] = field(foreign_key=Team.id, index=True, **number)

    return m


@change(
    "a wall clock becomes an instant, in UTC",
    alembic=f"{DETECTED}, in whatever zone the session has",
    rows="INSERT INTO hero (id, name) VALUES (1, 'Ada')",
    unchanged=("mariadb",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            seen: Col[AwareDatetime | None] = None
        else:
            seen: Col[NaiveDatetime | None] = None

    return m


@change(
    "a text becomes JSON",
    alembic=FAILS,
    rows="INSERT INTO hero (id, name, extra) VALUES (1, 'Ada', '{\"a\": 1}')",
    kept="SELECT id, name FROM hero WHERE extra IS NOT NULL",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            extra: Col[dict[str, int]]
        else:
            extra: Col[str]

    return m


@change("what a JSON column holds changes", alembic="nothing to do", unchanged=ENGINES)
def _(m: sa.MetaData, new: bool) -> object:
    class Extra(BaseModel):
        a: int
        if new:
            b: int = 0

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        extra: Col[Extra | None] = None

    return m


@change(
    "a collation changes",
    alembic=UNSEEN,
    engines=ENGINES,
)
def _(m: sa.MetaData, new: bool) -> object:
    collations = {
        "duckdb": "nocase",
        "postgresql": "C",
        "sqlite": "NOCASE",
        "mariadb": "utf8mb4_unicode_ci",
    }
    text = sa.Text()
    for engine, collation in collations.items():
        text = text.with_variant(sa.Text(collation=collation), engine)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        motto: Col[str | None] = field(default=None, column_type=text if new else sa.Text())

    return m


# ---- defaults, comments, generated values --------------------------------------------------------


@change("a default of the database is added", alembic=DETECTED, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Col[int] = field(server_default=18 if new else None)

    return m


@change("a default of the database changes", alembic=DETECTED, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Col[int] = field(server_default=21 if new else 18)

    return m


@change("a default of the database is removed", alembic=DETECTED, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(server_default="it's :me, 50%" if not new else None)
        age: Col[int]

    return m


@change("a column has a comment", alembic=DETECTED, unchanged=("sqlite",))
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(comment="what 'she' is :called, 100%" if new else None)

    return m


@change("a table has a comment", alembic=DETECTED, unchanged=("sqlite",))
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        __table_args__ = ({"comment": "who helps"},) if new else ()
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    return m


@change("a key is counted by the database", alembic=f"{DETECTED}, counting from 1 again")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        if new:
            id: Col[int] = generated()
        else:
            id: Col[int] = field(primary_key=True)
        name: Col[str]

    return m


@change("a key is not counted any more", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        if new:
            id: Col[int] = field(primary_key=True)
        else:
            id: Col[int] = generated()
        name: Col[str]

    return m


def _plain(m: sa.MetaData, *items: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        "hero",
        m,
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(50), nullable=False),
        *items,
    )


@change("a serial column becomes an identity", alembic=FAILS, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    made = (sa.Identity(),) if new else ()
    return sa.Table(
        "hero",
        m,
        sa.Column("id", sa.BigInteger(), *made, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
    )


@change("how an identity counts changes", alembic=FAILS, engines=("duckdb", "postgresql"))
def _(m: sa.MetaData, new: bool) -> object:
    return sa.Table(
        "hero",
        m,
        sa.Column("id", sa.BigInteger(), sa.Identity(increment=10 if new else 1), primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
    )


@change("a computed column is added", alembic=f"{DETECTED}, rewrites the table")
def _(m: sa.MetaData, new: bool) -> object:
    stored = None
    return _plain(
        m,
        *(
            [sa.Column("shout", sa.String(50), sa.Computed("upper(name)", persisted=stored))]
            if new
            else []
        ),
    )


@change("the expression of a computed column changes", alembic=UNSEEN)
def _(m: sa.MetaData, new: bool) -> object:
    how = "lower(name)" if new else "upper(name)"
    return _plain(m, sa.Column("shout", sa.String(50), sa.Computed(how)))


@change("a computed column goes", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    column = sa.Column("shout", sa.String(50), sa.Computed("upper(name)"))
    return _plain(m, *([] if new else [column]))


@change("a sequence is added", alembic=UNSEEN, engines=("postgresql", "duckdb"))
def _(m: sa.MetaData, new: bool) -> object:
    if new:
        sa.Sequence("ticket", metadata=m, start=100)
    return _plain(m)


# ---- enums ---------------------------------------------------------------------------------------


@change("a value is added to an enum", alembic=UNSEEN)
def _(m: sa.MetaData, new: bool) -> object:
    if new:

        class Color(enum.Enum):
            RED = "red"
            BLUE = "blue"
            GREEN = "green"
    else:

        class Color(enum.Enum):
            RED = "red"
            BLUE = "blue"

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        color: Col[Color | None] = None

    return m


@change(
    "a value is removed from an enum",
    alembic=UNSEEN,
    rows="INSERT INTO hero (id, name, color) VALUES (1, 'Ada', 'red')",
    kept="SELECT id, name, color FROM hero",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            color: Col[Literal["red"]]
        else:
            color: Col[Literal["red", "blue"]]

    return m


def _colored(m: sa.MetaData, *labels: str, column: bool = True) -> sa.Table:
    kind = postgresql.ENUM(*labels, name="color", metadata=m)
    return _plain(m, *([sa.Column("color", kind)] if column else []))


@change(
    "a label is added to an enum type",
    alembic=UNSEEN,
    engines=("postgresql",),
    rows="INSERT INTO hero VALUES (1, 'Ada', 'red')",
    kept="SELECT id, name, color FROM hero",
)
def _(m: sa.MetaData, new: bool) -> object:
    return _colored(m, "red", *(["green"] if new else []), "blue")


@change(
    "a label of an enum type is renamed",
    alembic=UNSEEN,
    engines=("postgresql",),
    rows="INSERT INTO hero VALUES (1, 'Ada', 'red')",
    kept="SELECT id, name FROM hero",
    kept_after="SELECT id, name FROM hero WHERE color = 'crimson'",
    renames=("color.red:crimson",),
    asked="color.red:color.crimson",
)
def _(m: sa.MetaData, new: bool) -> object:
    return _colored(m, "crimson" if new else "red", "blue")


@change(
    "a label is removed from an enum type",
    alembic=UNSEEN,
    engines=("postgresql",),
    rows="INSERT INTO hero VALUES (1, 'Ada', 'red')",
    kept="SELECT id, name, color FROM hero",
    allow=("color.blue",),
)
def _(m: sa.MetaData, new: bool) -> object:
    return _colored(m, "red", *([] if new else ["blue"]))


@change("a column of a new enum type is added", alembic=FAILS, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    return _colored(m, "red", "blue") if new else _plain(m)


@change(
    "the last column of an enum type goes",
    alembic="leaves the type behind",
    engines=("postgresql",),
    allow=("hero.color",),
)
def _(m: sa.MetaData, new: bool) -> object:
    return _plain(m) if new else _colored(m, "red", "blue")


# ---- indexes -------------------------------------------------------------------------------------


def _indexed(m: sa.MetaData, *indexes: sa.schema.SchemaItem) -> object:
    class Hero(Model, table=True, metadata=m):
        __table_args__ = indexes
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50)
        age: Col[int | None] = None

    return m


@change("an index is added", alembic=f"{DETECTED}, blocks writers")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50, index=new)

    return m


@change("an index goes", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50, index=not new)

    return m


@change("an index is renamed", alembic="dropped and created")
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_other" if new else "ix_some", "name"))


@change("an index becomes unique", alembic="dropped and created")
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_some", "name", unique=new))


@change("an index has its columns in another order", alembic="dropped and created")
def _(m: sa.MetaData, new: bool) -> object:
    columns = ["age", "name"] if new else ["name", "age"]
    return _indexed(m, sa.Index("ix_some", *columns))


@change(
    "an index goes downwards",
    alembic="dropped and created, on SQLite not seen",
    unchanged=("duckdb",),
    engines=("duckdb", "sqlite", "postgresql"),
)
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_some", sa.text("age DESC") if new else "age"))


@change(
    "an index is over another expression",
    alembic="dropped and created, on SQLite not seen",
    engines=("duckdb", "sqlite", "postgresql"),
)
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_some", sa.text("lower(name)" if new else "upper(name)")))


@change(
    "a rule is added to a table with an index over an expression",
    alembic=UNSEEN,
    engines=("duckdb", "sqlite", "postgresql"),
)
def _(m: sa.MetaData, new: bool) -> object:
    rule = [sa.CheckConstraint("age > 0", name="grown")] if new else []
    return _indexed(m, sa.Index("ix_some", sa.text("lower(name)"), unique=True), *rule)


@change("a partial index has another condition", alembic=UNSEEN, engines=("sqlite", "postgresql"))
def _(m: sa.MetaData, new: bool) -> object:
    where = sa.text("age > 18" if new else "age > 21")
    return _indexed(m, sa.Index("ix_some", "name", sqlite_where=where, postgresql_where=where))


@change("an index has another method", alembic=UNSEEN, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_some", "name", postgresql_using="hash" if new else "btree"))


@change("an index holds another column too", alembic=UNSEEN, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.Index("ix_some", "name", postgresql_include=["age"] if new else []))


@change("an index has another class of operators", alembic=UNSEEN, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    operators = {"name": "varchar_pattern_ops"} if new else {}
    return _indexed(m, sa.Index("ix_some", "name", postgresql_ops=operators))


# ---- constraints ---------------------------------------------------------------------------------


@change("a column becomes unique", alembic=f"{DETECTED}, blocks writers")
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50, unique=new)

    return m


@change("a column need not be unique any more", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=50, unique=not new)

    return m


@change("a unique constraint is over more columns", alembic="dropped and created")
def _(m: sa.MetaData, new: bool) -> object:
    columns = ["name", "age"] if new else ["name"]
    return _indexed(m, sa.UniqueConstraint(*columns, name="uq_some"))


@change("a unique constraint is renamed", alembic="dropped and created", unchanged=("duckdb",))
def _(m: sa.MetaData, new: bool) -> object:
    return _indexed(m, sa.UniqueConstraint("name", name="uq_other" if new else "uq_some"))


@change(
    "NULL is unique too",
    alembic=DETECTED,
    engines=("postgresql",),
    rows="INSERT INTO hero (id, name) VALUES (1, 'Ada')",
)
def _(m: sa.MetaData, new: bool) -> object:
    unique = sa.UniqueConstraint("age", name="uq_some", postgresql_nulls_not_distinct=new)
    return _indexed(m, unique)


@change("a rule is added", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Annotated[Col[int], Field(ge=0 if new else None)]

    return m


@change("a rule goes", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Annotated[Col[int], Field(ge=None if new else 0)]

    return m


@change("a rule says something else", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Col[int] = field(ge=18 if new else 0)

    return m


@change("a rule of the user's own says something else", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    condition = "age >= 18 AND name <> 'x:y 5%'" if new else "age >= 18"
    return _indexed(m, sa.CheckConstraint(condition, name="grown_up"))


TEAMS = ("INSERT INTO team VALUES (1)", "INSERT INTO hero VALUES (1, 'Ada', 1)")
TEAMS_KEPT = "SELECT id, name, team_id FROM hero"


def _teams(m: sa.MetaData, **key: Any) -> object:
    class Team(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        team_id: Col[int | None] = field(default=None, **key)

    return m


@change(
    "a foreign key is added", alembic=f"{DETECTED}, blocks writers", rows=TEAMS, kept=TEAMS_KEPT
)
def _(m: sa.MetaData, new: bool) -> object:
    return _teams(m, foreign_key="team.id" if new else None)


@change("a foreign key goes", alembic=DETECTED, rows=TEAMS, kept=TEAMS_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    return _teams(m, foreign_key=None if new else "team.id")


@change(
    "what is done to a row whose target goes changes",
    alembic=DETECTED,
    rows=TEAMS,
    kept=TEAMS_KEPT,
    engines=("sqlite", "postgresql", "mariadb"),
)
def _(m: sa.MetaData, new: bool) -> object:
    return _teams(m, foreign_key="team.id", on_delete="SET NULL" if new else "CASCADE")


@change(
    "a foreign key is checked at the commit",
    alembic=DETECTED,
    rows=TEAMS,
    kept=TEAMS_KEPT,
    engines=("sqlite", "postgresql"),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Team(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)

    class Hero(Model, table=True, metadata=m):
        __table_args__ = (
            sa.ForeignKeyConstraint(
                ["team_id"],
                ["team.id"],
                name="fk_team",
                deferrable=new or None,
                initially="DEFERRED" if new else None,
            ),
        )
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        team_id: Col[int]

    return m


@change("a table refers to itself", alembic=DETECTED)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        if new:
            boss_id: Col[int | None] = field(default=None, foreign_key="hero.id")

    return m


@change("the primary key has a second column", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str]
        age: Col[int] = field(primary_key=new)

    return m


@change("the primary key is another column", alembic=UNSEEN, rows=AGED, kept=AGED_KEPT)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=not new)
        name: Col[str]
        age: Col[int] = field(primary_key=new)

    return m


@change("an exclusion constraint is added", alembic=UNSEEN, engines=("postgresql",))
def _(m: sa.MetaData, new: bool) -> object:
    exclude = postgresql.ExcludeConstraint((sa.column("name"), "="), name="one_name", using="btree")
    return _plain(m, *([exclude] if new else []))


@change(
    "a table moves to another schema",
    alembic=DESTROYS,
    engines=("postgresql",),
    renames=("hero:audit.hero",),
    asked="hero:audit.hero",
    kept_after="SELECT id, name FROM audit.hero ORDER BY id",
)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table="hero", metadata=m, schema="audit" if new else None):
        id: Col[int] = field(primary_key=True)
        name: Col[str]

    class Other(Model, table=True, metadata=m, schema="audit"):
        id: Col[int] = field(primary_key=True)

    return m


# ---- several at once -----------------------------------------------------------------------------


@change(
    "much changes at once",
    alembic=f"{DESTROYS}, {FAILS}",
    rows=(
        "INSERT INTO team VALUES (1, 'a')",
        "INSERT INTO hero (id, name, age, team_id) VALUES (1, 'Ada', 36, 1)",
    ),
    kept="SELECT id, name, team_id FROM hero",
    kept_after="SELECT id, full_name, team_id FROM hero",
    renames=("hero.name:full_name",),
    fills={"hero.email": "'nobody'"},
    allow=("hero.age",),
    dropped=("hero.age",),
)
def _(m: sa.MetaData, new: bool) -> object:
    class Team(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=20, unique=new)

    class Hero(Model, table=True, metadata=m):
        id: Col[int] = field(primary_key=True)
        if new:
            full_name: Col[str] = field(max_length=40, index=True)
            email: Col[str]
            born: Col[datetime | None] = None
        else:
            name: Col[str] = field(max_length=20)
            age: Col[int] = field(ge=0)
        team_id: Col[int] = field(foreign_key=Team.id, index=new)

    if new:

        class Medal(Model, table=True, metadata=m):
            id: Col[int] = generated()
            hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)

    return m


@change("nothing changes", alembic="nothing to do", unchanged=ENGINES)
def _(m: sa.MetaData, new: bool) -> object:
    class Hero(Model, table=True, metadata=m):
        id: Col[int] = generated()
        name: Col[str] = field(max_length=50, min_length=1, index=True)
        pay: Col[Decimal | None] = field(default=None, max_digits=10, decimal_places=2, ge=0)
        tags: Col[list[str]] = field(default_factory=list, server_default="[]")
        born: Col[datetime | None] = field(default=None, server_default=sa.func.now())
        boss_id: Col[int | None] = field(default=None, foreign_key="hero.id")

    return m
