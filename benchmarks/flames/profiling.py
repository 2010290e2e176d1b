"""Profile one operation with pyinstrument, on a CPU clock: who waits for a database takes none."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pyinstrument
from pyinstrument.frame import Frame as Sampled
from pyinstrument.stack_sampler import get_stack_sampler

from benchmarks.flames.frames import Frame, Kind, kind_of
from benchmarks.harness import Contender

__all__ = ["Flame", "profiled"]

_INTERVAL = 0.000_05
_WARM = 50
"""Calls before the first sample: caches are filled, and the processor is awake."""
_THREAD = "threads of driver and engine"
_LOOP = "event loop and callbacks"
_MEANT = {
    ("andamios_orm.rows.validator", "<lambda>"): (
        "pydantic_core",
        "SchemaValidator.validate_python",
    ),
}
"""Functions that do nothing but call one in C, whose time the profiler cannot always tell apart."""
_PYDANTIC = ("SchemaValidator.", "SchemaSerializer.", "to_json", "from_json")


@dataclass(frozen=True, slots=True)
class Flame:
    """Where the CPU time of one call goes, of the whole process."""

    root: Frame
    calls: int
    """How many calls were profiled."""


async def profiled(contender: Contender, *, calls: int, rounds: int) -> Flame:
    """Profile `rounds` times `calls` calls.

    Being profiled makes calls of functions slower, so the shares are those of the profile, and
    their sum is what a call takes without one, in the median round.
    """
    await _sample(contender, min(_WARM, calls))
    plain = [await _sample(contender, calls) for _ in range(rounds)]
    whole, loop = (statistics.median(each) / calls for each in zip(*plain, strict=True))
    sampler = get_stack_sampler()
    sampler.timer_func = time.thread_time
    profiler = pyinstrument.Profiler(interval=_INTERVAL, async_mode="disabled")
    try:
        for _ in range(rounds):
            await _sample(contender, calls, profiler)
    finally:
        sampler.timer_func = None
    session = profiler.last_session
    sampled = None if session is None else session.root_frame(trim_stem=False)
    if sampled is None:
        raise RuntimeError("the profiler saw nothing: profile more calls")
    return Flame(_one_call(sampled, loop, whole - loop), calls * rounds)


async def _sample(
    contender: Contender, calls: int, profiler: pyinstrument.Profiler | None = None
) -> tuple[float, float]:
    """Return the CPU time of the process and of this thread for so many calls."""
    if contender.before is not None:
        await contender.before(calls)
    if profiler is not None:
        profiler.start()
    process, thread = time.process_time(), time.thread_time()
    await _calls(contender.call, calls)
    process, thread = time.process_time() - process, time.thread_time() - thread
    if profiler is not None:
        profiler.stop()
    if contender.after is not None:
        await contender.after()
    return process, thread


async def _calls(call: Callable[[], Awaitable[object]], calls: int) -> None:
    for _ in range(calls):
        await call()


def _one_call(sampled: Sampled, loop: float, threads: float) -> Frame:
    """Return the frames of one call: below the call, beside it in the loop, and in threads."""
    root = _read(sampled, "python", _modules())
    inside = _hoisted([child for one in root.walk() if _calls_it(one) for child in one.children])
    beside = root.seconds - sum(one.seconds for one in inside)
    found = [*inside, Frame("", _LOOP, "loop", beside, _callbacks(root))]
    found = [one.scaled(loop / (root.seconds or 1.0)) for one in found]
    if threads > 0:
        found.append(Frame("", _THREAD, "driver", threads))
    return Frame("", "one call", "python", sum(one.seconds for one in found), found).merged()


def _calls_it(frame: Frame) -> bool:
    return frame.function == _calls.__name__ and frame.module == __name__


def _hoisted(frames: list[Frame]) -> list[Frame]:
    """Return the frames without those of the benchmark itself, whose children take their place."""
    found: list[Frame] = []
    for one in frames:
        found += _hoisted(one.children) if one.module.startswith("benchmarks.") else [one]
    return found


def _callbacks(frame: Frame) -> list[Frame]:
    """Return what runs beside the call: all frames that do not lead to it."""
    if not any(map(_calls_it, frame.walk())):
        return [frame]
    if _calls_it(frame):
        return []
    return [found for child in frame.children for found in _callbacks(child)]


def _read(sampled: Sampled, kind: Kind, modules: dict[str, str]) -> Frame:
    """Return pyinstrument's frames as ours. What has no file is the work of who called it."""
    module, function = _place(sampled, modules)
    stands = (module, function) in _MEANT
    module, function = _MEANT.get((module, function), (module, function))
    own = kind if module in ("built-in", "generated") else kind_of(module)
    children: list[Frame] = []
    for child in sampled.children:
        if not child.is_synthetic:
            one = _read(child, own, modules)
            # What stands for a function in C may have been told apart from it after all.
            is_same = stands and (one.module, one.function) == (module, function)
            children += one.children if is_same else [one]
    return Frame(module, function, own, sampled.time, children)


def _place(sampled: Sampled, modules: dict[str, str]) -> tuple[str, str]:
    path = sampled.file_path or ""
    function = sampled.function
    if path == "<built-in>":
        return ("pydantic_core" if function.startswith(_PYDANTIC) else "built-in"), function
    if sampled.class_name and not function.startswith("<"):
        function = f"{sampled.class_name}.{function}"
    if path.startswith("<"):
        return "generated", function
    return modules.get(path, path.rpartition("/")[2].removesuffix(".py")), function


def _modules() -> dict[str, str]:
    """Return the names of the loaded modules by file."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return {path: name for name, path in files.items() if path and name != "__main__"}
