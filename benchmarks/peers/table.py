"""Turn the kept answers into a Markdown table; the cells are counted, not written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["SUMMARY", "table"]

Answers = dict[str, Any]


def table(results: dict[str, Any], rows: Iterable[str] | None = None) -> str:
    """Return the table of all rows, or of those whose keys are given."""
    asked = [peer for peer in results.values() if "answers" in peer]
    lines = [
        ["", *(f"{peer['title']} {peer['version']}" for peer in asked)],
        ["---"] * (len(asked) + 1),
    ]
    for key in ROWS if rows is None else rows:
        title, cell = ROWS[key]
        lines.append([title, *(_cell(cell, peer["answers"]) for peer in asked)])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    left_out = [
        f"{peer['title']}: {peer['left out']}" for peer in results.values() if "left out" in peer
    ]
    return "\n\n".join([text, *(f"Left out: {reason}." for reason in left_out)])


def _cell(cell: Callable[[Answers], str], answers: Answers) -> str:
    try:
        return cell(answers)
    except KeyError:
        return "no answer"


def _construct(answers: Answers) -> str:
    found = {way: text for way, text in answers["construct"].items() if isinstance(text, str)}
    if "error" in found:
        return found["error"]
    made = sum(text.startswith("refused when made") for text in found.values())
    saved = sum(text.startswith("refused when saved") for text in found.values())
    when = f", {saved} of them when saved" if saved else ""
    return f"{made + saved} of {len(found)}{when}"


def _assign(answers: Answers) -> str:
    plain = {key: text for key, text in answers["assign"].items() if isinstance(text, str)}
    if "error" in plain:
        return plain["error"]
    refused = sum(text.startswith("refused") for text in plain.values())
    late = sum(text.startswith("stored, then") for text in plain.values())
    return f"{refused} of {len(plain)}" + (f"; {late} raise once stored" if late else "")


def _load(answers: Answers) -> str:
    found = answers["load"]
    if "error" in found:
        return str(found["error"])
    refused = sum(text.startswith("refused") for text in found.values())
    return f"{refused} of {len(found)}"


def _nested(answers: Answers) -> str:
    found = answers["nested"]
    if "error" in found:
        return f"{found['error']} on reading"
    return {"list of Power": "as models", "list of dict": "as dicts"}[found["comes back as"]]


def _check(answers: Answers) -> str:
    found = answers["constraints"]
    if found["age >= 0"]:
        return "yes"
    by_hand = found["age >= 0 by hand"]
    return "no; by hand" if by_hand is True else "no; by hand not on SQLite"


def _length(answers: Answers) -> str:
    return "yes" if answers["constraints"]["length <= 50"] else "no"


def _decimal(answers: Answers) -> str:
    found = answers["decimal"].values()
    exact = "exact" if all(price["exact"] for price in found) else "not exact"
    kinds = {price["stored as"] for price in found}
    return f"{exact} (as {', '.join(sorted(kinds))})"


def _datetime(answers: Answers) -> str:
    found = answers["datetime"]
    if found["same"]:
        return "yes"
    return "another instant" if found["aware"] else "without time zone"


def _updates(answers: Answers) -> str:
    return _race(answers["updates"]["defaults"])


def _careful(answers: Answers) -> str:
    options = [text for text in answers["updates"] if text != "defaults"]
    return (
        "; ".join(f"`{text}`: {_race(answers['updates'][text])}" for text in options)
        or "\N{EN DASH}"
    )


def _race(rounds: list[dict[str, int]]) -> str:
    parts = [
        f"{_span(round_[key] for round_ in rounds)} {word}"
        for key, word in (("kept", "kept"), ("raised", "raised"), ("lost", "lost in silence"))
        if any(round_[key] for round_ in rounds)
    ]
    return ", ".join(parts)


def _span(values: Iterable[int]) -> str:
    found = sorted(values)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]}\N{EN DASH}{found[-1]}"


def _wrong(answers: Answers) -> str:
    found = answers["typing"]["wrong"]
    return f"{sum(code is not None for code in found.values())} of {len(found)}"


def _right(answers: Answers) -> str:
    found = answers["typing"]["right"]
    accepted = sum(code is None for code in found.values())
    elsewhere = "; error on the class" if answers["typing"]["elsewhere"] else ""
    return f"{accepted} of {len(found)}{elsewhere}"


ROWS: dict[str, tuple[str, Callable[[Answers], str]]] = {
    "construct": ("Invalid object is refused when made", _construct),
    "assign": ("Invalid value is refused when assigned and saved", _assign),
    "load": ("Invalid row is refused when read", _load),
    "nested": ("List of Pydantic models in a column comes back", _nested),
    "check": ("`ge=0` is enforced by the database", _check),
    "length": ("Maximum length is enforced by SQLite", _length),
    "decimal": ("`Decimal(10, 2)` comes back from SQLite", _decimal),
    "datetime": ("Moment with `+05:30` comes back as the same moment", _datetime),
    "updates": ("50 concurrent read-and-write transactions on one row", _updates),
    "careful": ("… with a documented option", _careful),
    "wrong": ("Wrong lines that `mypy --strict` reports", _wrong),
    "right": ("Right lines that `mypy --strict` accepts", _right),
}
SUMMARY = ("construct", "assign", "load", "nested", "check", "updates", "wrong")
"""The rows of a shorter table."""
