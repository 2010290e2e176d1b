"""The public names are listed once, in order, and nothing else is public."""

from types import ModuleType

import andamios_orm


def test_all_is_sorted_and_names_nothing_twice() -> None:
    names = list(andamios_orm.__all__)

    assert names == sorted(set(names))


def test_all_equals_the_importable_public_names() -> None:
    importable = {
        name
        for name, value in vars(andamios_orm).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    listed = {name for name in andamios_orm.__all__ if not name.startswith("_")}

    assert listed == importable


def test_every_listed_name_can_be_imported() -> None:
    missing = [name for name in andamios_orm.__all__ if not hasattr(andamios_orm, name)]

    assert missing == []
