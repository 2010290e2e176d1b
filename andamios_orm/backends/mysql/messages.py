"""Read what an error of MariaDB or MySQL means, and leave out the row values that it quotes."""

from __future__ import annotations

import re
from collections.abc import Callable

from andamios_orm.backends.base import Failure, FailureKind

__all__ = ["failure_of"]

# Errors of the servers lie between 1000 and 1999 and from 3000, those of the client between.
_NUMBERS: dict[FailureKind, tuple[int, ...]] = {
    "unique": (1022, 1062, 1169, 1586, 1761, 1762, 1859),
    "foreign_key": (1216, 1217, 1451, 1452),
    "check": (3819, 4025),
    "not_null": (1048, 1364),
    "conflict": (
        1020,  # the row has changed since the snapshot was taken
        1205,  # lock wait timeout, and NOWAIT on MariaDB
        1213,  # deadlock, and a conflict between the nodes of a cluster
        1412,  # the table has changed since the snapshot was taken
        1613,
        1614,
        1689,
        3572,  # NOWAIT on MySQL
    ),
    "unavailable": (
        1040,
        1042,
        1043,
        1044,
        1045,
        1047,  # a node that has left its cluster
        1049,
        1053,
        1129,
        1130,
        1152,
        1158,
        1159,
        1160,
        1161,
        1184,
        1203,
        1226,
        1251,
        1698,
        1820,
        1862,
        1927,
        2002,
        2003,
        2006,
        2013,
        2014,
        2055,
        3118,
        3159,
        4031,
        4151,
    ),
    "read_only": (1290, 1792, 1836),
    "unstorable": (
        1153,
        1264,
        1265,
        1292,
        1300,
        1301,
        1366,
        1367,
        1406,
        1411,
        1441,
        1525,
        1690,
        1977,
        3140,
        3141,
        3144,
        3854,
        3988,
    ),
}
_KINDS: dict[int, FailureKind] = {n: kind for kind, numbers in _NUMBERS.items() for n in numbers}

# Messages about names, rights and the server. Others may quote values, which are a part of the
# statement's text.
_SPEAKING = {
    *_NUMBERS["conflict"],
    *_NUMBERS["unavailable"],
    *(1005, 1007, 1008, 1046, 1050, 1051, 1054, 1060, 1061, 1068, 1069, 1070, 1071, 1072, 1074),
    *(1075, 1091, 1101, 1103, 1109, 1110, 1118, 1136, 1142, 1143, 1146, 1170, 1193, 1215, 1222),
    *(1227, 1235, 1242, 1267, 1271, 1290, 1305, 1317, 1419, 1553, 1792, 1822, 1826, 1901, 1969),
    *(3024, 3730, 3780),
}

_NAME = "`((?:[^`]|``)+)`"
_REFERENCE = re.compile(
    rf".*a foreign key constraint fails \({_NAME}\.{_NAME}, CONSTRAINT {_NAME}"
    rf"(?: FOREIGN KEY \(({_NAME}(?:, {_NAME})*)\))?",
    re.DOTALL,
)
# From the end: a value stands before the name, and may itself look like `' for key 'x'`.
_DUPLICATE = re.compile(r".*' for key '(.+)'\Z", re.DOTALL)
_CASCADED_DUPLICATE = re.compile(r".* in table '(.+)', key '(.+)'\Z", re.DOTALL)
_CHECK = re.compile(rf"CONSTRAINT {_NAME} failed for {_NAME}\.{_NAME}\Z", re.DOTALL)
_MYSQL_CHECK = re.compile(r"Check constraint '(.+)' is violated\.\Z", re.DOTALL)
_NOT_NULL = re.compile(
    r"(?:Column '(.+)' cannot be null|Field '(.+)' doesn't have a default value)\Z", re.DOTALL
)
_SYNTAX = re.compile(r"([^;]+);.* (at line \d+)\Z", re.DOTALL)


def failure_of(number: int, message: str, *, qualified_keys: bool) -> Failure:
    """Return what an error means by its number, with the names that its message tells.

    `qualified_keys` says that the server writes `table.key` where MariaDB writes `key`.
    """
    kind = _KINDS.get(number, "other")
    read = _READERS.get(kind)
    if read is not None:
        return read(str(number), message, qualified_keys)
    return Failure(kind=kind, code=str(number), summary=_summary(number, message))


def _summary(number: int, message: str) -> str:
    if number in _SPEAKING:
        return message
    if number == 1064 and (found := _SYNTAX.match(message)):
        # In between it quotes the statement, values and all.
        return f"{found[1]} {found[2]}"
    return ""


def _unique(code: str, message: str, qualified_keys: bool) -> Failure:
    if found := _DUPLICATE.match(message):
        table, key = None, found[1]
        if qualified_keys and "." in key:
            table, _, key = key.partition(".")
        return Failure(kind="unique", code=code, table=table, constraint=key)
    if found := _CASCADED_DUPLICATE.match(message):
        return Failure(kind="unique", code=code, table=found[1], constraint=found[2])
    return Failure(kind="unique", code=code)


def _foreign_key(code: str, message: str, qualified_keys: bool) -> Failure:
    found = _REFERENCE.match(message)
    if found is None:
        # Told to those only who may see both tables.
        return Failure(kind="foreign_key", code=code)
    return Failure(
        kind="foreign_key",
        code=code,
        schema=_unquoted(found[1]),
        table=_unquoted(found[2]),
        constraint=_unquoted(found[3]),
        columns=tuple(map(_unquoted, re.findall(_NAME, found[4] or ""))),
    )


def _check(code: str, message: str, qualified_keys: bool) -> Failure:
    if found := _CHECK.match(message):
        name, schema, table = (_unquoted(text) for text in found.groups())
        # The name of a rule that belongs to one column, as MariaDB's JSON has.
        owner, _, column = name.partition(f"{table}.")
        columns = (column,) if not owner and column else ()
        return Failure(
            kind="check", code=code, schema=schema, table=table, constraint=name, columns=columns
        )
    found = _MYSQL_CHECK.match(message)
    return Failure(kind="check", code=code, constraint=found[1] if found else None)


def _not_null(code: str, message: str, qualified_keys: bool) -> Failure:
    found = _NOT_NULL.match(message)
    return Failure(
        kind="not_null", code=code, columns=(found[1] or found[2],) if found is not None else ()
    )


def _unquoted(name: str) -> str:
    return name.replace("``", "`")


_READERS: dict[FailureKind, Callable[[str, str, bool], Failure]] = {
    "unique": _unique,
    "foreign_key": _foreign_key,
    "check": _check,
    "not_null": _not_null,
}
