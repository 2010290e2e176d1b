"""Where and with what was measured; nothing that names the machine or its folders."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "versions"]

_PACKAGES = (
    "andamios-orm",
    "pydantic",
    "sqlalchemy",
    "uvloop",
    "aiosqlite",
    "duckdb",
    "asyncpg",
    "asyncmy",
)


def machine() -> dict[str, str | int]:
    """Return the processor, how many of its cores are there, and the system."""
    return {"cpu": _cpu(), "cores": os.cpu_count() or 1, "system": platform.system()}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that take part."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or platform.machine()
