"""Put the same questions to andamios_orm and its peers: `python -m benchmarks.peers [NAME ...]`.

Each library runs in an environment and a process of its own. The answers are printed as a table
and kept in `results.json`; `--table` prints the table of the answers that were kept.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import CACHE, Environment, LeftOut, environment
from benchmarks.peers.table import SUMMARY, table

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SECONDS = 300
"""What one library may take for all its answers."""


@dataclass(frozen=True)
class Peer:
    """A library: the name of its files here, its title, its distribution, the Python it needs."""

    name: str
    title: str
    distribution: str
    minimum: tuple[int, int] = (3, 11)


PEERS = (
    Peer("andamios_orm", "andamios_orm", "andamios-orm"),
    Peer("sqlmodel", "SQLModel", "sqlmodel"),
    Peer("advanced_alchemy", "Advanced Alchemy", "advanced-alchemy"),
    Peer("tortoise", "Tortoise", "tortoise-orm"),
    Peer("piccolo", "Piccolo", "piccolo"),
    Peer("ferro", "Ferro", "ferro-orm", minimum=(3, 13)),
    Peer("oxyde", "Oxyde", "oxyde"),
)


def main() -> None:
    """Ask, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="*", help="ask only these; the other answers are kept")
    parser.add_argument("--table", action="store_true", help="print the kept answers, ask nobody")
    parser.add_argument("--summary", action="store_true", help="print fewer rows")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where environments are kept")
    options = parser.parse_args()
    unknown = set(options.names) - {peer.name for peer in PEERS}
    if unknown:
        parser.error(f"no such library here: {', '.join(sorted(unknown))}")
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not options.table:
        kept = _asked(options.names, kept, options.cache.absolute())
        RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    print(table(kept, SUMMARY if options.summary else None))


def _asked(names: list[str], kept: dict[str, Any], cache: Path) -> dict[str, Any]:
    """Return the kept answers with those of the named libraries, or of all, asked again."""
    answers: dict[str, Any] = {}
    for peer in PEERS:
        if names and peer.name not in names:
            if peer.name in kept:
                answers[peer.name] = kept[peer.name]
            continue
        print(f"{peer.title} ...", file=sys.stderr, flush=True)
        try:
            answers[peer.name] = _ask(peer, environment(peer.name, peer.minimum, cache))
        except LeftOut as reason:
            print(f"{peer.title} is left out: {reason}", file=sys.stderr)
            answers[peer.name] = {"title": peer.title, "left out": str(reason)}
    return answers


def _ask(peer: Peer, env: Environment) -> dict[str, Any]:
    packages = env.packages()
    by_name = {name.lower().replace("_", "-"): version for name, version in packages.items()}
    return {
        "title": peer.title,
        "version": by_name[peer.distribution],
        **env.versions(),
        "packages": {
            name: by_name[name]
            for name in ("pydantic", "sqlalchemy", "aiosqlite", "oxyde-core", "mypy")
            if name in by_name
        },
        "answers": {**_probe(peer, env), "typing": _typing(peer, env)},
    }


def _probe(peer: Peer, env: Environment) -> dict[str, Any]:
    """Return what the probe of a library prints, up to where it gets."""
    probe = HERE / "probes" / f"{peer.name}_probe.py"
    with tempfile.TemporaryDirectory() as folder:
        command: list[str | Path] = [
            env.python,
            "-W",
            "ignore",
            probe,
            Path(folder, "probe.db"),
        ]
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            print(f"{peer.title} took more than {SECONDS} seconds", file=sys.stderr)
    lines = [json.loads(line) for line in output.splitlines()]
    return {line["question"]: line["answer"] for line in lines}


def _typing(peer: Peer, env: Environment) -> dict[str, Any]:
    """Return what mypy says of the lines marked wrong and right, in their order."""
    program = HERE / "probes" / "programs" / f"{peer.name}.py"
    with tempfile.TemporaryDirectory() as folder:
        # A name and a folder of its own: `sqlmodel.py` would be taken for the library.
        copy = Path(folder, "program.py")
        copy.write_text(program.read_text())
        options = ["--strict", "--config-file=", "--cache-dir=cache"]
        command: list[str | Path] = [env.python, "-m", "mypy", *options, copy.name]
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    found = re.findall(r"^program\.py:(\d+): error: .*\[(\S+)\]$", done.stdout, re.MULTILINE)
    errors = {int(line): code for line, code in found}
    answer: dict[str, Any] = {"wrong": {}, "right": {}, "elsewhere": []}
    for number, line in enumerate(program.read_text().splitlines(), start=1):
        marked = re.search(r"# (wrong|right): (.+)$", line)
        if marked:
            answer[marked[1]][marked[2]] = errors.pop(number, None)
    answer["elsewhere"] = sorted(errors.values())
    return answer


if __name__ == "__main__":
    main()
