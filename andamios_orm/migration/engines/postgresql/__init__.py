"""Migrations of a PostgreSQL database: read it, compare it, change it while it is in use."""

from andamios_orm.migration.engines.postgresql.engine import PostgreSQLEngine

__all__ = ["PostgreSQLEngine"]
