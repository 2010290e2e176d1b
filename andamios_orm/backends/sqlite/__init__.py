"""SQLite, through aiosqlite."""

from andamios_orm.backends.sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend"]
