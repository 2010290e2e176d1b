"""Those who use a repository: each with a session of its own, or without one, call by call."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from andamios_orm.backends.base import Isolation
from andamios_orm.database.session import Session
from andamios_orm.database.url import read_url
from andamios_orm.errors import (
    AndamiosError,
    DatabaseError,
    SessionMisuse,
    TransactionAborted,
    TransactionConflict,
)
from andamios_orm.repositories.repository import Repository
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.machines.expected import Locks, Table, View

__all__ = ["Actor", "Failed", "Undone"]

T = TypeVar("T")

_DEEPEST = 3
"""Parts of a transaction inside each other."""


class Undone(Exception):
    """What the blocks of a session are left with, to have them undone."""


class Failed(Exception):
    """A step came to another end than the library promises."""


class Actor:
    """One of two programs that use the same table, and what it should see there."""

    def __init__(
        self, playground: Playground, table: Table, repository: type[Repository[Any]]
    ) -> None:
        self._playground = playground
        self._table = table
        self._repository = repository
        self._blocks: list[AbstractAsyncContextManager[Session]] = []
        _, backend = read_url(playground.url)
        self.engine = playground.db.engine_name
        self.is_alone = backend.is_in_memory(read_url(playground.url)[0])
        """Whether there is one connection for all."""
        self.session: Session | None = None
        self.other: Actor = self
        self._forget()

    def _forget(self) -> None:
        """Be outside of any session."""
        self.session = None
        self._blocks.clear()
        self.is_read_only = False
        self.isolation: Isolation | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Begin another transaction."""
        self.view = View(self._table)
        self.is_aborted = False
        self.maybe = Locks()
        """What it may keep others from: engines do not agree."""
        self.has_met_another = self.other.session is not None

    # -- what it may do

    @property
    def depth(self) -> int:
        """How many parts of the transaction are open, one inside the other."""
        return len(self._blocks)

    @property
    def writers_take_turns(self) -> bool:
        """Whether the engine lets one transaction write at a time."""
        return not self._playground.db.capabilities.concurrent_writers

    @property
    def may_act(self) -> bool:
        """Whether there is a connection for it."""
        return not (self.is_alone and self.other.session is not None)

    @property
    def may_write(self) -> bool:
        """Whether it would neither be refused, nor wait for the other one's end."""
        waits = self.writers_take_turns and self.other._writes_in_session  # noqa: SLF001 - its twin
        return self.may_act and not self.is_read_only and not waits

    @property
    def is_in_session(self) -> bool:
        """Whether it has a session."""
        return self.session is not None

    @property
    def may_begin(self) -> bool:
        """Whether it could have a session."""
        return self.session is None and self.may_act

    @property
    def may_nest(self) -> bool:
        """Whether it could begin a part of its transaction."""
        return self.session is not None and self.depth < _DEEPEST

    @property
    def _writes_in_session(self) -> bool:
        return self.session is not None and not self.is_read_only

    # -- how transactions are kept apart

    @property
    def sees_snapshot(self) -> bool:
        """Whether a transaction sees what was committed when it began to look, and no more."""
        if self.session is None:
            return False
        return self.writers_take_turns or self.isolation in ("repeatable read", "serializable")

    @property
    def writes_to_newest(self) -> bool:
        """Whether it changes rows as they are, also where it sees older ones: InnoDB."""
        return self.engine in ("mariadb", "mysql")

    def may_meet_conflict(self) -> bool:
        """Whether an engine may say so also where nobody has the same rows."""
        if self.writers_take_turns:
            return False
        if self.writes_to_newest:
            # Locks of InnoDB are on the gaps between keys, too.
            return self.other.session is not None
        return self.sees_snapshot and self.has_met_another

    def must_meet_conflict(self, touched: Locks) -> bool:
        """Whether the other one holds a row that this one is to change, or a value of it."""
        theirs = self.other.view.locks
        return bool(theirs.rows & touched.rows or theirs.tokens & touched.tokens)

    def may_wait(self, touched: Locks) -> bool:
        """The same, of what some engines hold."""
        theirs = self.other.maybe
        if theirs.rows & touched.rows or theirs.tokens & touched.tokens:
            return True
        # What it holds may have to do with any row.
        return not self._table.is_certain and bool(self.other.view.locks.rows or theirs.rows)

    # -- doing it

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns."""
        return self._playground.run(work)

    def repository(self, *, deleted: bool = False) -> Repository[Any]:
        """Return the repository to use, in the session if there is one."""
        found = self._repository(self._table.model, self.session or self._playground.db)
        return found.with_deleted() if deleted else found

    def look(self) -> None:
        """Have a transaction that sees a snapshot see that of this moment, if it had none."""
        if self.sees_snapshot and self.view.snapshot is None:
            self.view.snapshot = dict(self._table.rows)

    def done(self) -> None:
        """Take note that a call has ended well: without a session that is a transaction."""
        if self.session is None and self.view.changes:
            self._commit()

    def failed(self, error: AndamiosError) -> None:
        """Take note that a call has ended with an error of the library."""
        if self.session is None:
            self._begin_anew()
        elif isinstance(error, TransactionConflict):
            self.lose(error)
        elif isinstance(error, DatabaseError) and not self.is_aborted:
            self.is_aborted = True
            self.keep_maybe(self.view.locks)
            self.view.locks = Locks()

    def _commit(self) -> None:
        self.view.commit()
        self.other.has_met_another = True
        self._begin_anew()

    def keep_maybe(self, locks: Locks) -> None:
        """Take note of what engines may keep others from until the transaction ends."""
        if self.session is not None:
            self.maybe.rows |= locks.rows
            self.maybe.tokens |= locks.tokens

    # -- sessions

    def begin(self, isolation: Isolation | None, *, read_only: bool) -> None:
        """Open a session."""
        session = self._playground.db.session(isolation=isolation, read_only=read_only)
        self.session = self.run(session.__aenter__())
        self.is_read_only, self.isolation = read_only, isolation
        self.other.has_met_another = True
        self._begin_anew()

    def commit(self) -> None:
        """Call `commit()`. Raises Failed where it comes to another end than it should."""
        if self.depth:
            self._expect(self._opened().commit(), SessionMisuse)
        elif self.is_aborted:
            self._expect(self._opened().commit(), TransactionAborted)
        elif self._ends(self._opened().commit()):
            self._commit()

    def rollback(self) -> None:
        """Call `rollback()`. Raises Failed where it comes to another end than it should."""
        if self.depth:
            self._expect(self._opened().rollback(), SessionMisuse)
        else:
            self.run(self._opened().rollback())
            self._begin_anew()

    def end(self) -> None:
        """Leave the session's block, which commits. Raises Failed."""
        while self.depth:
            self.leave()
        work = self._opened().__aexit__(None, None, None)
        if self.is_aborted:
            self._expect(work, TransactionAborted)
            self._forget()
        elif self._ends(work, open_still=False):
            self._commit()
            self._forget()

    def lose(self, error: BaseException) -> None:
        """Leave all blocks with an error, as a program does that does not catch it."""
        session = self._opened()
        while self._blocks:
            self._leave_with(error, self._blocks.pop())
        self.run(session.__aexit__(type(error), error, None))
        self._forget()

    # -- parts of a transaction

    def nest(self) -> None:
        """Begin a part: a savepoint, where the engine has them."""
        block = self._opened().session()
        if self.is_aborted and self._has_savepoints:
            self._expect(block.__aenter__(), TransactionAborted)
            return
        self.run(block.__aenter__())
        self._blocks.append(block)
        self.view.nest()

    def leave(self) -> None:
        """End the innermost part, and keep what it did. Raises Failed."""
        block = self._blocks.pop()
        work = block.__aexit__(None, None, None)
        if not self._has_savepoints:
            self.run(_nothing(work))
            self.view.leave()
        elif self.is_aborted:
            self._expect(_nothing(work), TransactionAborted)
            self._undo()
        else:
            self.run(_nothing(work))
            self.view.leave()

    def undo(self) -> None:
        """Leave the innermost part with an error, which undoes it."""
        self._leave_with(Undone(), self._blocks.pop())
        if self._has_savepoints:
            self._undo()
        else:
            self.view.leave()
            self.is_aborted = True

    def _undo(self) -> None:
        self.keep_maybe(self.view.locks)
        # InnoDB rolls back to the beginning of a transaction in which it did nothing before.
        self.view.undo(sees_anew=self.writes_to_newest)
        self.is_aborted = False

    def _leave_with(
        self, error: BaseException, block: AbstractAsyncContextManager[Session]
    ) -> None:
        try:
            hidden = self.run(block.__aexit__(type(error), error, None))
        except type(error) as found:
            hidden = found is not error
        if hidden:
            raise Failed("a savepoint's block has hidden the error that it was left with")

    @property
    def _has_savepoints(self) -> bool:
        return self._playground.db.capabilities.savepoints

    def _opened(self) -> Session:
        assert self.session is not None  # noqa: S101 - asked for by who knows
        return self.session

    def _expect(self, work: Coroutine[Any, Any, object], expected: type[AndamiosError]) -> None:
        try:
            self.run(work)
        except expected:
            return
        raise Failed(f"{expected.__name__} was to be raised, and was not")

    def _ends(self, work: Coroutine[Any, Any, object], *, open_still: bool = True) -> bool:
        """Whether a commit succeeds; where others may be in the way, the transaction is lost."""
        try:
            self.run(work)
        except TransactionConflict as error:
            if not self.may_meet_conflict():
                raise
            if open_still:
                self.lose(error)
            else:
                self._forget()
            return False
        return True


async def _nothing(work: Coroutine[Any, Any, object]) -> None:
    await work
