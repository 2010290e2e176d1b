"""How columns look on MySQL and MariaDB, where an index holds 3,072 bytes."""

import re
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.schema import CreateTable

from andamios_orm import Col, Model, field, generated


class Base(Model, metadata=sa.MetaData()):
    pass


class Alone(Base, table=True):
    name: Col[str] = field(primary_key=True)
    note: Col[str]
    data: Col[bytes] = field(unique=True)


class Together(Base, table=True):
    one: Col[str] = field(primary_key=True)
    two: Col[str] = field(primary_key=True)
    three: Col[int] = field(primary_key=True)


class Declared(Base, table=True):
    id: Col[UUID] = field(primary_key=True)
    short: Col[str] = field(max_length=768)
    long: Col[str] = field(max_length=769)
    bytes_: Col[bytes] = field(max_length=3072, column="bytes")
    referred: Col[str] = field(foreign_key=Alone.name)


def dialect(*, mariadb: bool) -> MySQLDialect:
    return MySQLDialect(is_mariadb=mariadb)


def column(model: type[Model], name: str, *, mariadb: bool = True) -> str:
    ddl = str(CreateTable(model.__table__).compile(dialect=dialect(mariadb=mariadb)))
    [line] = [line for line in ddl.splitlines() if line.strip().split(" ")[0].strip("`") == name]
    return line.strip(" \t,")


@pytest.mark.parametrize(
    ("model", "name", "kept"),
    [
        (Alone, "name", "VARCHAR(768)"),
        (Alone, "note", "LONGTEXT"),
        (Alone, "data", "VARBINARY(3072)"),
        (Together, "one", "VARCHAR(380)"),  # (3072 - 32) / 2 / 4
        (Together, "two", "VARCHAR(380)"),
        (Declared, "id", "BINARY(16)"),
        (Declared, "short", "VARCHAR(768)"),
        (Declared, "long", "LONGTEXT"),
        (Declared, "bytes", "VARBINARY(3072)"),
        (Declared, "referred", "VARCHAR(768)"),
    ],
)
def test_text_of_an_index_has_the_length_that_fits(
    model: type[Model], name: str, kept: str
) -> None:
    assert f"{kept} " in column(model, name)


@pytest.mark.parametrize(
    ("mariadb", "collation"), [(True, "utf8mb4_nopad_bin"), (False, "utf8mb4_0900_bin")]
)
def test_text_is_compared_exactly(mariadb: bool, collation: str) -> None:
    assert f"CHARACTER SET utf8mb4 COLLATE {collation}" in column(Alone, "name", mariadb=mariadb)


class Referring(Base, table=True):
    id: Col[int] = field(primary_key=True)
    short: Col[str] = field(index=True, max_length=768)
    long: Col[str] = field(max_length=769)
    kept: Col[int | None] = field(foreign_key="referring.id", ge=1, default=None)
    gone: Col[int | None] = field(
        foreign_key="referring.id", ge=1, on_delete="CASCADE", default=None
    )
    cleared: Col[int | None] = field(
        foreign_key="referring.id", ge=1, on_delete="SET NULL", default=None
    )
    since: Col[date] = field(server_default=sa.text("'2020-01-02'"))


def test_a_check_is_left_out_where_a_key_sets_the_column_or_the_type_says_it() -> None:
    ddl = str(CreateTable(Referring.__table__).compile(dialect=dialect(mariadb=True)))
    checks = re.findall(r"CONSTRAINT ck_referring_(\w+) CHECK", ddl)

    assert checks == ["long_max_length", "kept_ge", "gone_ge"]


def test_a_date_may_have_any_default() -> None:
    assert "DEFAULT '2020-01-02'" in column(Referring, "since")


def test_bytes_in_a_statement_are_hexadecimal() -> None:
    statement = sa.select(Declared.short).where(Declared.id == UUID(int=255))

    text = str(
        statement.compile(dialect=dialect(mariadb=True), compile_kwargs={"literal_binds": True})
    )

    assert "X'000000000000000000000000000000ff'" in text


def test_a_declared_length_is_kept_where_an_index_is_too_small_for_it() -> None:
    class Big(Base, table=True):
        id: Col[int] = generated()
        name: Col[str] = field(unique=True, max_length=1000)

    assert "VARCHAR(1000)" in column(Big, "name")
