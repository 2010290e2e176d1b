"""The statements of one model, as each engine is told them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite

from andamios_orm import Col, Model, SoftDelete, Versioned, field, generated
from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.errors import NotSupported
from andamios_orm.queries import to_sql
from andamios_orm.queries.conditions import as_condition
from andamios_orm.queries.keyset import Keyset
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.upserting import Conflict, insert_or
from andamios_orm.schema.compiler import spec_of

DIALECTS: Mapping[str, sa.Dialect] = {
    "sqlite": aiosqlite.dialect(),
    "duckdb": DuckDBDialect(),
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call] # SQLAlchemy leaves it so
    "mariadb": MySQLDialect(is_mariadb=True),
}


class Hero(Versioned, Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    fee: Col[Decimal] = field(max_digits=6, decimal_places=2)
    rank: Col[int | None] = field(default=None)


class Seat(SoftDelete, Model, table=True, metadata=sa.MetaData()):
    row: Col[int] = field(primary_key=True)
    letter: Col[str] = field(primary_key=True)
    free: Col[timedelta]


Loose: Any = Hero
HEROES = Selection(Hero)
NAME, FEE, RANK = (spec_of(Hero).by_name[name] for name in ("name", "fee", "rank"))
SEAT = spec_of(Seat).fields


def beyond(*place: object, by: Sequence[object]) -> Selection:
    return HEROES.where(Keyset.of(HEROES.order_by(*by), [Loose.id]).beyond(place))


def inserted(engine: str, *, into: sa.Insert | None = None) -> sa.Insert:
    return to_sql.insert(Hero, [NAME, FEE], engine, returning=False, into=into)


FORMS: dict[str, Callable[[str], sa.ClauseElement]] = {
    "select": lambda engine: to_sql.select(
        HEROES.where(Loose.rank >= 3).order_by(Loose.rank, Loose.name.desc()).limited(5), engine
    ),
    "select by the other place of nulls": lambda engine: to_sql.select(
        HEROES.order_by(Loose.rank.desc().nulls_last(), Loose.rank.asc().nulls_first()), engine
    ),
    "exists": lambda engine: to_sql.exists(HEROES.where(Loose.name.like("a%")), engine),
    "by key": lambda engine: to_sql.by_key(HEROES.where(Loose.name.ilike("a%")), engine),
    "page of keys": lambda engine: to_sql.key_page(
        Selection(Seat), [sa.literal_column("1")], engine, after=True
    ),
    "for arrow": lambda engine: sa.select(*to_sql.arrow_columns(Seat, SEAT, engine)[-1:]),
    "insert": lambda engine: inserted(engine),
    "insert of two": lambda engine: to_sql.bulk_insert(
        Hero, [NAME, FEE], 2, engine, returning=False
    ),
    "insert of arrays": lambda engine: to_sql.insert_arrays(
        Hero, [NAME, FEE, RANK], engine, returning=False
    ),
    "upsert": lambda engine: inserted(
        engine, into=insert_or(Hero, Conflict(("name",), ("fee",)), engine)
    ),
    "upsert of nothing": lambda engine: inserted(
        engine, into=insert_or(Hero, Conflict(("name",), ()), engine)
    ),
    "upsert of what is not deleted": lambda engine: to_sql.insert(
        Seat,
        SEAT[1:],
        engine,
        returning=False,
        into=insert_or(Seat, Conflict(("row", "letter"), ("free",)), engine),
    ),
    "update by key": lambda engine: to_sql.update_by_key(
        HEROES, [NAME], engine, versioned=True, returning=False
    ),
    "delete by key": lambda engine: to_sql.delete_by_key(HEROES, engine, versioned=True),
    "update": lambda engine: to_sql.update(
        HEROES.where(Loose.rank == 1), [Loose.fee.set(Loose.fee * 2)], engine
    ),
    "page": lambda engine: to_sql.select(
        beyond(1, "a", 2, by=[Loose.rank, Loose.name.desc()]), engine
    ),
    "page of two columns": lambda engine: to_sql.select(beyond("a", 2, by=[Loose.name]), engine),
    "page after null": lambda engine: to_sql.select(
        beyond(None, 2, by=[Loose.rank.desc()]), engine
    ),
}

EXPECTED: dict[str, dict[str, str]] = {
    "select": {
        "sqlite": (
            "SELECT ALL FROM hero WHERE hero.rank >= ? ORDER BY hero.rank ASC NULLS "
            "LAST, hero.name DESC LIMIT ? OFFSET ?"
        ),
        "duckdb": (
            "SELECT anon_1.version, anon_1.id, anon_1.name, CAST(anon_1.fee AS VARCHAR) AS anon_2,"
            " anon_1.rank FROM (SELECT hero.version AS version, hero.id AS id, hero.name AS name,"
            " hero.fee AS fee, hero.rank AS rank FROM hero WHERE hero.rank >= $1 ORDER BY"
            " hero.rank ASC NULLS LAST, hero.name DESC LIMIT $2) AS anon_1 ORDER BY anon_1.rank"
            " ASC NULLS LAST, anon_1.name DESC"
        ),
        "postgresql": (
            "SELECT ALL FROM hero WHERE hero.rank >= $1::BIGINT ORDER BY hero.rank "
            "ASC NULLS LAST, hero.name DESC LIMIT $2::BIGINT"
        ),
        "mariadb": (
            "SELECT ALL FROM hero WHERE hero.rank >= %s ORDER BY (hero.rank) IS NULL, "
            "hero.rank ASC, hero.name DESC LIMIT %s"
        ),
    },
    "select by the other place of nulls": {
        "sqlite": (
            "SELECT ALL FROM hero ORDER BY hero.rank DESC NULLS LAST, hero.rank ASC NULLS FIRST"
        ),
        "duckdb": (
            "SELECT ALL FROM hero ORDER BY hero.rank DESC NULLS LAST, hero.rank ASC NULLS FIRST"
        ),
        "postgresql": (
            "SELECT ALL FROM hero ORDER BY hero.rank DESC NULLS LAST, hero.rank ASC NULLS FIRST"
        ),
        "mariadb": (
            "SELECT ALL FROM hero ORDER BY (hero.rank) IS NULL, hero.rank DESC, "
            "(hero.rank) IS NOT NULL, hero.rank ASC"
        ),
    },
    "exists": {
        "sqlite": "SELECT 1 FROM hero WHERE (hero.name GLOB ?)",
        "duckdb": "SELECT 1 FROM hero WHERE (hero.name LIKE $1 ESCAPE '\\')",
        "postgresql": "SELECT 1 FROM hero WHERE (hero.name LIKE $1::VARCHAR)",
        "mariadb": (
            "SELECT 1 FROM hero WHERE (hero.name LIKE %s"
            " OR COLLATION(hero.name) REGEXP '^utf8mb4_([^gu]|german|unicode_[cn])'"
            " AND hero.name > %s COLLATE utf8mb4_nopad_bin"
            " AND hero.name < %s COLLATE utf8mb4_nopad_bin AND CONCAT(hero.name) LIKE %s)"
        ),
    },
    "by key": {
        "sqlite": (
            "SELECT ALL FROM hero WHERE hero.id = ? AND lower(hero.name) LIKE lower(?) ESCAPE '\\'"
        ),
        "duckdb": ("SELECT ALL FROM hero WHERE hero.id = $1 AND hero.name ILIKE $2 ESCAPE '\\'"),
        "postgresql": (
            "SELECT ALL FROM hero WHERE hero.id = $1::BIGINT AND hero.name ILIKE "
            "$2::VARCHAR ESCAPE '\\'"
        ),
        "mariadb": (
            "SELECT ALL FROM hero WHERE hero.id = %s AND lower(hero.name) LIKE "
            "lower(%s) ESCAPE '\\\\'"
        ),
    },
    "page of keys": {
        "sqlite": (
            'SELECT 1 FROM seat WHERE seat."row" >= ? AND (seat."row" > ? OR '
            'seat."row" = ? AND seat.letter > ?) ORDER BY seat."row", seat.letter '
            "LIMIT ? OFFSET ?"
        ),
        "duckdb": (
            "SELECT 1 FROM seat WHERE seat.row >= $1 AND (seat.row > $1 OR seat.row = "
            "$1 AND seat.letter > $2) ORDER BY seat.row, seat.letter LIMIT $3"
        ),
        "postgresql": (
            "SELECT 1 FROM seat WHERE seat.row >= $1::BIGINT AND (seat.row > "
            "$1::BIGINT OR seat.row = $1::BIGINT AND seat.letter > $2::VARCHAR) ORDER "
            "BY seat.row, seat.letter LIMIT $3::BIGINT"
        ),
        "mariadb": (
            "SELECT 1 FROM seat WHERE seat.row >= %s AND (seat.row > %s OR seat.row = "
            "%s AND seat.letter > %s) ORDER BY seat.row, seat.letter LIMIT %s"
        ),
    },
    "for arrow": {
        "sqlite": "SELECT seat.free FROM seat",
        "duckdb": (
            "SELECT CASE WHEN (seat.free IS NOT NULL) THEN "
            "coalesce(try(epoch_us(seat.free)), CAST('-9223372036854775808' AS "
            "BIGINT)) END AS free FROM seat"
        ),
        "postgresql": "SELECT seat.free FROM seat",
        "mariadb": "SELECT seat.free FROM seat",
    },
    "insert": {
        "sqlite": "INSERT INTO hero (name, fee) VALUES (?, ?)",
        "duckdb": "INSERT INTO hero (name, fee) VALUES ($1, $2)",
        "postgresql": "INSERT INTO hero (name, fee) VALUES ($1::VARCHAR, $2::NUMERIC(6, 2))",
        "mariadb": "INSERT INTO hero (name, fee) VALUES (%s, %s)",
    },
    "insert of two": {
        "sqlite": "INSERT INTO hero (name, fee) VALUES (?, ?), (?, ?)",
        "duckdb": "INSERT INTO hero (name, fee) VALUES ($1, $2), ($3, $4)",
        "postgresql": (
            "INSERT INTO hero (name, fee) VALUES ($1::VARCHAR, $2::NUMERIC(6, 2)), "
            "($3::VARCHAR, $4::NUMERIC(6, 2))"
        ),
        "mariadb": "INSERT INTO hero (name, fee) VALUES (%s, %s), (%s, %s)",
    },
    "insert of arrays": {
        "duckdb": (
            "INSERT INTO hero (name, fee, rank) SELECT "
            "CAST(unnest(from_json_strict($1, '[\"VARCHAR\"]')) AS VARCHAR) AS "
            "unnest_1, CAST(unnest(from_json_strict($2, '[\"VARCHAR\"]')) AS DECIMAL(6, "
            "2)) AS unnest_2, CAST(unnest(from_json_strict($3, '[\"BIGINT\"]')) AS "
            "BIGINT) AS unnest_3"
        ),
        "postgresql": (
            "INSERT INTO hero (name, fee, rank) SELECT anon_1.c0, anon_1.c1, "
            "anon_1.c2 FROM unnest(CAST($1 AS VARCHAR(20)[]), CAST($2 AS NUMERIC(6, "
            "2)[]), CAST($3 AS BIGINT[])) WITH ORDINALITY AS anon_1(c0, c1, c2, "
            "place) ORDER BY anon_1.place"
        ),
    },
    "upsert": {
        "sqlite": (
            "INSERT INTO hero (name, fee) VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
            "SET version = (hero.version + 1), fee = excluded.fee"
        ),
        "duckdb": (
            "INSERT INTO hero (name, fee) VALUES ($1, $2) ON CONFLICT (name) DO "
            "UPDATE SET version = (hero.version + 1), fee = excluded.fee"
        ),
        "postgresql": (
            "INSERT INTO hero (name, fee) VALUES ($1::VARCHAR, $2::NUMERIC(6, 2)) ON "
            "CONFLICT (name) DO UPDATE SET version = (hero.version + 1), fee = "
            "excluded.fee"
        ),
        "mariadb": (
            "INSERT INTO hero (name, fee) VALUES (%s, %s) ON DUPLICATE KEY UPDATE "
            "version = (hero.version + 1), fee = VALUES(fee)"
        ),
    },
    "upsert of nothing": {
        "sqlite": "INSERT INTO hero (name, fee) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        "duckdb": ("INSERT INTO hero (name, fee) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"),
        "postgresql": (
            "INSERT INTO hero (name, fee) VALUES ($1::VARCHAR, $2::NUMERIC(6, 2)) ON "
            "CONFLICT (name) DO NOTHING"
        ),
        "mariadb": (
            "INSERT INTO hero (name, fee) VALUES (%s, %s) ON DUPLICATE KEY UPDATE id = hero.id"
        ),
    },
    "upsert of what is not deleted": {
        "sqlite": (
            'INSERT INTO seat ("row", letter, free) VALUES (?, ?, ?) ON CONFLICT '
            '("row", letter) DO UPDATE SET free = excluded.free WHERE seat.deleted_at '
            "IS NULL"
        ),
        "duckdb": (
            "INSERT INTO seat (row, letter, free) VALUES ($1, $2, $3) ON CONFLICT "
            "(row, letter) DO UPDATE SET free = excluded.free WHERE seat.deleted_at "
            "IS NULL"
        ),
        "postgresql": (
            "INSERT INTO seat (row, letter, free) VALUES ($1::BIGINT, $2::VARCHAR, "
            "$3::INTERVAL) ON CONFLICT (row, letter) DO UPDATE SET free = "
            "excluded.free WHERE seat.deleted_at IS NULL"
        ),
        "mariadb": (
            "INSERT INTO seat (row, letter, free) VALUES (%s, %s, %s) ON DUPLICATE "
            "KEY UPDATE free = VALUES(free)"
        ),
    },
    "update by key": {
        "sqlite": (
            "UPDATE hero SET version=(hero.version + 1), name=? WHERE hero.id = ? AND "
            "hero.version = ?"
        ),
        "duckdb": (
            "UPDATE hero SET version=(hero.version + 1), name=$1 WHERE hero.id = $2 "
            "AND hero.version = $3"
        ),
        "postgresql": (
            "UPDATE hero SET version=(hero.version + 1), name=$1::VARCHAR WHERE "
            "hero.id = $2::BIGINT AND hero.version = $3::BIGINT"
        ),
        "mariadb": (
            "UPDATE hero SET version=(hero.version + 1), name=%s WHERE hero.id = %s "
            "AND hero.version = %s"
        ),
    },
    "delete by key": {
        "sqlite": "DELETE FROM hero WHERE hero.id = ? AND hero.version = ?",
        "duckdb": "DELETE FROM hero WHERE hero.id = $1 AND hero.version = $2",
        "postgresql": ("DELETE FROM hero WHERE hero.id = $1::BIGINT AND hero.version = $2::BIGINT"),
        "mariadb": "DELETE FROM hero WHERE hero.id = %s AND hero.version = %s",
    },
    "update": {
        "sqlite": (
            "UPDATE hero SET version=(hero.version + 1), fee=round(round(hero.fee * "
            "?, 2) * 1.0000000000000004, 2) WHERE hero.rank = ?"
        ),
        "duckdb": (
            "UPDATE hero SET version=(hero.version + 1), fee=(hero.fee * $1) WHERE hero.rank = $2"
        ),
        "postgresql": (
            "UPDATE hero SET version=(hero.version + 1), fee=(hero.fee * $1::NUMERIC) "
            "WHERE hero.rank = $2::BIGINT"
        ),
        "mariadb": (
            "UPDATE hero SET version=(hero.version + 1), fee=(hero.fee * %s) WHERE hero.rank = %s"
        ),
    },
    "page": {
        "sqlite": (
            "SELECT ALL FROM hero WHERE (hero.rank >= ? OR hero.rank IS NULL) AND "
            "(hero.rank > ? OR hero.rank IS NULL OR hero.rank = ? AND ((hero.name, "
            "hero.id) < (?, ?)))"
        ),
        "duckdb": (
            "SELECT ALL FROM hero WHERE (hero.rank >= $1 OR hero.rank IS NULL) AND "
            "(hero.rank > $1 OR hero.rank IS NULL OR hero.rank = $1 AND (hero.name <= "
            "$2 AND (hero.name < $2 OR hero.id < $3)))"
        ),
        "postgresql": (
            "SELECT ALL FROM hero WHERE (hero.rank >= $1::BIGINT OR hero.rank IS "
            "NULL) AND (hero.rank > $1::BIGINT OR hero.rank IS NULL OR hero.rank = "
            "$1::BIGINT AND ((hero.name, hero.id) < ($2::VARCHAR, $3::BIGINT)))"
        ),
        "mariadb": (
            "SELECT ALL FROM hero WHERE (hero.rank >= %s OR hero.rank IS NULL) AND "
            "(hero.rank > %s OR hero.rank IS NULL OR hero.rank = %s AND (hero.name <= "
            "%s AND (hero.name < %s OR hero.name = %s AND hero.id < %s)))"
        ),
    },
    "page of two columns": {
        "sqlite": "SELECT ALL FROM hero WHERE ((hero.name, hero.id) > (?, ?))",
        "duckdb": (
            "SELECT ALL FROM hero WHERE (hero.name >= $1 AND (hero.name > $1 OR hero.id > $2))"
        ),
        "postgresql": (
            "SELECT ALL FROM hero WHERE ((hero.name, hero.id) > ($1::VARCHAR, $2::BIGINT))"
        ),
        "mariadb": (
            "SELECT ALL FROM hero WHERE (hero.name >= %s AND (hero.name > %s OR "
            "hero.name = %s AND hero.id > %s))"
        ),
    },
    "page after null": {
        "sqlite": (
            "SELECT ALL FROM hero WHERE hero.rank IS NOT NULL OR hero.rank IS NULL AND hero.id < ?"
        ),
        "duckdb": (
            "SELECT ALL FROM hero WHERE hero.rank IS NOT NULL OR hero.rank IS NULL AND hero.id < $1"
        ),
        "postgresql": (
            "SELECT ALL FROM hero WHERE hero.rank IS NOT NULL OR hero.rank IS NULL "
            "AND hero.id < $1::BIGINT"
        ),
        "mariadb": (
            "SELECT ALL FROM hero WHERE hero.rank IS NOT NULL OR hero.rank IS NULL AND hero.id < %s"
        ),
    },
}


def text(statement: sa.ClauseElement, engine: str) -> str:
    found = " ".join(str(statement.compile(dialect=DIALECTS[engine])).split())
    for fee in ("hero.fee", "CAST(hero.fee AS VARCHAR) AS anon_1"):
        found = found.replace(f"hero.version, hero.id, hero.name, {fee}, hero.rank", "ALL")
    return found


@pytest.mark.parametrize(
    ("form", "engine", "expected"),
    [
        pytest.param(form, engine, text, id=f"{form}-{engine}")
        for form, engines in EXPECTED.items()
        for engine, text in engines.items()
    ],
)
def test_each_engine_is_told_in_its_own_words(form: str, engine: str, expected: str) -> None:
    assert text(FORMS[form](engine), engine) == expected


class Wide(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    fee: Col[Decimal] = field(max_digits=6, decimal_places=2)
    long: Col[Decimal] = field(max_digits=30, decimal_places=2)


@pytest.mark.parametrize(("to", "of"), [("long", "fee"), ("fee", "long")])
def test_a_number_that_sqlite_keeps_as_text_is_not_computed_with(to: str, of: str) -> None:
    columns: Any = Wide
    change = getattr(columns, to).set(getattr(columns, of))

    with pytest.raises(NotSupported, match=r"Wide\.long: SQLite has no number type"):
        to_sql.update(Selection(Wide), [change], "sqlite")
    assert "UPDATE wide" in text(to_sql.update(Selection(Wide), [change], "duckdb"), "duckdb")


def test_postgresql_takes_arrays_of_all_but_the_types_of_others() -> None:
    class Own(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        path: Col[str] = field(column_type=sa.String(5))

    for fields, taken in [([NAME, FEE], True), (spec_of(Own).fields, False)]:
        assert to_sql.takes_arrays(fields, "postgresql") is taken
        assert to_sql.takes_arrays(fields, "duckdb")


def test_mysql_is_asked_for_the_pattern_alone() -> None:
    statement = sa.select(sa.func.now()).where(Hero.name.startswith("A"))

    assert str(statement.compile(dialect=MySQLDialect())).endswith("WHERE (hero.name LIKE %s)")


@pytest.mark.parametrize(
    ("condition", "beforehand"),
    [
        (sa.text("rank > 3"), False),
        (sa.text("rank > (select min(rank) from hero)"), True),
        (sa.literal_column("rank > 3", sa.Boolean()), False),
        (sa.literal_column("EXISTS (SELECT 1 FROM hero)", sa.Boolean()), True),
        (Hero.rank > 3, False),
    ],
)
def test_sqlite_computes_beforehand_what_reads_the_table_itself(
    condition: Any, *, beforehand: bool
) -> None:
    selection = Selection(Hero, (as_condition(condition),))
    # A checker sees the public class of assignments.
    renamed: Any = Hero.name.set("Ada")

    for name, dialect in DIALECTS.items():
        found = str(to_sql.update(selection, [renamed], name).compile(dialect=dialect))
        assert (" AS one" in found) is (beforehand and name == "sqlite")
