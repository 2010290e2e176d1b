"""What moving many rows tells: how far it has come, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ExportReport", "ImportReport", "Progress", "RefusedRow"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export or import has come."""

    done: int
    """Rows written or read so far."""
    total: int
    """Rows in all."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote."""

    rows: int
    size: int
    """Bytes of the file."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a file that its model refuses. No values of it are kept but its key."""

    number: int
    """Its place in the file, counted from 1."""
    key: tuple[object, ...] | None
    """Its primary key as the file has it, in declared order; None if it is secret or unreadable."""
    fields: dict[str, str]
    """The kind of failure by field, in pydantic's vocabulary, or the name of an error."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import read, stored and refused."""

    read: int
    stored: int
    refused: int
    rows: tuple[RefusedRow, ...]
    """The refused rows in the order of the file; the first thousand, where there are more."""
