"""What a command's exit code tells the program that called it."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MEANINGS", "ExitCode"]


class ExitCode(IntEnum):
    """Every code that a command ends with; Ctrl-C is 130."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PENDING = 3
    DIFFERENT = 4
    UNREACHABLE = 5
    REFUSED = 6
    HALF_DONE = 7
    CHANGED = 8
    LOCKED = 9


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "something failed",
    ExitCode.USAGE: "the command was written wrongly, or a setting is missing",
    ExitCode.PENDING: "revisions are pending",
    ExitCode.DIFFERENT: "a difference was found",
    ExitCode.UNREACHABLE: "the database does not answer",
    ExitCode.REFUSED: "refused, or a question is open",
    ExitCode.HALF_DONE: "a migration was stopped on its way; resume it",
    ExitCode.CHANGED: "an applied revision was changed",
    ExitCode.LOCKED: "another migrator is at work, or a lock was not obtained",
}
