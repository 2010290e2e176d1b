"""DuckDB, with a SQLAlchemy dialect of our own: sync and async, for duckdb 2.0 or newer."""
