"""Start a private database server for a test run, or use one that already runs.

Nothing outside the server's own temporary folder is ever created, changed or given other rights.
"""

from andamios_orm.testing.servers.accounts import Account, account_for
from andamios_orm.testing.servers.base import Server
from andamios_orm.testing.servers.mariadb import MariaDBServer, find_mariadb
from andamios_orm.testing.servers.postgresql import PostgreSQLServer, find_binaries
from andamios_orm.testing.servers.programs import ServerUnavailable

__all__ = [
    "Account",
    "MariaDBServer",
    "PostgreSQLServer",
    "Server",
    "ServerUnavailable",
    "account_for",
    "find_binaries",
    "find_mariadb",
]
