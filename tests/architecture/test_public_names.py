"""The public names are listed once, in order, and nothing else is public."""

import subprocess
import sys
from types import ModuleType

import pytest

import andamios_orm


def test_all_is_sorted_and_names_nothing_twice() -> None:
    names = list(andamios_orm.__all__)

    assert names == sorted(set(names))


def test_all_equals_the_importable_public_names() -> None:
    importable = {
        name
        for name in dir(andamios_orm)
        if not name.startswith("_") and not isinstance(getattr(andamios_orm, name), ModuleType)
    }
    listed = {name for name in andamios_orm.__all__ if not name.startswith("_")}

    assert listed == importable


def test_every_listed_name_can_be_imported() -> None:
    missing = [name for name in andamios_orm.__all__ if not hasattr(andamios_orm, name)]

    assert missing == []


def test_a_name_is_the_one_that_its_own_module_has() -> None:
    from andamios_orm.errors import NotFound  # noqa: PLC0415 - as users load it
    from andamios_orm.models.base import Model  # noqa: PLC0415 - as users load it

    assert andamios_orm.Model is Model
    assert andamios_orm.NotFound is NotFound


def test_a_name_that_is_not_there_is_missed() -> None:
    with pytest.raises(AttributeError, match="module 'andamios_orm' has no attribute 'Modell'"):
        _ = andamios_orm.Modell  # type: ignore[attr-defined]  # that is the point


def test_the_modules_of_errors_and_observers_need_no_import_of_their_own() -> None:
    program = "import andamios_orm as a; print(a.errors.NotFound, a.observe.subscribe)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
