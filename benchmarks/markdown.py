"""Tables in Markdown, and the place in a page that a program writes."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["replaced", "table"]

_BEGIN = "<!-- written by `{command}`: edit {source} instead -->\n"
_END = "<!-- end of what is written -->\n"


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return a table, whose first line is its head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rest = (
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )
    rule = "| " + " | ".join("-" * max(width, 3) for width in widths) + " |"
    return "\n".join((head, rule, *rest))


def replaced(page: str, text: str, *, command: str, source: str) -> str:
    """Return a page with `text` in the place that it keeps for a command; its own text is kept."""
    begin = _BEGIN.format(command=command, source=source)
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(_END)
    if not found:
        raise ValueError(f"the page has no place for what `{command}` writes")
    return f"{before}{begin}\n{text}\n\n{_END}{after}"
