"""How a URL is opened, and what the driver's own errors mean; the rest needs a server."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from asyncmy.errors import InterfaceError, InternalError, OperationalError
from sqlalchemy.engine import make_url

from andamios_orm.backends.base import Failure, Isolation
from andamios_orm.backends.mysql import MariaDBBackend, MySQLBackend
from andamios_orm.errors import InvalidURL

SENTINEL = "sentinel-4711"
BACKENDS = [MariaDBBackend(), MySQLBackend()]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest) -> MySQLBackend:
    backend: MySQLBackend = request.param
    return backend


def tls_of(backend: MySQLBackend, query: str) -> ssl.SSLContext | None:
    options = backend.engine_options(make_url(f"mariadb://host/shop?{query}"), 5)
    assert not [name for name in options.url.query if name.startswith("ssl")]
    context = options.connect_args.get("ssl")
    assert context is None or isinstance(context, ssl.SSLContext)
    return context


# ---- the URL -------------------------------------------------------------------------------------


def test_a_url_is_opened_as_it_is(backend: MySQLBackend) -> None:
    url = make_url("mariadb+asyncmy://ann:secret@host:3307/shop")

    options = backend.engine_options(url, 7)

    assert (options.url, options.pool_size) == (url, 7)
    assert options.connect_args["autocommit"] is True
    assert options.connect_args["charset"] == "utf8mb4"
    assert "ssl" not in options.connect_args
    assert SENTINEL not in repr(options)
    assert not backend.is_in_memory(url)
    assert backend.writer_key(url) is None


def test_a_url_may_say_what_is_so_anyway(backend: MySQLBackend) -> None:
    options = backend.engine_options(make_url("mysql://host/shop?charset=utf8mb4"), 5)

    assert not options.url.query


def test_a_url_may_set_options_of_the_driver(backend: MySQLBackend) -> None:
    options = backend.engine_options(
        make_url("mysql://host/shop?connect-timeout=3&unix_socket=/run/s&read_timeout=9"), 5
    )

    assert options.url.query == {
        "connect_timeout": "3",
        "unix_socket": "/run/s",
        "read_timeout": "9",
    }


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("", "names no database"),
        ("/", "names no database"),
        ("/shop?charset=latin1", "character set utf8mb4"),
        ("/shop?local_infile=1&init_command=x", "no option `init_command`, `local_infile`"),
        ("/shop?ssl=true", "no option `ssl`"),
        ("/shop?ssl_mode=maybe", "unknown ssl_mode"),
        ("/shop?ssl_ca=/no/such/file", "ssl_ca cannot be read: No such file"),
        ("/shop?ssl_cert=/no/such/file&ssl_key=x", "ssl_cert, ssl_key cannot be read"),
    ],
)
def test_a_url_that_cannot_be_opened_is_refused_without_its_password(
    backend: MySQLBackend, rest: str, problem: str
) -> None:
    url = make_url(f"mariadb://ann:{SENTINEL}@host{rest}")

    with pytest.raises(InvalidURL, match=problem) as caught:
        backend.engine_options(url, 5)

    assert SENTINEL not in str(caught.value)


def test_a_file_that_is_no_certificate_is_refused(backend: MySQLBackend, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not one")

    with pytest.raises(InvalidURL, match="ssl_ca cannot be read"):
        tls_of(backend, f"ssl_ca={tmp_path / 'ca.pem'}")


@pytest.mark.parametrize(
    ("mode", "checks_certificate", "checks_host"),
    [
        ("REQUIRED", ssl.CERT_NONE, False),
        ("verify_ca", ssl.CERT_REQUIRED, False),
        ("verify_identity", ssl.CERT_REQUIRED, True),
    ],
)
def test_the_mode_says_how_much_is_checked(
    backend: MySQLBackend, mode: str, checks_certificate: ssl.VerifyMode, checks_host: bool
) -> None:
    context = tls_of(backend, f"ssl-mode={mode}")

    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (checks_certificate, checks_host)


def test_a_connection_may_stay_open_to_be_read(backend: MySQLBackend) -> None:
    assert tls_of(backend, "ssl_mode=disabled&ssl_ca=/no/such/file") is None


# ---- what both say alike -------------------------------------------------------------------------


class Listener:
    """A connection that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def run(self, sql: str, values: object) -> int:
        self.told.append(sql)
        return 0


@pytest.mark.parametrize(
    ("read_only", "isolation", "told"),
    [
        (False, None, ["START TRANSACTION"]),
        (
            True,
            "serializable",
            ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION READ ONLY"],
        ),
    ],
)
async def test_a_transaction_is_begun_at_the_level_that_was_asked_for(
    backend: MySQLBackend, read_only: bool, isolation: Isolation | None, told: list[str]
) -> None:
    driver: Any = Listener()

    said = await backend.begin(driver, read_only=read_only, isolation=isolation, at_once=False)

    assert driver.told == told
    assert said == tuple(told)


async def test_a_call_is_made_once(backend: MySQLBackend) -> None:
    async def fails() -> None:
        raise OperationalError(1205, "Lock wait timeout exceeded")

    with pytest.raises(OperationalError):
        await backend.patiently(fails)


async def test_nothing_is_explained_that_the_server_told(backend: MySQLBackend) -> None:
    # Neither has anything to ask the connection.
    nobody: Any = None

    table, error = sa.Table("t", sa.MetaData()), OperationalError(1216, "foreign key")

    assert await backend.explain(nobody, error, "", (), table) is None
    assert await backend.explain_commit(nobody, sa.MetaData()) is None


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError(0, "Not connected"),
        InternalError("Packet sequence number wrong - got 7 expected 1"),
        InternalError(),
    ],
)
def test_an_error_of_the_driver_itself_means_that_the_connection_is_gone(
    backend: MySQLBackend, error: Exception
) -> None:
    assert backend.classify(error) == Failure(
        kind="unavailable", summary="the connection is closed"
    )


def test_a_server_that_cannot_be_reached_is_told_without_its_name(backend: MySQLBackend) -> None:
    error = OperationalError(2003, f"Can't connect to MySQL server on '{SENTINEL}'")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")

    assert backend.classify(error) == Failure(
        kind="unavailable", code="2003", summary="Connection refused"
    )


@pytest.mark.parametrize(
    ("error", "summary"),
    [(ConnectionResetError(104, "Reset"), "Reset"), (TimeoutError(), "TimeoutError")],
)
def test_an_error_of_the_socket_is_unavailable(
    backend: MySQLBackend, error: OSError, summary: str
) -> None:
    assert backend.classify(error) == Failure(kind="unavailable", summary=summary)


def test_an_exception_of_the_program_is_not_the_drivers(backend: MySQLBackend) -> None:
    assert backend.classify(ValueError(SENTINEL)) is None


def test_only_mysql_writes_the_table_before_the_key() -> None:
    error = OperationalError(1062, "Duplicate entry 'x' for key 'a.b'")
    mariadb, mysql = (backend.classify(error) for backend in BACKENDS)

    assert mariadb == Failure(kind="unique", code="1062", constraint="a.b")
    assert mysql == Failure(kind="unique", code="1062", table="a", constraint="b")
