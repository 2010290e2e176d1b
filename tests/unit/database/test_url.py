"""A database URL is read without the driver, and never shown."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mssql import pymssql

from andamios_orm import Database
from andamios_orm.database.url import backend_of, read_url
from andamios_orm.errors import InvalidURL, MissingDriver, NotSupported

SECRET = "secret-4711"


@pytest.mark.parametrize(
    ("text", "drivername"),
    [
        ("sqlite:///shop.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///shop.db", "sqlite+aiosqlite"),
        ("postgresql://ann@db/shop", "postgresql+asyncpg"),
        ("postgres://ann@db/shop", "postgresql+asyncpg"),
        ("postgresql+asyncpg://ann@db/shop", "postgresql+asyncpg"),
    ],
)
def test_the_driver_is_added(text: str, drivername: str) -> None:
    url, backend = read_url(text)

    assert url.drivername == drivername
    assert drivername == f"{backend.name}+{backend.driver}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"oracle://ann:{SECRET}@db/shop", "no backend for `oracle`"),
        (f"postgresql+psycopg://ann:{SECRET}@db/shop", "not by `psycopg`"),
        (f"postgresql//ann:{SECRET}@db/shop", "cannot be read"),
        (f"postgresql://ann:{SECRET}@db:port/shop", "cannot be read"),
        ("", "cannot be read"),
        (f"postgresql://ann:{SECRET}@db/shop?channel_binding={SECRET}", "`channel_binding`"),
    ],
)
def test_a_url_nobody_can_open_is_refused_without_being_shown(text: str, hint: str) -> None:
    with pytest.raises(InvalidURL, match=hint) as caught:
        Database(text)

    assert SECRET not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslmode=require", {"ssl": "require"}),
        ("ssl=disable&sslmode=require", {"ssl": "disable"}),
        ("timeout=3", {"timeout": "3"}),
    ],
)
def test_options_are_named_as_the_driver_names_them(query: str, expected: object) -> None:
    url, backend = read_url(f"postgresql://ann@db/shop?{query}")

    assert dict(backend.engine_options(url, 5).url.query) == expected


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("postgresql://db/shop", 'pip install "andamios-orm[postgresql]"'),
        ("sqlite://", "pip install aiosqlite"),
    ],
)
def test_a_missing_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, text: str, fix: str
) -> None:
    monkeypatch.setattr("andamios_orm.database.url.find_spec", lambda name: None)

    with pytest.raises(MissingDriver) as caught:
        Database(text)

    assert caught.value.fix == fix


def test_a_dialect_without_a_backend_is_not_supported() -> None:
    with pytest.raises(NotSupported, match="mssql"):
        backend_of(pymssql.dialect())  # type: ignore[no-untyped-call]  # unannotated there


def test_a_url_object_is_as_good_as_its_text() -> None:
    text = "postgresql://ann@db/shop"

    assert read_url(sa.make_url(text)) == read_url(text)
