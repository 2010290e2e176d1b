"""Tests with a memory: a repository that is used step by step, and transactions side by side.

They need the extra `andamios-orm[testing]`.
"""

from andamios_orm.testing.machines.histories import (
    Anomaly,
    Append,
    History,
    Kind,
    Read,
    Transaction,
    anomalies,
)
from andamios_orm.testing.machines.levels import forbidden
from andamios_orm.testing.machines.recording import isolation_history, isolation_holds
from andamios_orm.testing.machines.repository import RepositoryMachine, run_machine

__all__ = [
    "Anomaly",
    "Append",
    "History",
    "Kind",
    "Read",
    "RepositoryMachine",
    "Transaction",
    "anomalies",
    "forbidden",
    "isolation_history",
    "isolation_holds",
    "run_machine",
]
