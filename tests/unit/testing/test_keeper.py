"""A server lives exactly as long as its owner, whatever ends the owner."""

import contextlib
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from andamios_orm.testing import keeper


def keep(script: str, folder: Path, leash: int, *, patience: float = 30) -> int:
    return keeper.keep(
        ["/bin/sh", "-c", script],
        folder=str(folder),
        patience=patience,
        stop_signal=signal.SIGINT,
        user=None,
        group=None,
        leash=leash,
    )


@pytest.fixture
def leash() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe; the second is the owner's."""
    ours, owners = os.pipe()
    # A shell starts its background jobs with this signal ignored, which scripts cannot undo.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield ours, owners
    signal.signal(signal.SIGINT, before)
    with contextlib.suppress(OSError):
        os.close(owners)
    # The keeper's thread still reads, if the server ended by itself.
    for thread in threading.enumerate():
        if thread.name == "leash":
            thread.join()
    os.close(ours)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the server owns; its scripts say that they run by opening the pipe `up`."""
    folder = tmp_path / "state"
    folder.mkdir()
    os.mkfifo(folder / "up")
    return folder


def once_up(folder: Path, act: Callable[[], object]) -> threading.Thread:
    def wait_and_act() -> None:
        (folder / "up").read_text()
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_the_end_of_the_leash_stops_the_server_and_deletes_its_files(
    folder: Path, leash: tuple[int, int]
) -> None:
    ours, owners = leash
    owner = once_up(folder, lambda: os.close(owners))

    code = keep("trap 'exit 5' INT; echo > up; while :; do sleep 0.01; done", folder, ours)

    owner.join()
    assert code == 5
    assert not folder.exists()


def test_a_byte_on_the_leash_means_the_same(folder: Path, leash: tuple[int, int]) -> None:
    ours, owners = leash
    owner = once_up(folder, lambda: os.write(owners, b"."))

    code = keep("trap 'exit 5' INT; echo > up; while :; do sleep 0.01; done", folder, ours)

    owner.join()
    assert code == 5
    assert not folder.exists()


def test_a_server_that_ignores_the_request_is_killed(folder: Path, leash: tuple[int, int]) -> None:
    ours, owners = leash
    owner = once_up(folder, lambda: os.close(owners))

    code = keep("trap '' INT; echo > up; exec sleep 600", folder, ours, patience=0.01)

    owner.join()
    assert code == -signal.SIGKILL
    assert not folder.exists()


def test_a_server_that_ends_by_itself_leaves_its_log(folder: Path, leash: tuple[int, int]) -> None:
    ours, _ = leash

    code = keep("exit 3", folder, ours)

    assert code == 3
    assert folder.exists()


def test_the_program_reads_its_arguments(
    folder: Path, leash: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = leash
    user, group = ("65534", "65534") if os.geteuid() == 0 else ("", "")
    arguments = ["keeper", str(folder), "1", "2", user, group, "/bin/sh", "-c", "exit 4"]
    monkeypatch.setattr(sys, "argv", arguments)

    with os.fdopen(ours, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as e:
            runpy.run_path(keeper.__file__, run_name="__main__")

    assert e.value.code == 4
