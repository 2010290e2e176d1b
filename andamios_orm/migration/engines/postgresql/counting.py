"""How a column counts by itself: IDENTITY, SERIAL or not at all, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from andamios_orm.migration.engines.postgresql.catalog import LiveColumn, LiveTable
from andamios_orm.migration.engines.postgresql.names import literal, quoted

__all__ = ["Counting", "set_sequence"]


def set_sequence(connection: sa.Connection, sequence: str, last: int, *, called: bool) -> None:
    """Have a sequence go on after `last`, or with it if it was not called yet."""
    sql = sa.text("SELECT setval(CAST(CAST(:sequence AS text) AS regclass), :last, :called)")
    connection.execute(sql, {"sequence": sequence, "last": last, "called": called})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """A column, and how it is to count. Each of its changes takes one short transaction."""

    table: LiveTable
    column: str
    identity: sa.Identity | None = None
    serial: bool = False
    default: str | None = None
    """What is filled in where it does not count."""

    @property
    def options(self) -> list[str]:
        """What an identity says of its sequence, as it is written in CREATE SEQUENCE."""
        identity = self.identity or sa.Identity()
        numbers = {
            "START WITH": identity.start,
            "INCREMENT BY": identity.increment,
            "MINVALUE": identity.minvalue,
            "MAXVALUE": identity.maxvalue,
            "CACHE": identity.cache,
        }
        words = [f"{word} {value}" for word, value in numbers.items() if value is not None]
        return [*words, "CYCLE"] if identity.cycle else words

    def run(self, connection: sa.Connection) -> None:
        """Have the column count so, from where it is."""
        live = self.table.existing(connection, self.column)
        if self.identity is not None and live.identity is not None:
            last = f"SELECT last_value FROM {live.sequence}"
            place = connection.exec_driver_sql(last).scalar_one()
            settings = self._settings(self.identity, place)
            self._alter(connection, f"{self._alter_column} {settings}")
        elif self.serial and live.is_serial:
            self._alter(connection, f"ALTER SEQUENCE {live.sequence} AS {live.type}")
        else:
            self._replace(connection, live)

    @property
    def _alter_column(self) -> str:
        return f"ALTER TABLE {self.table.sql} ALTER COLUMN {quoted(self.column)}"

    def _alter(self, connection: sa.Connection, *statements: str) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    def _replace(self, connection: sa.Connection, live: LiveColumn) -> None:
        # Writers would take numbers between the moment one sequence is read and the other is set.
        self._alter(connection, f"LOCK TABLE {self.table.sql} IN ACCESS EXCLUSIVE MODE")
        place = self._place(connection, live) if self.identity or self.serial else None
        self._alter(
            connection, f"{self._alter_column} DROP {'IDENTITY' if live.identity else 'DEFAULT'}"
        )
        if live.sequence is not None and live.identity is None:
            self._alter(connection, f"DROP SEQUENCE {live.sequence}")
        if self.identity is not None:
            kind = "ALWAYS" if self.identity.always else "BY DEFAULT"
            options = f" ({' '.join(self.options)})" if self.options else ""
            self._alter(
                connection, f"{self._alter_column} ADD GENERATED {kind} AS IDENTITY{options}"
            )
        elif self.serial:
            name = self._free_name(connection)
            sequence, default = self.table.sibling(name), literal(self.table.sibling(name))
            self._alter(
                connection,
                f"CREATE SEQUENCE {sequence} AS {live.type}"
                f" OWNED BY {self.table.sql}.{quoted(self.column)}",
                f"{self._alter_column} SET DEFAULT nextval({default})",
            )
        elif self.default is not None:
            self._alter(connection, f"{self._alter_column} SET DEFAULT {self.default}")
        if place is not None:
            made = self.table.existing(connection, self.column)
            set_sequence(connection, str(made.sequence), place[0], called=place[1])

    def _place(self, connection: sa.Connection, live: LiveColumn) -> tuple[int, bool] | None:
        """Return the last number that was given, and whether it was; None for none at all."""
        if live.identity is not None or live.is_serial:
            sql = f"SELECT last_value, is_called FROM {live.sequence}"
            last, called = connection.exec_driver_sql(sql).one()
            return last, called
        identity = self.identity or sa.Identity()
        down = (identity.increment or 1) < 0
        first = identity.start or (identity.maxvalue or -1 if down else identity.minvalue or 1)
        sql = f"SELECT {'min' if down else 'max'}({quoted(self.column)}) FROM {self.table.sql}"
        last = connection.exec_driver_sql(sql).scalar()
        return None if last is None or (last > first if down else last < first) else (last, True)

    def _free_name(self, connection: sa.Connection) -> str:
        """Return the name that the server gives to a serial column's sequence, if nobody has it."""
        name = f"{self.table.name}_{self.column}"[:50] + "_seq"
        sql = sa.text("SELECT to_regclass(:name)")
        number = 0
        found = name
        while connection.scalar(sql, {"name": self.table.sibling(found)}) is not None:
            number += 1
            found = f"{name}{number}"
        return found

    def _settings(self, identity: sa.Identity, place: int) -> str:
        """Return all settings, those that are the usual ones too."""
        up = (identity.increment or 1) > 0
        start = identity.start
        if start is None:
            start = (identity.minvalue or 1) if up else (identity.maxvalue or -1)
        words = [f"GENERATED {'ALWAYS' if identity.always else 'BY DEFAULT'}"]
        words.append(f"INCREMENT BY {identity.increment or 1}")
        for name, value in (("MINVALUE", identity.minvalue), ("MAXVALUE", identity.maxvalue)):
            words.append(f"NO {name}" if value is None else f"{name} {value}")
        words += [f"START WITH {start}", f"CACHE {identity.cache or 1}"]
        words.append("CYCLE" if identity.cycle else "NO CYCLE")
        settings = " ".join(f"SET {word}" for word in words)
        lowest = identity.minvalue or (1 if up else place)
        highest = identity.maxvalue or (place if up else -1)
        # From where it is, it could not go on.
        return settings if lowest <= place <= highest else f"{settings} RESTART"
