"""What a library's rows are, without which its times cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Traits"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What is not alike between the libraries."""

    rows: str
    """What a row comes back as."""
    objects: bool
    """Whether that is an object of the class that the application declared."""
    validated: str
    """Whether a row that was read is checked against the declared types: "yes" or "no"."""
    keys: str = "keys"
    """What a bulk insert returns: "rows", "keys" or "a count"."""
    stored: str = "the row"
    """What an insert of one row reads back: "the row" or "the key"."""
    updated: str = "one statement"
    """How a changed row is had back."""
    remarks: str = ""
