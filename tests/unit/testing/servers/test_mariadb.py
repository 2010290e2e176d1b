"""A private MariaDB starts anywhere, harms nothing and always ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncmy
import pytest

from andamios_orm import errors
from andamios_orm.testing import servers
from andamios_orm.testing.servers import (
    MariaDBServer,
    ServerUnavailable,
    account_for,
    find_mariadb,
    mariadb,
)
from tests.unit.testing.servers.stand_ins import accepts_connections, eventually, make_programs


@pytest.fixture(scope="module")
def server(mariadb_binaries: Path) -> Iterator[MariaDBServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANDAMIOS_TEST_URL_MARIADB", raising=False)
        with MariaDBServer(binaries=mariadb_binaries) as server:
            yield server


def programs(prefix: Path, *, install: str = "exit 0", server: str = "exit 0") -> Path:
    scripts = {"mariadb-install-db": install, "mariadbd": server}
    return make_programs(prefix / "bin", scripts)


async def connect(url: str) -> asyncmy.Connection:
    parts = urlsplit(url)
    return await asyncmy.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        database=unquote(parts.path[1:]) or None,
        autocommit=True,
    )


async def answer(connection: asyncmy.Connection, query: str) -> object:
    async with connection.cursor() as cursor:
        await cursor.execute(query)
        [row] = await cursor.fetchall() or [(None,)]
        return row[0]


def value_in(url: str, *queries: str) -> object:
    """The first value of the last query."""

    async def ask() -> object:
        connection = await connect(url)
        try:
            return [await answer(connection, query) for query in queries][-1]
        finally:
            await connection.ensure_closed()

    return asyncio.run(ask())


# ---- a private server ----------------------------------------------------------------------------


def test_a_started_server_answers(server: MariaDBServer) -> None:
    assert value_in(server.address, "SELECT 1 + 1") == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bind_address", "127.0.0.1"),
        ("character_set_server", "utf8mb4"),
        ("innodb_doublewrite", 0),
        ("innodb_flush_log_at_trx_commit", 0),
        ("log_bin", 0),
        ("max_allowed_packet", 64 << 20),
        ("max_connections", 200),
    ],
)
def test_a_server_is_set_for_tests(server: MariaDBServer, setting: str, value: object) -> None:
    assert value_in(server.address, f"SELECT @@{setting}") == value


def test_a_server_keeps_all_its_files_in_its_own_folder(server: MariaDBServer) -> None:
    for variable in ("datadir", "socket", "tmpdir"):
        path = value_in(server.address, f"SELECT @@{variable}")
        assert str(path).startswith(f"{server.folder}/")


def test_a_server_gives_databases_the_character_set_that_was_asked_for(
    mariadb_binaries: Path,
) -> None:
    with MariaDBServer(binaries=mariadb_binaries, charset="latin1") as server:
        url = server.create_database("plain")

        assert value_in(url, "SELECT @@character_set_database") == "latin1"


def test_a_server_takes_more_settings(mariadb_binaries: Path) -> None:
    settings = {"innodb-lock-wait-timeout": "7"}

    with MariaDBServer(binaries=mariadb_binaries, settings=settings) as server:
        assert value_in(server.address, "SELECT @@innodb_lock_wait_timeout") == 7


def test_starting_twice_keeps_the_server(server: MariaDBServer) -> None:
    before = server.address

    server.start()

    assert server.address == before


def test_stopping_deletes_the_data_and_closes_the_port(mariadb_binaries: Path) -> None:
    server = MariaDBServer(binaries=mariadb_binaries)
    server.start()
    folder, url = server.folder, server.address
    assert folder is not None
    assert folder.is_dir()
    assert accepts_connections(url)

    server.stop()

    assert not folder.exists()
    assert not accepts_connections(url)
    assert server.folder is None


def test_stopping_twice_does_nothing() -> None:
    server = MariaDBServer("mariadb://localhost")
    server.start()

    server.stop()
    server.stop()

    with pytest.raises(errors.UsageError, match="MariaDBServer: not started"):
        _ = server.address


def test_a_server_ends_when_its_owner_is_killed(mariadb_binaries: Path) -> None:
    program = (
        "import pathlib, sys; from andamios_orm.testing.servers import MariaDBServer as S;"
        f"s = S(binaries=pathlib.Path({str(mariadb_binaries)!r})); s.start();"
        "print(s.folder, s.address, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(servers.__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        folder, url = owner.stdout.readline().split()
        assert accepts_connections(url)

        owner.send_signal(signal.SIGKILL)

    assert eventually(lambda: not Path(folder).exists())
    assert not accepts_connections(url)


def test_the_data_belong_to_the_user_who_runs_the_server(server: MariaDBServer) -> None:
    assert server.folder is not None
    expected = account_for(os.geteuid(), names=MariaDBServer.users).uid

    owner = (server.folder / "data").stat().st_uid

    assert owner == (os.geteuid() if expected is None else expected)
    assert owner != 0


# ---- where the data lie --------------------------------------------------------------------------


def test_the_data_lie_in_memory_where_it_has_room(
    mariadb_binaries: Path, anywhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb, "_MEMORY", anywhere)
    monkeypatch.setattr(mariadb, "_MEMORY_BYTES", 1)

    with MariaDBServer(binaries=mariadb_binaries) as server:
        assert server.folder is not None
        assert server.folder.parent == anywhere


def test_a_small_memory_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "_MEMORY_BYTES", 1 << 80)

    assert not mariadb._has_room(tmp_path)


def test_a_system_without_such_memory_uses_its_disk(tmp_path: Path) -> None:
    assert not mariadb._has_room(tmp_path / "missing")


# ---- databases -----------------------------------------------------------------------------------


def test_a_created_database_is_empty_and_there(server: MariaDBServer) -> None:
    url = server.create_database("created")

    assert url == server.url("created")
    assert value_in(url, "SELECT database()") == "created"


@pytest.mark.parametrize("name", ["with space", "quo`ted'", "back\\slash", "Ünï?c#o%d%e"])
def test_every_name_can_name_a_database(server: MariaDBServer, name: str) -> None:
    url = server.create_database(name)

    server.clear_database(name)

    assert value_in(url, "SELECT database()") == name
    server.drop_database(name)
    assert value_in(server.address, "SHOW DATABASES LIKE 'quo%'") is None


def test_creating_a_database_twice_is_the_servers_error(server: MariaDBServer) -> None:
    server.create_database("twice")

    with pytest.raises(asyncmy.errors.ProgrammingError, match="database exists"):
        server.create_database("twice")


def test_a_dropped_database_is_gone_even_if_it_is_in_use(server: MariaDBServer) -> None:
    url = server.create_database("dropped")
    value_in(url, "CREATE TABLE t (id INT)")

    async def drop_while_connected() -> None:
        connection = await connect(url)
        await answer(connection, "LOCK TABLES t WRITE")
        server.drop_database("dropped")
        connection.close()

    asyncio.run(drop_while_connected())

    assert value_in(server.address, "SHOW DATABASES LIKE 'dropped'") is None


def test_dropping_a_missing_database_does_nothing(
    server: MariaDBServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.drop_database("never created")

    assert caplog.messages == []


def test_clearing_removes_everything(server: MariaDBServer) -> None:
    url = server.create_database("cleared")
    value_in(
        url,
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "CREATE TABLE u (id INT, FOREIGN KEY (id) REFERENCES t (id))",
        "CREATE VIEW v AS SELECT * FROM u",
        "CREATE PROCEDURE p() SELECT 1",
    )

    server.clear_database("cleared")

    query = "SELECT count(*) FROM information_schema.{} WHERE {}_schema = 'cleared'"
    assert value_in(url, query.format("tables", "table")) == 0
    assert value_in(url, query.format("routines", "routine")) == 0


def test_clearing_does_not_wait_for_a_forgotten_transaction(server: MariaDBServer) -> None:
    url = server.create_database("forgotten")
    value_in(url, "CREATE TABLE t (id INT)")

    async def clear_while_locked() -> None:
        connection = await connect(url)
        await answer(connection, "BEGIN")
        await answer(connection, "INSERT INTO t VALUES (1)")
        server.clear_database("forgotten")
        connection.close()

    asyncio.run(asyncio.wait_for(clear_while_locked(), 30))

    assert value_in(url, "SHOW TABLES") is None


# ---- a running server given by URL ---------------------------------------------------------------


def test_a_given_server_is_used_and_its_new_databases_are_dropped(
    server: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_MARIADB", server.address)

    with MariaDBServer() as given:
        url = given.create_database("lent")
        assert given.folder is None
        assert value_in(url, "SELECT database()") == "lent"

    assert value_in(server.address, "SHOW DATABASES LIKE 'lent'") is None


def test_the_url_of_a_given_server_may_name_a_user_with_a_password(server: MariaDBServer) -> None:
    value_in(
        server.address,
        "CREATE USER 'a n'@'%' IDENTIFIED BY 'p@ss/word'",
        "GRANT ALL ON *.* TO 'a n'@'%'",
    )
    given = server.address.replace("root@", "a%20n:p%40ss%2Fword@")

    with MariaDBServer(given) as other:
        other.create_database("by password")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("mariadb://localhost", "mariadb://localhost/shop"),
        ("mariadb+asyncmy://a:b@h:1/x", "mariadb://a:b@h:1/shop"),
    ],
)
def test_a_url_changes_only_the_database(given: str, url: str) -> None:
    with MariaDBServer(given) as server:
        assert server.url("shop") == url


@pytest.mark.parametrize(
    "given",
    ["secret", "postgresql://ann:secret@localhost/", "mariadb://ann:secret@localhost:99999/"],
)
def test_a_url_that_cannot_be_read_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ServerUnavailable, match="URL of the server cannot be read") as e:
        MariaDBServer(given).start()

    assert "like mariadb://user:password@host:port/" in str(e.value)
    assert "secret" not in str(e.value)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        server = MariaDBServer(f"mariadb://ann:secret@127.0.0.1:{port}/shop")
        server.start()

        with pytest.raises(ServerUnavailable, match=f"no connection to 127.0.0.1:{port}/shop") as e:
            server.create_database("x")

    assert "secret" not in str(e.value)


def test_a_missing_driver_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncmy", None)
    server = MariaDBServer("mariadb://localhost")
    server.start()

    with pytest.raises(ServerUnavailable, match=r'pip install "andamios-orm\[mysql\]"'):
        server.create_database("x")


# ---- finding the programs ------------------------------------------------------------------------


@pytest.mark.parametrize("installer_folder", ["bin", "sbin", "scripts"])
def test_the_chosen_folder_comes_first(
    installer_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_programs(tmp_path / "sbin", {"mariadbd": ""})
    (tmp_path / installer_folder).mkdir(exist_ok=True)
    (tmp_path / installer_folder / "mariadb-install-db").touch()
    monkeypatch.setenv("ANDAMIOS_MARIADB_BIN", str(tmp_path / "sbin"))

    assert find_mariadb() == tmp_path / "sbin"


def test_a_wrong_choice_is_an_error_and_not_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_MARIADB_BIN", str(tmp_path))

    with pytest.raises(ServerUnavailable) as e:
        find_mariadb()

    assert e.value.tried == (
        f"ANDAMIOS_MARIADB_BIN: {tmp_path} has no mariadbd and no mariadb-install-db",
    )


def test_the_path_comes_before_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = programs(tmp_path)
    monkeypatch.setenv("PATH", str(binaries), prepend=os.pathsep)
    monkeypatch.delenv("ANDAMIOS_MARIADB_BIN", raising=False)

    assert find_mariadb() == binaries


def test_every_place_is_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = programs(tmp_path)
    monkeypatch.setenv("PATH", str(binaries))
    monkeypatch.setattr(mariadb, "folders_below", lambda *_: [Path("/newer"), Path("/older")])

    assert [folder for _, folder in mariadb._places()] == [
        binaries,
        Path("/newer"),
        Path("/older"),
    ]


def test_without_programs_the_error_lists_what_was_tried_and_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANDAMIOS_MARIADB_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mariadb, "_DISTRIBUTION_FOLDERS", ("no/such/*/folder",))

    with pytest.raises(ServerUnavailable) as e:
        find_mariadb()

    assert str(e.value).splitlines() == [
        "MariaDB: no server programs found",
        "  Tried: PATH: not there",
        "  Tried: distribution (/no/such/*/folder): not there",
        f"  Fix: {e.value.fix}",
    ]
    assert "apt install mariadb-server" in e.value.fix


# ---- starts that fail ----------------------------------------------------------------------------


def test_a_failing_installer_is_reported_with_its_output(anywhere: Path) -> None:
    binaries = programs(anywhere, install="echo no space left; exit 1")

    with pytest.raises(ServerUnavailable, match=r"mariadb-install-db failed\n  \| no space left"):
        MariaDBServer(binaries=binaries).start()


def test_programs_that_do_not_run_are_reported(anywhere: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"mariadb-install-db does not run\n  \| "):
        MariaDBServer(binaries=anywhere).start()


def test_a_server_that_ends_at_once_is_reported_with_its_log(anywhere: Path) -> None:
    binaries = programs(anywhere, server="echo port is taken; exit 1")
    server = MariaDBServer(binaries=binaries)

    with pytest.raises(ServerUnavailable, match=r"ended while starting\n  \| port is taken"):
        server.start()

    assert server.folder is None


def test_a_path_too_long_for_a_socket_means_no_socket() -> None:
    server = MariaDBServer()
    short = server._command(Path("/m"), Path("/tmp/x"), 3306)  # noqa: S108 - only a text
    long = server._command(Path("/m"), Path("/tmp") / ("x" * 100), 3306)  # noqa: S108 - only a text

    assert "--socket=/tmp/x/socket/s" in short
    assert "--socket=" in long


def test_the_settings_of_the_user_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_TCP_PORT", "1")
    monkeypatch.setenv("MARIADB_HOME", "/x")

    assert not {"MYSQL_TCP_PORT", "MARIADB_HOME"} & MariaDBServer()._environment().keys()
