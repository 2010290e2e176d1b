"""Draw where the time goes: `python -m benchmarks.flames`, which is `make flames`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from andamios_orm import run
from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.databases import database
from benchmarks.flames.drawing import flame, shown
from benchmarks.flames.frames import KINDS, Frame, own_time
from benchmarks.flames.pictures import FLAMES, TITLES, path_of
from benchmarks.flames.profiling import profiled
from benchmarks.harness import calls_for
from benchmarks.measuring import prepared
from benchmarks.operations import contender
from benchmarks.workload import OPERATIONS, new_numbers

_ROUNDS = 5
_LEAST = 0.01
"""Functions with a smaller share of the time are not printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and draw; return the program's exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flames", description=__doc__)
    parser.add_argument("--only", default=",".join(FLAMES), metavar="BACKEND,...")
    parser.add_argument("--operations", default=",".join(OPERATIONS), metavar="NAME,...")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of each of 5 samples")
    parser.add_argument("--folder", type=Path, help="where to draw, instead of the documentation")
    parser.add_argument("--functions", action="store_true", help="print what each function takes")
    chosen = parser.parse_args(arguments)
    for backend in chosen.only.split(","):
        names = [name for name in FLAMES[backend] if name in chosen.operations.split(",")]
        try:
            with database(backend) as url:
                run(_drawn(backend, url, names, chosen))
        except ServerUnavailable as error:
            print(f"{backend}: left out: {error}", file=sys.stderr)
    return 0


async def _drawn(backend: str, url: str, names: Sequence[str], chosen: argparse.Namespace) -> None:
    async with prepared(url) as (ours, _):
        numbers = new_numbers()
        for name in names:
            one = contender(name, ours, numbers)
            most = OPERATIONS[name].most_calls
            await calls_for([one], seconds=chosen.seconds, most=most)  # a warm-up
            calls = await calls_for([one], seconds=chosen.seconds, most=most * 4)
            found = await profiled(one, calls=calls, rounds=_ROUNDS)
            path = path_of(backend, name, chosen.folder)
            title = f"{OPERATIONS[name].title}, {TITLES[backend]}"
            subtitle = (
                f"CPU of one call, {shown(found.root.seconds)}; {found.calls:,} calls profiled"
            )
            path.write_text(flame(title, subtitle, found.root), encoding="utf-8")
            print(f"{title}: {subtitle}")
            if chosen.functions:
                print(_functions(found.root))


def _functions(root: Frame) -> str:
    """Return the time that each function spent in itself, the greatest first."""
    found: dict[tuple[str, str], float] = {}
    for one in root.walk():
        own = one.seconds - sum(child.seconds for child in one.children)
        found[KINDS[one.kind], one.name] = found.get((KINDS[one.kind], one.name), 0.0) + own
    kinds = [f"  {KINDS[kind]}: {shown(spent)}" for kind, spent in own_time(root).items()]
    lines = [
        f"  {shown(spent):>8}  {kind:12}  {name}"
        for (kind, name), spent in sorted(found.items(), key=lambda item: -item[1])
        if spent >= _LEAST * root.seconds
    ]
    return "\n".join([*kinds, *lines])


if __name__ == "__main__":
    sys.exit(main())
