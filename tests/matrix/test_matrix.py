"""The environments of `make test-all`: which there are, and what is said of those that are not."""

import sys
from pathlib import Path

from tests.matrix.__main__ import Environment, Interpreter, Outcome, interpreters, table


def test_an_interpreter_is_found_by_its_path() -> None:
    [found], missing = interpreters([sys.executable])

    assert found.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert missing == []


def test_each_one_that_is_missing_is_named() -> None:
    assert interpreters(["python3.99"]) == ([], ["python3.99 is missing: it is not on the PATH"])


def test_a_name_with_nothing_behind_it_is_missing(tmp_path: Path) -> None:
    name = tmp_path / "python3.99"
    name.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    name.chmod(0o755)

    assert interpreters([str(name)]) == (
        [],
        [f"{name} is missing: {name} says no such version"],
    )


def test_an_environment_is_called_by_its_python_and_its_age() -> None:
    assert Environment(Interpreter("3.12", "/python"), "oldest").name == "3.12-oldest"


def test_the_table_tells_good_from_bad() -> None:
    lines = list(
        table(
            [
                Outcome("3.11-oldest", ["2.11.0", "2.1.0", "2.0.0"], "9 passed", 1, good=True),
                Outcome("3.11-newest", ["2.14.0", "2.1.9", "2.0.1"], "1 failed", 1, good=False),
            ]
        )
    )

    assert "ok     9 passed" in lines[1]
    assert "FAILED 1 failed" in lines[2]
