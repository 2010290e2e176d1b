"""How answers look in a terminal."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

Cell: TypeAlias = str | int | Decimal | Text

number = partial(Column, justify="right")
"""The heading of a column that stands to the right."""


def as_table(
    headings: Sequence[str | Column], rows: Iterable[Sequence[Cell]], *, note: str | None = None
) -> RenderableType:
    table = Table(
        *headings,
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="dim",
        border_style="dim",
    )
    for row in rows:
        table.add_row(*map(as_text, row))
    return Group(table, Text(note, style="dim")) if note else table


def as_text(value: Cell) -> Text:
    # Text, because rich would read a plain str as markup: titles have brackets.
    match value:
        case Text():
            return value
        case str():
            return Text(value)
        case int():
            return Text(f"{value:,}")
        case Decimal():
            return Text(f"{value:,.2f}")


def bar(share: Decimal) -> Text:
    """Return a bar for a share between 0 and 1."""
    return Text("━" * round(share * 20), style="cyan")


def duration(milliseconds: int) -> str:
    """Return hours, minutes and seconds, without the hours of what is short.

    >>> duration(343_719), duration(5_286_953)
    ('5:43', '1:28:06')
    """
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
