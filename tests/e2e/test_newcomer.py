"""A newcomer's first session, at a terminal: every command of the quickstart, and what it says."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect  # type: ignore[import-untyped]  # it has no annotations
import pytest

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "docs" / "tutorial" / "quickstart.md"
BLOCK = re.compile(
    r'^```(?P<kind>console|diff)(?: title="(?P<file>[^"\n]*)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
PROMPT = "[y/N]: "
MASKS = [
    (re.compile(r"\d{8}_\d{6}"), "STAMP"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])"), "REVISION"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "TIME"),
    (re.compile(r"\d+\.\d+ s\b"), "SECONDS"),
    # The rate at which rows were stored, the last column of its table.
    (re.compile(r"^(\s*\w+(?:\s+\d+){3})\s+[\d,]+\s*$"), r"\1 RATE"),
    (re.compile(r"─+"), "─"),
    (re.compile(r"\s+"), " "),
]


@dataclass(frozen=True)
class Command:
    """One command of the page, with what the page says that it writes."""

    line: str
    told: list[str]


@dataclass(frozen=True)
class Edit:
    """A change that the page asks for."""

    file: str
    old: str
    new: str


def steps_of(page: str) -> Iterator[Command | Edit]:
    for block in BLOCK.finditer(page):
        lines = block["text"].splitlines()
        if block["kind"] == "diff":
            old = [line[1:] for line in lines if not line.startswith("+")]
            new = [line[1:] for line in lines if not line.startswith("-")]
            yield Edit(block["file"], "\n".join(old), "\n".join(new))
            continue
        starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
        for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield Command(lines[at][2:], lines[at + 1 : end])


def type_in(command: Command, folder: Path) -> list[str]:
    """Run a command in a terminal, answer as the page does, and return what is on the screen."""
    program, *arguments = shlex.split(command.line)
    assert program == "andamios-orm"
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "andamios_orm", *arguments],
        cwd=folder,
        env={**os.environ, "TERM": "dumb", "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        dimensions=(40, 100),
        timeout=120,
    )
    screen = ""
    for line in command.told:
        _, prompt, answer = line.partition(PROMPT)
        if prompt:
            terminal.expect_exact(prompt)
            screen += f"{terminal.before}{prompt}"
            terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    screen += terminal.before
    terminal.close()
    assert terminal.exitstatus == 0, screen
    lines: list[str] = screen.splitlines()
    return lines


def masked(lines: list[str]) -> list[str]:
    """Return the lines without what differs from run to run."""
    found = []
    for line in lines:
        shown = line.rstrip()
        for pattern, mask in MASKS:
            shown = pattern.sub(mask, shown)
        if shown.strip():
            found.append(shown.strip())
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="a pty is a thing of POSIX")
def test_the_quickstart_is_what_a_newcomer_sees(tmp_path: Path) -> None:
    steps = list(steps_of(QUICKSTART.read_text(encoding="utf-8")))

    assert [step.line.split()[1:3] for step in steps if isinstance(step, Command)] == [
        ["init"],
        ["migrate", "new"],
        ["migrate", "up"],
        ["db-seed"],
        ["db-seed"],
        ["schema", "graph"],
        ["migrate", "new"],
        ["migrate", "up"],
        ["db-seed"],
        ["migrate", "status"],
    ]
    for step in steps:
        if isinstance(step, Edit):
            file = tmp_path / step.file
            text = file.read_text()
            assert step.old in text
            file.write_text(text.replace(step.old, step.new))
        else:
            assert masked(type_in(step, tmp_path)) == masked(step.told), step.line
