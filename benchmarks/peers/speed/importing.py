"""What importing a library costs, next to importing pydantic, in the library's environment."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

from benchmarks.harness import Sample, Timing
from benchmarks.report import PYTHON, Result, result

__all__ = ["imported"]

ROUNDS = 5
_TIMED = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
import {modules}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


def imported(python: Path, modules: str, *, root: Path, rounds: int = ROUNDS) -> Result:
    """Return the time of importing modules, each sample in a process of its own."""
    programs = {"library": modules, "pydantic": "pydantic"}
    samples: dict[str, list[Sample]] = {side: [] for side in programs}
    for number in range(rounds + 1):
        for side in random.sample(sorted(programs), len(programs)):
            sample = _sample(python, programs[side], root)
            if number:  # the first writes bytecode
                samples[side].append(sample)
    library, pydantic = (Timing(tuple(samples[side])) for side in ("library", "pydantic"))
    return result("import", f"import {modules}", PYTHON, library, pydantic, calls=1)


def _sample(python: Path, modules: str, root: Path) -> Sample:
    # Where bytecode may not be written, a library that was not compiled when it was installed
    # would be compiled at every import.
    without = {"PYTHONDONTWRITEBYTECODE"}
    environment = {key: value for key, value in os.environ.items() if key not in without}
    done = subprocess.run(  # noqa: S603 - our own arguments
        [python, "-W", "ignore", "-c", _TIMED.format(modules=modules)],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, cpu = json.loads(done.stdout)
    return Sample(wall=wall, cpu=cpu)
