"""Which engines a test runs on, and what becomes of one whose server is missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NoReturn

import pytest

__all__ = ["ENGINES", "chosen_engines", "engines_of_test", "unavailable"]

ENGINES = ("duckdb", "sqlite", "postgresql", "mariadb", "mysql")
"""By the name that a URL begins with. `mysql` is a MariaDB, spoken to as one speaks to MySQL."""
_DEFAULT = ("sqlite",)


def chosen_engines(config: pytest.Config) -> tuple[str, ...]:
    """Return the engines of the option, else of the ini file, else SQLite. Raises UsageError."""
    given: str | None = config.getoption("andamios_engines")
    if given is not None:
        return _known([given], "--andamios-engines")
    return _known(config.getini("andamios_engines"), "andamios_engines") or _DEFAULT


def engines_of_test(node: pytest.Item | pytest.Function) -> list[object]:
    """Return the engines of one test, as parameters; those of its mark instead of the ini file's.

    What the option leaves out is skipped.
    """
    config = node.config
    chosen = chosen_engines(config)
    mark = node.get_closest_marker("backends")
    if mark is None:
        return list(chosen)
    wanted = _known(map(str, mark.args), f"the mark `backends` of {node.name}")
    if not wanted:
        raise pytest.UsageError(f'{node.name}: write @pytest.mark.backends("postgresql", ...)')
    narrowed = config.getoption("andamios_engines") is not None
    return [
        pytest.param(name, marks=_left_out(name)) if narrowed and name not in chosen else name
        for name in wanted
    ]


def unavailable(reason: str) -> NoReturn:
    """Skip the test for a reason; where the variable CI is "true", fail it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)  # the caller's: which server is missing, and how to get it


def _left_out(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skip(reason=f"--andamios-engines leaves {name} out")


def _known(given: Iterable[str], where: str) -> tuple[str, ...]:
    names = [name for text in given for name in text.replace(",", " ").split()]
    unknown: Sequence[str] = [name for name in names if name not in ENGINES]
    if unknown:
        raise pytest.UsageError(
            f"{where} names {', '.join(unknown)}; known are {', '.join(ENGINES)}"
        )
    return tuple(dict.fromkeys(names))
