"""Write the page of what type checkers see: `python -m tests.docs.checkers_page`."""

from pathlib import Path

from tests.typing.__main__ import CASES, Mark, marks_of
from tests.typing.checkers import CHECKERS
from tests.typing.known_misses import KNOWN_MISSES

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "type-checkers.md"

INTRODUCTION = """\
# What type checkers see

No plugin is needed, by any of them. The tests hold {count} mistakes against four checkers, each in
its strictest mode and with nothing but its own configuration; programs without a mistake must
pass all four, and run.

"""

MISSES = """
The rest they cannot see: it would need a rule that the checker does not have, or another
signature in the library that the mistake goes through. Conditions and class statements then
raise when they are run, before any SQL; a constructor refuses values that do not fit, and leaves
out names that it does not know, as pydantic does. The text of `db.sql()` cannot be asked
where it comes from: whoever uses mypy alone has ruff's rule `S608` look at it, which reports all
of the lines below that put a text together.

"""

NOTES = """
mypy has more rules than its strict mode turns on. `enable_error_code = ["truthy-bool"]` reports
a condition in a variable that `if`, `and` or `or` asks, as in `adult = Hero.age > 17`, `if adult:`.

This page is written by `python -m tests.docs.checkers_page`, and the tests compare it with the
programs.
"""


def _code(mark: Mark) -> str:
    line = (CASES / mark.file).read_text(encoding="utf-8").splitlines()[mark.line - 1]
    return line.partition("  # E: ")[0].strip().replace("|", "\\|")


def _share(caught: int, count: int) -> str:
    return f"{caught} of {count}, {caught / count:.1%}"


def page() -> str:
    """Return the page."""
    marks = marks_of(CASES)
    names = [checker.name for checker in CHECKERS]
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    missed = [sum(name in misses for misses in KNOWN_MISSES.values()) for name in names]
    shares = (_share(len(marks) - number, len(marks)) for number in missed)
    lines.append("| " + " | ".join(shares) + " |")
    text = INTRODUCTION.format(count=len(marks)) + "\n".join(lines) + "\n" + MISSES

    lines = ["| Mistake | Missed by | Because |", "|---|---|---|"]
    of = {mark.name: mark for mark in marks}
    for name, misses in KNOWN_MISSES.items():
        for reason in dict.fromkeys(misses.values()):
            by = ", ".join(checker for checker in names if misses.get(checker) == reason)
            why = reason.replace("|", "\\|")
            lines.append(f"| `{_code(of[name])}` | {by} | {why} |")
    return text + "\n".join(lines) + "\n" + NOTES


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
