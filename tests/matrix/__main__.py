"""Run the tests on every supported Python, with the oldest and the newest dependencies.

`python -m tests.matrix [pytest's arguments] [--list] [--only NAME ...]`. What stands below is said
of `make test-all`, which runs it.

There are two environments for each Python, called `3.11-oldest` and `3.11-newest` and so on. They
are kept in `build/matrix` and made again when pyproject.toml changes. In the oldest, each
dependency of the library is at its floor, or at the first release above it that has a wheel for
that Python; the tools that test are at their newest in both.

PYTHONS names the interpreters to use, by name or path: PYTHONS="python3.12 /opt/py/bin/python3.13".
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "matrix"
PYTHONS = "python3.11 python3.12 python3.13"
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
SHOWN = ("pydantic", "sqlalchemy", "duckdb")
"""The packages whose versions the summary shows."""

_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
_VERSIONS = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that is there."""

    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python with the oldest or the newest dependencies."""

    interpreter: Interpreter
    age: str

    @property
    def name(self) -> str:
        return f"{self.interpreter.version}-{self.age}"

    @property
    def folder(self) -> Path:
        return BUILD / self.name

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one environment."""

    environment: str
    versions: Sequence[str]
    result: str
    seconds: float
    good: bool


class Unusable(Exception):
    """An environment cannot be made; the message says why."""


def interpreters(names: Sequence[str]) -> tuple[list[Interpreter], list[str]]:
    """Return the Pythons that are there, and a sentence for each that is not."""
    found: list[Interpreter] = []
    missing: list[str] = []
    for name in names:
        path = shutil.which(name)
        if path is None:
            missing.append(f"{name} is missing: it is not on the PATH")
            continue
        # A version manager puts names on the PATH behind which there may be nothing.
        asked = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            missing.append(f"{name} is missing: {path} says {first_line(asked.stderr)}")
            continue
        version, executable = asked.stdout.strip().split(maxsplit=1)
        found.append(Interpreter(version, executable))
    return found, missing


def first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "nothing")


def uv() -> str:
    """Return the program that resolves to floors, which pip cannot; install it if need be."""
    there = shutil.which("uv")
    if there is not None:
        return there
    tools = BUILD / "tools"
    program = tools / ("Scripts" if sys.platform == "win32" else "bin") / "uv"
    if not program.exists():
        run([sys.executable, "-m", "venv", tools])
        run([program.with_name("python"), "-m", "pip", "install", "--quiet", "uv"])
    return str(program)


def run(command: Sequence[str | Path]) -> None:
    """Run a command that makes an environment. Raises Unusable with its last lines."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-12:])
        raise Unusable(f"{shlex.join(map(str, command))}\n{last}")


def made(environment: Environment) -> None:
    """Make the environment, unless it holds what pyproject.toml asks for. Raises Unusable."""
    stamp = environment.folder / ".stamp"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pins = BUILD / f"{environment.name}.txt"
    BUILD.mkdir(parents=True, exist_ok=True)
    compile_command: list[str | Path] = [
        uv(),
        "pip",
        "compile",
        "--quiet",
        "--upgrade",
        "--no-header",
    ]
    compile_command += ["--python", environment.interpreter.path, "--only-binary", ":all:"]
    # The library by itself first: the floors of the tools that test it are not ours to try.
    library: list[str | Path] = ["pyproject.toml", "--extra", "all", "--output-file", pins]
    run([*compile_command, *library, "--resolution", RESOLUTIONS[environment.age]])
    python = ["--python", environment.interpreter.path]
    run([uv(), "venv", "--quiet", "--clear", *python, environment.folder])
    install: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", environment.python]
    tools = ["--group", "test", "--group", "build"]
    run([*install, "--requirement", pins, "--constraint", pins, *tools])
    run([*install, "--no-deps", "--no-build-isolation", "--editable", "."])
    stamp.write_text(wanted)


def tested(environment: Environment, arguments: Sequence[str]) -> Outcome:
    """Make the environment and run the tests in it."""
    begun = time.perf_counter()
    try:
        made(environment)
    except Unusable as error:
        print(f"{environment.name}: {error}", flush=True)
        return Outcome(environment.name, ["-"] * len(SHOWN), "could not be made", 0, good=False)
    versions = subprocess.run(
        [environment.python, "-c", _VERSIONS, *SHOWN], capture_output=True, text=True, check=True
    ).stdout.split()
    shown = ", ".join(f"{name} {version}" for name, version in zip(SHOWN, versions, strict=True))
    print(f"\n{environment.name}: {shown}", flush=True)
    command: list[str | Path] = [environment.python, "-m", "pytest", "-q", "-n", "auto", *arguments]
    log = BUILD / f"{environment.name}.log"
    last = ""
    with log.open("w") as copy:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            copy.write(line)
            print(line, end="", flush=True)
            last = line.strip().strip("= ") or last
    good = process.wait() == 0
    return Outcome(environment.name, versions, last, time.perf_counter() - begun, good=good)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Give the lines of the summary."""
    yield f"{'':12} {''.join(f'{name:12}' for name in SHOWN)} result"
    for outcome in outcomes:
        versions = "".join(f"{version:12}" for version in outcome.versions)
        mark = "ok    " if outcome.good else "FAILED"
        yield f"{outcome.environment:12} {versions} {mark} {outcome.result}"


def main() -> int:
    """Test in each environment, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="such as 3.12-oldest or oldest")
    parser.add_argument("--list", action="store_true", help="show the environments, run nothing")
    options, arguments = parser.parse_known_args()
    found, missing = interpreters((os.environ.get("PYTHONS") or PYTHONS).split())
    environments = [Environment(python, age) for python in found for age in RESOLUTIONS]
    for name in options.only or ():
        if not any(name in environment.name for environment in environments):
            known = ", ".join(environment.name for environment in environments)
            parser.error(
                f"no environment is called {name}, there are: {known}. What pytest is given stands"
                " before --only, and PYTHONS names interpreters"
            )
    chosen = [
        environment
        for environment in environments
        if not options.only or any(part in environment.name for part in options.only)
    ]
    if options.list:
        print(*(f"{e.name:12} {e.interpreter.path}" for e in chosen), *missing, sep="\n")
        return 1 if missing else 0
    outcomes = [tested(environment, arguments) for environment in chosen]
    print("", *table(outcomes), *missing, sep="\n")
    if missing:
        print('Install them, or name those to use: PYTHONS="python3.12 /path/to/python3.13"')
    return 0 if chosen and not missing and all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
