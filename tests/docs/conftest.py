"""An interpreter that pages are run in, one process each."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.docs import run_page

RunPage: TypeAlias = Callable[[Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def pages() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-W", "error", run_page.__file__]
    # Not measured for coverage: which of the tests begins it is chance.
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_PROCESS_")}
    with subprocess.Popen(
        command,
        env=unmeasured,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as server:
        yield server
        server.communicate()


@pytest.fixture
def run_in_process(pages: "subprocess.Popen[str]", tmp_path: Path) -> RunPage:
    """Run a page in an empty folder and in a process that no other page was run in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    output = tmp_path / "output"

    def run(page: Path) -> "subprocess.CompletedProcess[str]":
        assert pages.stdin is not None
        assert pages.stdout is not None
        print(json.dumps([str(page), str(folder), str(output)]), file=pages.stdin, flush=True)
        answer = pages.stdout.readline()
        assert answer, "the interpreter ended"
        return subprocess.CompletedProcess([str(page)], int(answer), output.read_text("utf-8"))

    return run
