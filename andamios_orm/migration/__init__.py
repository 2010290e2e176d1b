"""Bring a live database to what the models say, without losing what is in it."""

from andamios_orm.migration.diff import Answers, Comparison, Rename
from andamios_orm.migration.engines.base import Patience
from andamios_orm.migration.migrator import Migrator
from andamios_orm.migration.reports import Finding, HistoryEntry, Plan, Status, Verification
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.runner import Event

__all__ = [
    "Answers",
    "Comparison",
    "Event",
    "Finding",
    "HistoryEntry",
    "Migrator",
    "Patience",
    "Plan",
    "Rename",
    "Revision",
    "Status",
    "Verification",
]
