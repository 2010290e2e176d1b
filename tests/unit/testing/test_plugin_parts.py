"""The parts of the pytest plugin that need no pytest of their own."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Client
from typing import Any, cast

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, UsageError, generated
from andamios_orm.schema.registry import default_metadata
from andamios_orm.testing import sharing
from andamios_orm.testing.desk import Desk, ask
from andamios_orm.testing.engines import chosen_engines, engines_of_test, unavailable
from andamios_orm.testing.models import metadata_of_models
from andamios_orm.testing.servers import Server, ServerUnavailable
from andamios_orm.testing.sharing import Run

METADATA = sa.MetaData()


class Only(Model, table="part_only", metadata=METADATA):
    id: Col[int] = generated()


# -- engines


@dataclass
class Config:
    """What is asked of pytest's."""

    option: str | None = None
    ini: list[str] = field(default_factory=list)

    def getoption(self, name: str) -> str | None:
        assert name == "andamios_engines"
        return self.option

    def getini(self, name: str) -> list[str]:
        assert name == "andamios_engines"
        return self.ini


@dataclass
class Node:
    """A test with a mark, or without."""

    config: Config
    marked: tuple[str, ...] | None = None
    name: str = "test_it"

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        assert name == "backends"
        return None if self.marked is None else pytest.mark.backends(*self.marked).mark


def chosen(config: Config) -> tuple[str, ...]:
    return chosen_engines(cast("pytest.Config", config))


def of_test(config: Config, *marked: str) -> list[object]:
    return engines_of_test(cast("pytest.Item", Node(config, marked)))


def test_the_option_is_stronger_than_the_ini_file() -> None:
    assert chosen(Config()) == ("sqlite",)
    assert chosen(Config(ini=["duckdb,sqlite", "duckdb"])) == ("duckdb", "sqlite")
    assert chosen(Config("mariadb, mysql", ["duckdb"])) == ("mariadb", "mysql")


def test_a_mark_is_stronger_than_the_ini_file_and_narrowed_by_the_option() -> None:
    assert of_test(Config(ini=["duckdb"]), "sqlite", "postgresql") == ["sqlite", "postgresql"]

    kept, left_out = of_test(Config("sqlite"), "sqlite", "postgresql")

    assert kept == "sqlite"
    (mark,) = cast("Any", left_out).marks
    assert (mark.name, mark.kwargs["reason"]) == (
        "skip",
        "--andamios-engines leaves postgresql out",
    )
    assert engines_of_test(cast("pytest.Item", Node(Config("duckdb sqlite")))) == [
        "duckdb",
        "sqlite",
    ]


def test_an_engine_that_nobody_knows_is_told() -> None:
    for call, where in (
        (lambda: chosen(Config("oracle")), "--andamios-engines names oracle; known are duckdb"),
        (lambda: chosen(Config(ini=["oracle"])), "andamios_engines names oracle"),
        (lambda: of_test(Config(), "oracle"), "the mark `backends` of test_it names oracle"),
        (lambda: of_test(Config()), r'write @pytest.mark.backends\("postgresql", ...\)'),
    ):
        with pytest.raises(pytest.UsageError, match=where):
            call()


def test_what_is_not_there_fails_where_everything_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "True")
    with pytest.raises(pytest.fail.Exception, match="no server"):
        unavailable("no server")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no server"):
        unavailable("no server")


# -- models


def test_the_tables_are_those_of_the_named_modules() -> None:
    assert metadata_of_models([]) is default_metadata
    assert metadata_of_models([__name__]) is METADATA
    with pytest.raises(UsageError, match="declare no models"):
        metadata_of_models(["string"])
    with pytest.raises(UsageError, match="models with several metadata="):
        metadata_of_models([__name__, "examples.testing.shop.models"])


# -- the desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(lambda name: f"{name}://here" if name != "lost" else ("gone", "look", ("there",)))
    yield desk
    desk.close()


def test_a_desk_answers_who_has_its_key(desk: Desk) -> None:
    port, _ = desk.address.split()

    with pytest.raises(Exception, match="digest"), Client(("127.0.0.1", int(port)), authkey=b"no"):
        raise AssertionError
    # Somebody who hangs up is no harm.
    Client(("127.0.0.1", int(port)), authkey=bytes.fromhex(desk.address.split()[1])).close()

    assert ask(desk.address, "mariadb") == "mariadb://here"
    assert ask(desk.address, "lost") == ("gone", "look", ("there",))


def test_a_desk_closes() -> None:
    desk = Desk(lambda name: name)
    address = desk.address
    desk.close()

    with pytest.raises(ConnectionError):
        ask(address, "mariadb")
    assert "andamios desk" not in [thread.name for thread in threading.enumerate()]


# -- what a run shares


class StandIn(Server):
    """A server that only notes what it is asked."""

    _found = _prepare = _command = _is_ready = _address_at = None  # type: ignore[assignment] # never called
    _create = _drop = _clear = None  # type: ignore[assignment] # as above

    def __init__(self, log: list[str], at: str, url: str | None) -> None:
        self.log = log
        self.at = url or at
        self.log.append(f"server at {url}")

    @property
    def address(self) -> str:
        return self.at

    def start(self) -> None:
        if self.at == "missing":
            raise ServerUnavailable("none", "install one", tried=("PATH",))
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")
        if self.at == "gone":
            raise ServerUnavailable("gone", "-")

    def create_database(self, name: str) -> str:
        self.log.append("create")
        return self.url(name)

    def clear_database(self, name: str) -> None:
        self.log.append("clear")

    def url(self, database: str) -> str:
        return f"{self.at}/{database}"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stand-ins for the servers note."""
    found: list[str] = []
    servers = {
        "mariadb": partial(StandIn, found, "mariadb://own"),
        "mysql": partial(StandIn, found, "mariadb://own"),
        "missing": partial(StandIn, found, "missing"),
        "gone": partial(StandIn, found, "gone"),
    }
    monkeypatch.setattr(sharing, "SERVERS", servers)
    return found


def test_a_run_starts_a_server_when_it_is_needed_and_once(log: list[str]) -> None:
    run = Run()
    assert log == []

    first, second = run.empty_database("mysql"), run.empty_database("mysql")
    assert first == second
    assert first.startswith("mysql://own/andamios_")
    run.stop()
    run.stop()

    assert log == ["server at None", "start", "create", "clear", "stop"]


def test_what_is_missing_is_looked_for_once(log: list[str]) -> None:
    run = Run()
    for _ in range(2):
        with pytest.raises(ServerUnavailable, match="Tried: PATH"):
            run.server("missing")
    run.stop()

    assert log == ["server at None"]


def test_a_worker_asks_for_the_servers_of_its_run(log: list[str]) -> None:
    owner = Run()
    assert owner.desk() == owner.desk()
    worker = Run(owner.desk())

    assert worker.server("mariadb").address == "mariadb://own"
    with pytest.raises(ServerUnavailable, match="Tried: PATH"):
        worker.server("missing")
    worker.stop()
    owner.stop()

    # One that was found, and one that was not.
    assert log.count("server at None") == 2
    assert log.count("server at mariadb://own") == 1

    # On another machine nobody answers.
    log.clear()
    far = Run("1 00")
    assert far.server("mariadb").address == "mariadb://own"
    assert log == ["server at None", "start"]


def test_a_server_that_is_gone_does_not_disturb_the_end(log: list[str]) -> None:
    run = Run()
    run.server("gone")
    run.stop()

    assert log[-1] == "stop"
