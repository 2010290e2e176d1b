"""Tell an error to the person at the terminal: what is wrong, what to do, and an exit code."""

from __future__ import annotations

import json
import sys

from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.errors import (
    AndamiosError,
    AnswerNeeded,
    ChecksumMismatch,
    ConfigurationProblem,
    DatabaseUnavailable,
    DestructionRefused,
    InvalidURL,
    MigrationHalfDone,
    MigrationLocked,
    MigrationPending,
    MissingDriver,
    RowsInTheWay,
    UsageError,
    WrongEnvironment,
)
from andamios_orm.testing.servers.programs import ServerUnavailable

__all__ = ["exit_code_of", "tell"]

_BY_ERROR: tuple[tuple[type[AndamiosError], ExitCode], ...] = (
    (DatabaseUnavailable, ExitCode.UNREACHABLE),
    (ServerUnavailable, ExitCode.UNREACHABLE),
    (MigrationPending, ExitCode.PENDING),
    (MigrationHalfDone, ExitCode.HALF_DONE),
    (MigrationLocked, ExitCode.LOCKED),
    (ChecksumMismatch, ExitCode.CHANGED),
    (AnswerNeeded, ExitCode.REFUSED),
    (RowsInTheWay, ExitCode.REFUSED),
    (DestructionRefused, ExitCode.REFUSED),
    (WrongEnvironment, ExitCode.REFUSED),
    (ConfigurationProblem, ExitCode.USAGE),
    (InvalidURL, ExitCode.USAGE),
    (MissingDriver, ExitCode.USAGE),
    (UsageError, ExitCode.USAGE),
)


_DETAILS = ("questions", "counts", "objects", "revisions")
"""What errors of migrations tell beside their text, for programs."""


def exit_code_of(error: AndamiosError) -> ExitCode:
    """Return the code that a command ends with after an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.ERROR)


def tell(error: AndamiosError, *, as_json: bool) -> ExitCode:
    """Write an error, and return the code that the command ends with."""
    code = exit_code_of(error)
    if as_json:
        found = {
            "error": type(error).__name__,
            "problem": error.problem,
            "fix": error.fix,
            "exit_code": int(code),
            **{name: getattr(error, name) for name in _DETAILS if hasattr(error, name)},
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.stderr.write(f"Error: {error.problem}\n  Fix: {error.fix}\n")
    return code
