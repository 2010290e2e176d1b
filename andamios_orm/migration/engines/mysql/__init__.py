"""Migrations of a MariaDB or MySQL database: read it, compare it, change it while it is in use."""

from andamios_orm.migration.engines.mysql.engine import MariaDBEngine, MySQLEngine

__all__ = ["MariaDBEngine", "MySQLEngine"]
