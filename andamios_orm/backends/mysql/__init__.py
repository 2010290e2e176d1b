"""MariaDB and MySQL through asyncmy: one module each for values, messages and connections."""

from andamios_orm.backends.mysql.backend import MariaDBBackend, MySQLBackend

__all__ = ["MariaDBBackend", "MySQLBackend"]
