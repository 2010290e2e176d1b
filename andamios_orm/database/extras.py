"""Ask for an optional package before anything is done that would need it."""

from __future__ import annotations

from importlib.util import find_spec

from andamios_orm.errors import MissingDriver

__all__ = ["require"]


def require(extra: str, *packages: str) -> None:
    """Raise MissingDriver, with the extra to install, for a package that is not there."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingDriver(
                f"this needs the package `{package}`, which is not installed",
                f'pip install "andamios-orm[{extra}]"',
            )
