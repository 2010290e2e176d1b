"""Migrations of a DuckDB database: read it, compare it, and create anew what cannot be altered."""

from andamios_orm.migration.engines.duckdb.engine import DuckDBEngine

__all__ = ["DuckDBEngine"]
