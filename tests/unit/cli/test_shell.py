"""`shell`: what is at hand in it."""

import sys
from types import ModuleType

import pytest

from tests.command_line import CommandLine


def test_await_works_at_the_prompt(migrated: CommandLine) -> None:
    migrated.done("db-seed")
    typed = """\
n = await hero.count()
print("heroes:", n, Hero.__name__)
1 / 0
raise SystemExit
"""

    result = migrated.run("shell", typed=typed)

    assert "heroes: 2 Hero" in result.out
    assert "ZeroDivisionError" in result.err
    assert "await works here" in result.out + result.err


def test_it_ends_with_the_input(migrated: CommandLine) -> None:
    assert migrated.run("shell", typed="").code == 0


def test_it_is_ipython_where_that_is_installed(
    migrated: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}
    module = ModuleType("IPython")
    module.start_ipython = lambda argv, user_ns: given.update(user_ns)  # type: ignore[attr-defined]  # as it has
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr("andamios_orm.cli.shell.find_spec", lambda name: name)

    migrated.done("shell")

    assert {"db", "Hero", "hero", "Repository"} <= given.keys()
