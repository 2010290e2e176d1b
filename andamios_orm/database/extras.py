"""Load an optional package before anything is done that would need it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from andamios_orm.errors import MissingDriver

__all__ = ["require"]


async def require(extra: str, *packages: str) -> None:
    """Load packages that results need, beside the event loop: they take a second or more.

    Raises MissingDriver, with the extra to install, for one that is not there.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingDriver(
                f"this needs the package `{package}`, which is not installed",
                f'pip install "andamios-orm[{extra}]"',
            )
    missing = [name for name in (*packages, "andamios_orm.rows.arrow") if name not in sys.modules]
    if missing:
        await asyncio.to_thread(_load, missing)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)
