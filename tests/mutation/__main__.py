"""Put small mistakes into the package, one at a time, and see whether a fast test notices.

`python -m tests.mutation [--sample N] [--seed S] [--only TEXT ...] [--list]`. The tests are those
that need no server. They are first run once, without a mistake, to learn which of them runs which
line and how long it takes; `--measure` does that again. Then each mutant is met by the tests that
run its line: the shortest first, and if it survives by the others, as far as a limit of time goes.
"""

import argparse
import json
import math
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.mutation.measuring import BUILD, MUTATED, ROOT, TESTS, Measured, measure
from tests.mutation.operators import Mutant, count_in, mutant_of
from tests.mutation.trying import Tried, fate_of, modules_of, passes, preload


def places() -> list[tuple[Path, int]]:
    """Return the file and the number of every mutant of the package."""
    paths = [path for folder in MUTATED for path in sorted((ROOT / folder).rglob("*.py"))]
    return [
        (path, number)
        for path in paths
        for number in range(count_in(path.read_text(encoding="utf-8")))
    ]


def described(path: Path, number: int) -> Mutant:
    return mutant_of(path.relative_to(ROOT), path.read_text(encoding="utf-8"), number)


def interval(part: int, whole: int) -> tuple[float, float]:
    """Return between which shares the true one lies, in 95 of 100 samples (Wilson).

    >>> [round(share, 3) for share in interval(90, 100)]
    [0.826, 0.945]
    """
    z = 1.96
    share = part / whole
    middle = share + z * z / (2 * whole)
    margin = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    width = 1 + z * z / whole
    return (middle - margin) / width, (middle + margin) / width


def report(tried: Mapping[str, Tried], whole: int) -> Iterator[str]:
    """Give the lines of the summary."""
    for name, found in tried.items():
        if found.fate in ("survived", "not run"):
            yield f"{found.fate}: {name}"
    noticed = sum(found.fate in ("killed", "hangs") for found in tried.values())
    low, high = interval(noticed, len(tried))
    yield (
        f"{noticed} of {len(tried)} mutants were noticed ({noticed / len(tried):.1%}; of all"
        f" {whole} between {low:.1%} and {high:.1%})"
    )


def main() -> int:
    """Try the mutants and print those that nobody noticed; the exit code says nothing of them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, by chance")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of that chance")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="files with it in their path")
    parser.add_argument("--match", metavar="TEXT", help="mutants with it in their description")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at a time")
    parser.add_argument("--measure", action="store_true", help="learn anew which test runs what")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    options = parser.parse_args()
    everything = chosen = places()
    if options.only:
        chosen = [place for place in chosen if any(t in str(place[0]) for t in options.only)]
    if options.sample is not None and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)  # noqa: S311 - no secret
    mutants = [described(*place) for place in chosen]
    if options.match:
        mutants = [mutant for mutant in mutants if options.match in str(mutant)]
    if options.list:
        print(*mutants, f"{len(mutants)} of {len(everything)}", sep="\n")
        return 0
    if options.measure or not Measured.is_there():
        measure()
    measured = Measured()
    preload(modules_of(TESTS))
    tried = dict(sorted(try_all(mutants, measured, options.jobs).items()))
    (BUILD / "results.json").write_text(
        json.dumps({name: asdict(found) for name, found in tried.items()}, indent=1)
    )
    print("", *report(tried, len(everything)), sep="\n")
    killers = sorted({found.by for found in tried.values()} & measured.seconds.keys())
    if killers and passes(None, killers, measured).fate != "survived":
        print(f"A test fails without a mistake, see {BUILD}/log-*: no figure is of use")
        return 1
    return 0


def try_all(mutants: Sequence[Mutant], measured: Measured, jobs: int) -> dict[str, Tried]:
    """Try the mutants, some at a time, each in a process of its own."""
    waiting = list(enumerate(mutants))
    running: dict[int, tuple[Mutant, Path, float]] = {}
    tried: dict[str, Tried] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            number, mutant = waiting.pop(0)
            result = BUILD / f"result-{number}.json"
            child = os.fork()
            if child == 0:
                try:
                    result.write_text(json.dumps(asdict(fate_of(mutant, measured))))
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            running[child] = mutant, result, time.perf_counter()
        child, status = os.wait()
        mutant, result, begun = running.pop(child)
        if status != 0:
            raise RuntimeError(f"no result for {mutant}")
        found = tried[f"{mutant} #{mutant.number}"] = Tried(**json.loads(result.read_text()))
        result.unlink()
        seconds = time.perf_counter() - begun
        print(
            f"{len(tried)}/{len(mutants)} {found.fate} {seconds:.0f} s {mutant} | {found.tests}"
            f" {found.by}",
            flush=True,
        )
    return tried


if __name__ == "__main__":
    sys.exit(main())
