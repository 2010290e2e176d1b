"""Whom a test server runs as: database servers refuse to run as root, or should not."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andamios_orm.testing.servers.programs import ServerUnavailable

__all__ = ["Account", "account_for"]


@dataclass(frozen=True, slots=True)
class Account:
    """The user to run a server as; None everywhere means whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The additional groups of its processes: none at all for another user."""
        return None if self.uid is None else []

    def own(self, path: Path) -> None:
        """Make this account the owner of `path`, which must be ours to give."""
        os.chown(path, _or_same(self.uid), _or_same(self.gid), follow_symlinks=False)


def account_for(
    uid: int,
    ids_of: Callable[[str], tuple[int, int]] | None = None,
    *,
    names: Sequence[str] = ("postgres", "nobody"),
) -> Account:
    """Return the account to run a server as, which must not be root (user id 0).

    Root gets the first of `names` that is a user; everyone else stays who they are. A server
    without passwords that runs as root would give every user of the machine the rights of root.
    `ids_of` tells the user and group id of a name or raises KeyError; default: ask the system.
    Raises ServerUnavailable if root has none of the users; we never create any.

    >>> account_for(1000)
    Account(uid=None, gid=None)
    """
    if uid != 0:
        return Account()
    for name in names:
        try:
            return Account(*(ids_of or _ids_of)(name))
        except KeyError:
            continue
    users = " or ".join(f"`{name}`" for name in names)
    raise ServerUnavailable(
        f"a database server does not run as root, and there is no user {users} to be",
        fix="run the tests as another user, or give the URL of a running server",
    )


def _ids_of(name: str) -> tuple[int, int]:
    import pwd  # noqa: PLC0415 - Windows has no such module, and no root either

    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


def _or_same(number: int | None) -> int:
    return -1 if number is None else number
