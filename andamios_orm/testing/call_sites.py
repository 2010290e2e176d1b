"""Find the line of the user's program from which a statement was run."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import sqlalchemy as sa

import andamios_orm

__all__ = ["CallSite", "call_site"]

_STANDARD = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OURS = tuple(str(Path(str(module.__file__)).parent) + os.sep for module in (andamios_orm, sa))
# Below these is what started the event loop, not what called.
_LOOP = tuple(
    os.path.join(os.path.dirname(asyncio.__file__), name)
    for name in ("base_events.py", "events.py", "runners.py")
)


@dataclass(frozen=True, slots=True, order=True)
class CallSite:
    """A line of the user's program."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        file = Path(self.file)
        here = Path.cwd()
        shown = file.relative_to(here) if file.is_relative_to(here) else file
        return f"{shown}:{self.line} in {self.function}"


def call_site() -> CallSite | None:
    """Return the innermost line that is neither ours nor Python's; None in a task of its own."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - its documented name
    greenlet = _current_greenlet()
    while True:
        if frame is None:
            # SQLAlchemy runs drivers in a greenlet, whose frames end where it was switched to.
            greenlet = getattr(greenlet, "parent", None)
            frame = getattr(greenlet, "gr_frame", None)
            if frame is None:
                return None
            continue
        file = frame.f_code.co_filename
        if file in _LOOP:
            return None
        if not _is_foreign(file):
            # The function around a comprehension or lambda.
            function = frame.f_code.co_qualname.split(".<locals>.<")[0]
            return CallSite(file, frame.f_lineno, function)
        frame = frame.f_back


def _is_foreign(file: str) -> bool:
    if file.startswith((*_OURS, "<frozen")):
        return True
    return file.startswith(_STANDARD) and not any(part in file for part in _INSTALLED)


def _current_greenlet() -> Any:
    module: Any = sys.modules.get("greenlet")
    return module.getcurrent() if module is not None else None
