"""Bring a live database to what the models say, without losing what is in it."""

from andamios_orm.migration.diff import Answers, Comparison, Rename

__all__ = ["Answers", "Comparison", "Rename"]
