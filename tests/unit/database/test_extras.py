"""Optional packages are loaded when they are needed, or named with the extra to install."""

import sys

import pytest

from andamios_orm.database.extras import require
from andamios_orm.errors import MissingDriver


async def test_a_package_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    await require("arrow", "colorsys")
    await require("arrow", "colorsys")

    assert "colorsys" in sys.modules


async def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(MissingDriver) as told:
        await require("shapes", "no_such_package_anywhere")

    assert "`no_such_package_anywhere`" in told.value.problem
    assert told.value.fix == 'pip install "andamios-orm[shapes]"'
