"""Keys that a program makes itself, without asking the database."""

from __future__ import annotations

import sys
from uuid import UUID

from andamios_orm.models.base import Model
from andamios_orm.models.columns import Col, field

__all__ = ["UUIDKey", "uuid7"]

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils.compat import uuid7


class UUIDKey(Model):
    """A mixin: the primary key `id`, a UUID of version 7.

    It is made in Python, so it is known before the row is stored, and sorts by the time it was
    made (RFC 9562, section 5.7), which keeps index pages together.

    ```python
    class Ticket(UUIDKey, table=True):
        title: Col[str]


    assert Ticket(title="Doc").id.version == 7
    ```
    """

    id: Col[UUID] = field(primary_key=True, default_factory=uuid7)
