"""A connection of asyncmy that survives a cancelled statement and changes no value on its way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from asyncmy import connection as asyncmy_connection
from asyncmy import cursors
from asyncmy.constants import CLIENT, CR, SERVER_STATUS
from asyncmy.errors import MySQLError, OperationalError

from andamios_orm.backends.mysql.literals import filled, literal
from andamios_orm.errors import InvalidURL, UsageError, ValueOutOfRange
from andamios_orm.rows.plan import Row

__all__ = ["Connection", "opened"]

R = TypeVar("R")

_INTERRUPT_SECONDS = 2.0
_KILL_SECONDS = 0.05

# Silent changes become errors, and what an administrator may have set differently is the same
# everywhere. Division by zero stays NULL, as in SELECT, where no mode makes it an error.
_SQL_MODE = ",".join(
    [
        "STRICT_ALL_TABLES",
        "NO_AUTO_VALUE_ON_ZERO",  # a key of 0 is stored, not replaced by the next number
        "NO_ENGINE_SUBSTITUTION",
        "NO_ZERO_DATE",
        "NO_ZERO_IN_DATE",
    ]
)
_SESSION = (
    # The names of columns, and casts to text, are compared like texts of columns: exactly.
    "SET NAMES utf8mb4 COLLATE {collation}, "
    f"sql_mode = '{_SQL_MODE}{{more_modes}}', "
    "time_zone = '+00:00', "
    # The names in error messages are read from the English texts.
    "lc_messages = 'en_US', "
    "sql_auto_is_null = 0, "
    # The most that every server allows; GROUP_CONCAT and JSON_ARRAYAGG are cut off there.
    "group_concat_max_len = 1073741824",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_IDENTITY = "SELECT @@hostname, @@port, connection_id(), @@max_allowed_packet"


class Cursor(cursors.Cursor):
    """A cursor that reads no warnings: the driver would log them, with the row values they quote.

    SQLAlchemy's statements run through it; a plan of ours needs none.
    """

    async def _show_warnings(self, conn: object) -> None:
        """Do nothing, and save the round trip."""


class Connection(asyncmy_connection.Connection):
    """asyncmy's connection, whose statements run to their end also if their task is cancelled.

    asyncmy closes a connection when it is cancelled, and the server works on. Here the statement
    goes on by itself until `interrupt` stops it on the server; then the connection, with its
    transaction, is as good as before.

    Values are escaped here and not by asyncmy, which writes `str()` of any type it does not know,
    drops time zones, and takes half a surrogate pair for a byte. The escapes hold for the session
    as it is set up: do not change its character set (`SET NAMES`).
    """

    # Made by asyncmy's constructor and readers, which are not annotated.
    _client_flag: int
    _result: Any
    _stream_broken: bool
    _transport: Any
    server_capabilities: int
    server_status: int
    server_version: str

    def __init__(self, **options: Any) -> None:
        self._asyncmy.__init__(**options, cursor_cls=Cursor)
        # A value that got out of its quotes could still not begin a second statement.
        self._client_flag &= ~CLIENT.MULTI_STATEMENTS
        self._options = options
        self._work: asyncio.Future[Any] | None = None
        self._server: tuple[str, int] = ("", 0)
        self._number = 0
        self._max_packet = 1 << 24

    @property
    def _asyncmy(self) -> Any:
        """The methods of the base class, which its stubs leave without annotations."""
        return super()

    async def _get_server_information(self) -> None:
        await self._asyncmy._get_server_information()  # noqa: SLF001 - of our own base class
        # With this extension asyncmy takes a row whose first value has 16 MB or more for the end
        # of the rows: it returns none, and waits for ever at the next statement.
        self.server_capabilities &= ~CLIENT.DEPRECATE_EOF

    async def set_up(self, *, mariadb_only: bool) -> None:
        """Make the session one that works alike on every server. Raises InvalidURL."""
        collation = _collation(self.server_version, mariadb_only=mariadb_only)
        # As in the SQL standard and everywhere else, `SET a = b, b = a` swaps two values.
        more_modes = ",SIMULTANEOUS_ASSIGNMENT" if self._is_mariadb else ""
        for statement in _SESSION:
            await self.query(statement.format(collation=collation, more_modes=more_modes))
        [(host, port, self._number, self._max_packet)] = await self.fetch(_IDENTITY, ())
        self._server = (host, port)

    @property
    def _is_mariadb(self) -> bool:
        return "MariaDB" in self.server_version

    def character_set_name(self) -> None:
        """Return None, so that SQLAlchemy does not repeat SET NAMES without our collation."""

    @property
    def is_usable(self) -> bool:
        """Whether the connection is open, idle, and in no transaction."""
        in_transaction = self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS
        busy = self._work is not None and not self._work.done()
        return bool(
            self.connected
            and not (self._stream_broken or in_transaction or busy or self._is_streaming)
            and self.get_autocommit()
        )

    @property
    def _is_streaming(self) -> bool:
        """Whether rows of the last statement are still to be read."""
        return self._result is not None and bool(self._result.unbuffered_active)

    async def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Run a statement and return its rows. Raises NotStorable, WrongType."""
        await self.run(sql, values)
        rows = self._result.rows
        return [] if rows is None else list(rows)

    async def run(self, sql: str, values: Sequence[object]) -> int:
        """Run a statement and return how many rows it found. Raises NotStorable, WrongType."""
        if values:
            self._refuse_other_escapes()
        count: int = await self.query(filled(sql, values))
        return count

    async def open(self, sql: str, values: Sequence[object]) -> Rows:
        """Run a statement and return its rows as they come. Raises NotStorable, WrongType."""
        if values:
            self._refuse_other_escapes()
        text = filled(sql, values)
        self._require_room(text)
        await self._to_its_end(lambda: self._begun(text))
        return Rows(self)

    async def _begun(self, text: bytes) -> None:
        await self._answered(text, unbuffered=True)
        self._pause()

    async def more_rows(self, count: int) -> list[Row]:
        """Return the next rows of the statement that was opened."""
        return await self._to_its_end(lambda: self._read_rows(count))

    async def _read_rows(self, count: int) -> list[Row]:
        rows: list[Row] = []
        self._resume()
        try:
            read = self._result._read_rowdata_packet_unbuffered  # noqa: SLF001 - what its cursors do
            while len(rows) < count and (row := await read()) is not None:
                rows.append(row)
        finally:
            self._pause()
        return rows

    async def drop_rows(self) -> None:
        """Stop the statement that was opened, if it has not come to its end."""
        if self._is_streaming:
            work = self._work = asyncio.ensure_future(self._read_rest())
            work.add_done_callback(_forget)
            # Few rows are read sooner than the server is asked to stop.
            await asyncio.wait({work}, timeout=_KILL_SECONDS)
            await self.interrupt()
            if self._is_streaming:
                self.close()  # it was lost on the way

    async def _read_rest(self) -> None:
        self._resume()
        await self._result._finish_unbuffered_query()  # noqa: SLF001 - as above

    def _pause(self) -> None:
        """Have the server wait: asyncmy would keep all that it sends meanwhile in memory."""
        if self._is_streaming and self.connected:
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self.connected:
            self._transport.resume_reading()

    def literal(self, obj: object) -> str:
        """Return a value as SQL, for the statements that asyncmy's cursor puts together."""
        self._refuse_other_escapes()
        # The cursor undoes this when it encodes the statement.
        return literal(obj).decode(errors="surrogateescape")

    def _refuse_other_escapes(self) -> None:
        if self.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
            raise UsageError(
                "this connection's sql_mode has NO_BACKSLASH_ESCAPES, with which values cannot be"
                " sent safely",
                "remove the `SET sql_mode` that a statement of yours has run",
            )

    async def query(self, sql: str | bytes, unbuffered: bool = False) -> Any:
        """Run a statement to its end, also if the task is cancelled. Raises ValueOutOfRange."""
        text = sql.encode(errors="surrogateescape") if isinstance(sql, str) else sql
        self._require_room(text)
        return await self._to_its_end(lambda: self._answered(text, unbuffered=unbuffered))

    def _require_room(self, text: bytes) -> None:
        """Raise ValueOutOfRange for a statement at which the server would close the connection."""
        if len(text) >= self._max_packet:
            raise ValueOutOfRange(
                f"the statement with its values has {len(text)} bytes",
                "write fewer rows or shorter values at a time, or raise max_allowed_packet on the"
                " server",
                limit=f"{self._max_packet} bytes",
            )

    async def _answered(self, text: bytes, *, unbuffered: bool) -> Any:
        try:
            count = await self._asyncmy.query(text, unbuffered)
        except MySQLError as error:
            # Its text does not say whose it is, and the two word some things differently.
            error.from_mariadb = self._is_mariadb  # type: ignore[attr-defined]  # ours
            raise
        if self._result.rows is None and not unbuffered:
            # asyncmy keeps the status of before where all flags are off.
            self.server_status = self._result.server_status
        return count

    async def next_result(self, unbuffered: bool = False) -> Any:
        """Read the next result of a procedure to its end, also if the task is cancelled."""
        return await self._to_its_end(lambda: self._asyncmy.next_result(unbuffered))

    async def _to_its_end(self, begin: Callable[[], Coroutine[Any, Any, R]]) -> R:
        if self._work is not None and not self._work.done():
            # Left over from a task that was cancelled, if its caller did not interrupt it.
            await self.interrupt()
        work = self._work = asyncio.ensure_future(begin())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_forget)
            raise

    async def ensure_closed(self) -> None:
        """Close the connection, and stop on the server what it still works on."""
        await self.interrupt()
        await self._asyncmy.ensure_closed()

    async def interrupt(self) -> None:
        """Stop the statement of a cancelled task on the server, and wait for its end.

        It takes a second connection to the server for a moment. If there is none to be had, or
        the statement does not end in time, this connection is closed; the server then rolls its
        transaction back when the statement ends.
        """
        work = self._work
        if work is None or work.done():
            return
        try:
            async with asyncio.timeout(_INTERRUPT_SECONDS):
                await self._kill(work)
        except (MySQLError, OSError):
            # asyncmy closes the connection where it waits for the answer.
            work.cancel()
            await asyncio.wait({work})
            self.close()

    async def _kill(self, work: asyncio.Future[Any]) -> None:
        beside = await _connected(self._options)
        try:
            [(host, port, *_)] = await beside.fetch(_IDENTITY, ())
            if (host, port) != self._server:
                # One address for many servers: on this one the number is another connection's.
                raise ConnectionError
            while not work.done():
                # Again and again: a server that has not begun the statement forgets the request.
                await beside.run(f"KILL QUERY {self._number}", ())
                await asyncio.wait({work}, timeout=_KILL_SECONDS)
            await beside.ensure_closed()
        finally:
            beside.close()


class Rows:
    """Rows that the server sends one after the other; meanwhile it takes no other statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows."""
        return await self._connection.more_rows(count)

    async def close(self) -> None:
        """Stop the statement on the server, if rows are left."""
        await self._connection.drop_rows()


async def opened(*, mariadb_only: bool, **options: Any) -> Connection:
    """Open a connection and set its session up. Raises InvalidURL, and asyncmy's errors."""
    connection = await _connected(options)
    try:
        await connection.set_up(mariadb_only=mariadb_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _forget(work: asyncio.Future[Any]) -> None:
    """Ask for the error that a cancelled statement ends with, or asyncio reports it."""
    if not work.cancelled():
        work.exception()


async def _connected(options: Mapping[str, Any]) -> Connection:
    connection = Connection(**options)
    try:
        _ = await connection.connect()
    except RuntimeError as error:
        # How asyncmy takes it that the server hangs up before it says a word.
        raise OperationalError(CR.CR_SERVER_LOST, "the server closed the connection") from error
    return connection


def _collation(version: str, *, mariadb_only: bool) -> str:
    """Return the collation that compares texts exactly. Raises InvalidURL."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)-MariaDB", version)
    if found is not None:
        name, needed, collation = "MariaDB", (10, 6, 0), "utf8mb4_nopad_bin"
    else:
        if mariadb_only:
            raise InvalidURL(
                "the URL says mariadb:// and the server is not MariaDB",
                "write mysql:// for a MySQL server",
            )
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
        name, needed, collation = "MySQL", (8, 0, 19), "utf8mb4_0900_bin"
    if found is None or tuple(map(int, found.groups())) < needed:
        raise InvalidURL(
            f"the server calls itself {version}, which is too old or unknown",
            f"use {name} {'.'.join(map(str, needed))} or newer",
        )
    return collation
