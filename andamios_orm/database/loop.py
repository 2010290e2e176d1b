"""Run a program's main coroutine on the fastest event loop that is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import TypeVar

__all__ = ["loop_factory", "run"]

T = TypeVar("T")


def run(main: Coroutine[object, object, T], *, debug: bool | None = None) -> T:
    """Run `main` in a new event loop and return its result: uvloop's where it is installed.

    The same as `asyncio.run`, and with the same rule: not from inside a running loop.

    ```python
    async def main() -> str:
        return "done"


    assert run(main()) == "done"
    ```
    """
    with asyncio.Runner(debug=debug, loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes event loops: uvloop, None for asyncio's own where it is not installed."""
    if find_spec("uvloop") is None:
        return None
    # Imported here because there is no uvloop for Windows.
    from uvloop import new_event_loop  # noqa: PLC0415

    return new_event_loop
