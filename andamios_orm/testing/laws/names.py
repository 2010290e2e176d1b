"""The names that code uses: where they are imported from, and what cannot be imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["Names"]


class Names:
    """Collects the imports of some code, and what has to be said about it.

    `declared` are the classes that stand before the code, and what they are called there.
    """

    def __init__(self, declared: Mapping[type, str] = MappingProxyType({})) -> None:
        self.declared = declared
        self._names: dict[str, tuple[str, str]] = {}
        """The names in use: each with its module and what it is called there."""
        self._notes: dict[str, None] = {}

    def use(self, module: str, name: str) -> str:
        """Import a name, from a module or as one (`""`), and return what it is called here."""
        called, number = name, 1
        while self._names.setdefault(called, (module, name)) != (module, name):
            number += 1
            called = f"{name}_{number}"
        return called

    def note(self, text: str) -> None:
        """Say it once, in a comment."""
        self._notes[f"# {text}"] = None

    @property
    def head(self) -> list[str]:
        """The lines before the code: imports and comments."""
        found: dict[str, list[str]] = {}
        for called, (module, name) in self._names.items():
            text = name if name == called else f"{name} as {called}"
            found.setdefault(module or name, []).append(text if module else "")
        lines = [
            f"from {module} import {', '.join(sorted(names))}" if names[0] else f"import {module}"
            for module, names in sorted(found.items(), key=lambda item: _order(*item))
        ]
        return [*lines, *self._notes]


def _order(module: str, names: list[str]) -> tuple[bool, bool, str]:
    standard = module.partition(".")[0] in sys.stdlib_module_names
    return (not standard, bool(names[0]), module)
