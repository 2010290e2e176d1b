"""Which flame graphs the documentation keeps, and where."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FLAMES", "TITLES", "path_of"]

_HOT = ("get_pool", "filter_pool", "read", "insert_pool", "bulk", "update_pool")
FLAMES = {"postgresql": _HOT, "sqlite": _HOT, "duckdb": ("get_pool", "read", "bulk")}
"""The operations by backend. Of DuckDB only those that look different from SQLite's."""

TITLES = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "duckdb": "DuckDB"}

_FOLDER = Path(__file__).parents[2] / "docs" / "explanation" / "images"


def path_of(backend: str, operation: str, folder: Path | None = None) -> Path:
    """Return where a flame graph is kept."""
    name = operation.removesuffix("_pool")
    return (_FOLDER if folder is None else folder) / f"flame-{name}-{backend}.svg"
