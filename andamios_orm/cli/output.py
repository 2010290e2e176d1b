"""What commands say: tables and words for people, one JSON document for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Output"]


class Output:
    """Where a command writes to: what it found to stdout, what it does meanwhile to stderr."""

    documented: ClassVar[bool] = False
    """Whether the command that runs has written its document."""

    def __init__(
        self, *, as_json: bool = False, color: bool = True, all_aside: bool = False
    ) -> None:
        self.as_json = as_json
        self._color = color and not os.environ.get("NO_COLOR")
        self._all_aside = all_aside

    def aside(self) -> Output:
        """Return the output of one part of a command: its tables are what goes on, to stderr."""
        return Output(color=self._color, all_aside=True)

    @property
    def console(self) -> Console:
        """The console of what was found."""
        return self._console(stderr=self._all_aside)

    @property
    def progress(self) -> Console:
        """The console of what goes on."""
        return self._console(stderr=True)

    def _console(self, *, stderr: bool) -> Console:
        from rich.console import Console  # noqa: PLC0415 - a command that says something

        return Console(stderr=stderr, no_color=not self._color, highlight=False, soft_wrap=False)

    def document(self, value: object) -> None:
        """Write the one JSON document of a command."""
        Output.documented = True
        sys.stdout.write(json.dumps(plain(value), indent=2, default=str) + "\n")

    def say(self, text: str, *, document: object = None) -> None:
        """Write what was found: `text` for people, `document` where JSON was asked for."""
        if self.as_json:
            self.document(document)
        else:
            self.line(text)

    def line(self, text: str, *, style: str | None = None) -> None:
        """Write a line of what was found, as it is: no markup, no breaks."""
        self.console.print(text, markup=False, soft_wrap=True, style=style)

    def note(self, text: str) -> None:
        """Write a line of what goes on, on stderr."""
        self.progress.print(text, markup=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table."""
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - as above
        from rich.table import Table  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            # As a text, not as markup: `[]` may be in a type, and in what a user has written.
            table.add_row(*map(Text, row))
        self.console.print(table)

    def asks(self) -> bool:
        """Whether there is a person to ask."""
        return not self.as_json and sys.stdin.isatty() and sys.stderr.isatty()


def plain(value: object) -> object:
    """Return a value as JSON has it: dataclasses as objects, and no functions."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {name: plain(v) for name, v in found.items() if not callable(v)}
    if isinstance(value, dict):
        return {str(name): plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
