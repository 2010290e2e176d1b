"""SQLite's part in migrations: a table is altered where it can be, and rebuilt where not."""

from andamios_orm.migration.engines.sqlite.engine import SQLiteEngine

__all__ = ["SQLiteEngine"]
