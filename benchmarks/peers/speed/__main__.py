"""Time andamios_orm and its peers: `python -m benchmarks.peers.speed`, which is `make bench-peers`.

Each library runs in an environment and a process of its own, next to the raw driver with pydantic
in the same process, so that its ratio to that floor can be compared with the others'.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.databases import database
from benchmarks.harness import ROUNDS
from benchmarks.machine import machine
from benchmarks.peers.environments import CACHE, ROOT, Environment, LeftOut, environment
from benchmarks.peers.speed.answers import Answers, Library, loaded, result_from
from benchmarks.peers.speed.importing import imported
from benchmarks.peers.speed.judgement import judgement
from benchmarks.peers.speed.page import write
from benchmarks.peers.speed.roster import LIBRARIES, MEASURED, OURS, TITLES, Entry
from benchmarks.peers.speed.tables import tables
from benchmarks.peers.speed.traits import Traits

RESULTS = Path(__file__).parents[2] / "results"
RECORDED = RESULTS / "peers.json"
LATEST = CACHE / "speed.json"
"""Where a run is kept that is not recorded."""

SECONDS = 0.06
"""How long a sample of the fastest contender is to be."""
PATIENCE = 1800
"""Seconds after which a library is given up on one backend."""
METHOD = (
    "Each library runs in a process of its own with raw driver + pydantic beside it; the two take"
    " turns in random order, and after a warm-up the median of {rounds} rounds counts. CPU is that"
    " of the process with all its threads, servers excluded. What a library returns and stores is"
    " compared with the workload before it is timed."
)
_WORKED_WITH = ("pydantic", "sqlalchemy", "asyncpg", "aiosqlite", "oxyde-core", "uvloop")


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _parsed(words)
    if options.table:
        answers = loaded(options.json or RECORDED)
    else:
        answers = _answers(options)
        kept = options.json or (RECORDED if options.record else LATEST)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(answers.text(), encoding="utf-8")
        # What is shown is what was kept, so that printing it again shows the same.
        answers = loaded(kept)
    if options.record:
        write(answers)
    print(tables(answers))
    print(f"\n{judgement(answers)}")


def _answers(options: argparse.Namespace) -> Answers:
    engines: dict[str, str] = {}
    libraries = []
    for entry in LIBRARIES:
        if entry.name not in options.libraries:
            continue
        try:
            made = environment(entry.requirements, entry.minimum, options.cache.absolute())
        except LeftOut as reason:
            _say(f"{entry.title} is left out: {reason}")
            libraries.append(Library(entry.name, entry.title, left_out=str(reason)))
        else:
            libraries.append(_library(entry, made, options, engines))
    method = METHOD.format(rounds=options.rounds)
    return Answers(machine(), engines, method, tuple(libraries))


def _library(
    entry: Entry, made: Environment, options: argparse.Namespace, engines: dict[str, str]
) -> Library:
    """Return what one library took on all backends."""
    packages = {
        name.lower().replace("_", "-"): version for name, version in made.packages().items()
    }
    found = [
        (backend, _on(entry, module, backend, made, options))
        for backend in options.only
        if (module := entry.module(backend)) is not None
    ]
    answered = [(backend, one) for backend, one in found if isinstance(one, dict)]
    failed = {backend: one for backend, one in found if isinstance(one, str)}
    for backend, one in answered:
        engines[backend] = one["engine"]
        if one["failed"]:
            failed[backend] = f"{', '.join(one['failed'])}: an error, which the run printed"
    traits = Traits(**answered[0][1]["traits"]) if answered else None
    return Library(
        name=entry.name,
        title=entry.title,
        version=packages[entry.distribution],
        python=made.versions()["python"],
        packages={name: packages[name] for name in _WORKED_WITH if name in packages},
        traits=traits,
        forms={backend: notes for backend, one in answered if (notes := _notes(one, traits))},
        imported=imported(made.python, entry.imported, root=ROOT),
        results=tuple(result_from(each) for _, one in answered for each in one["results"]),
        failed=failed,
    )


def _notes(answer: dict[str, Any], traits: Traits | None) -> list[str]:
    """Return what is so on one backend: its forms of values, and its own remark."""
    remarks = answer["traits"]["remarks"]
    is_its_own = traits is not None and remarks != traits.remarks
    return [*answer["forms"], *([remarks] if is_its_own else [])]


def _on(
    entry: Entry, module: str, backend: str, made: Environment, options: argparse.Namespace
) -> dict[str, Any] | str:
    """Return the answer of a library's process on a backend, or why there is none."""
    _say(f"{entry.title} on {TITLES[backend]}")
    try:
        with database(backend) as url:
            # Every library stores in a file in its own way; on a server the columns have types.
            is_shared = backend == "postgresql" or entry.name == OURS
            own = url if is_shared else url.replace("bench.db", "own.db")
            return _process([module, backend, url, own, *_options(options)], made)
    except ServerUnavailable as error:
        _say(f"{backend}: left out: {error}")
        return "its server could not be started"


def _options(options: argparse.Namespace) -> list[str]:
    return [
        *("--rounds", str(options.rounds), "--seconds", str(options.seconds)),
        *("--operations", *options.operations),
    ]


def _process(words: list[str], made: Environment) -> dict[str, Any] | str:
    # A folder of its own: a module of the project must not be taken for a library of its name.
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments
                [made.python, "-W", "ignore", "-m", "benchmarks.peers.speed.process", *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
                check=True,
            )
        except subprocess.TimeoutExpired:
            return f"it took more than {PATIENCE} seconds"
        except subprocess.CalledProcessError:
            return "it ended with an error, which the run printed"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_LEAST_ROUNDS = 5


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(words)
    chosen = ("libraries", "only", "operations")
    if options.record and any(getattr(options, one) != parser.get_default(one) for one in chosen):
        parser.error("--record keeps a run of everything: ratios of several runs do not compare")
    if options.record and options.rounds < _LEAST_ROUNDS:
        parser.error(f"--record keeps a run of {_LEAST_ROUNDS} rounds or more")
    return options


def _parser() -> argparse.ArgumentParser:
    names = tuple(entry.name for entry in LIBRARIES)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.speed", description=__doc__)
    parser.add_argument(
        "--libraries",
        type=lambda text: _known(text, names),
        default=names,
        metavar="NAME,...",
        help=f"some of {', '.join(names)}",
    )
    parser.add_argument(
        "--only",
        type=lambda text: _known(text, TITLES),
        default=tuple(TITLES),
        metavar="BACKEND,...",
        help=f"some of {', '.join(TITLES)}",
    )
    parser.add_argument(
        "--operations",
        type=lambda text: _known(text, MEASURED),
        default=tuple(MEASURED),
        metavar="NAME,...",
        help=f"some of {', '.join(MEASURED)}",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="samples of each side")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a sample")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the results")
    parser.add_argument(
        "--record",
        action="store_true",
        help="keep the results in benchmarks/results/peers.json and write them into docs",
    )
    parser.add_argument(
        "--table", action="store_true", help="print the kept results again, measure nothing"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="where environments are kept")
    return parser


def _known(text: str, known: Sequence[str] | dict[str, str]) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
    return names


if __name__ == "__main__":
    main()
