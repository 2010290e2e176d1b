"""What an error of MariaDB or MySQL means, read from its number and its text."""

import pytest

from andamios_orm.backends.base import Failure, FailureKind
from andamios_orm.backends.mysql.messages import failure_of

SENTINEL = "sentinel-4711"


def read(number: int, message: str, *, qualified_keys: bool = False) -> Failure:
    failure = failure_of(number, message, qualified_keys=qualified_keys)
    assert SENTINEL not in repr(failure)
    return failure


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1062, "unique"),
        (1586, "unique"),
        (1451, "foreign_key"),
        (1452, "foreign_key"),
        (3819, "check"),
        (4025, "check"),
        (1048, "not_null"),
        (1364, "not_null"),
        (1020, "conflict"),
        (1205, "conflict"),
        (1213, "conflict"),
        (3572, "conflict"),
        (1040, "unavailable"),
        (1045, "unavailable"),
        (1049, "unavailable"),
        (1053, "unavailable"),
        (1927, "unavailable"),
        (2003, "unavailable"),
        (2006, "unavailable"),
        (2013, "unavailable"),
        (4031, "unavailable"),
        (1153, "unstorable"),
        (1264, "unstorable"),
        (1265, "unstorable"),
        (1292, "unstorable"),
        (1366, "unstorable"),
        (1406, "unstorable"),
        (3140, "unstorable"),
        (1064, "other"),
        (1146, "other"),
        (1317, "other"),
        (9999, "other"),
    ],
)
def test_a_number_tells_the_kind(number: int, kind: FailureKind) -> None:
    failure = read(number, "a text that nobody knows")

    assert (failure.kind, failure.code) == (kind, str(number))


@pytest.mark.parametrize(
    "value",
    [
        SENTINEL,
        f"{SENTINEL}' for key 'PRIMARY",
        f"' for key '{SENTINEL}",
        f"' for key '{SENTINEL}'",
        f"x' for key '{SENTINEL}' for key '",
        f"two\nlines' for key '{SENTINEL}'\n",
    ],
)
@pytest.mark.parametrize("key", ["name", "PRIMARY", "it's", "two words"])
def test_the_key_of_a_duplicate_is_told_and_never_its_value(value: str, key: str) -> None:
    failure = read(1062, f"Duplicate entry '{value}' for key '{key}'")

    assert failure == Failure(kind="unique", code="1062", constraint=key)


def test_a_message_that_was_cut_off_tells_no_key() -> None:
    message = f"Duplicate entry '' for key '{SENTINEL}' for key 'a_name_that_was_cut_o"

    assert read(1062, message) == Failure(kind="unique", code="1062")


def test_mysql_tells_the_table_of_a_duplicate() -> None:
    failure = read(1062, f"Duplicate entry '{SENTINEL}' for key 'band.name'", qualified_keys=True)

    assert failure == Failure(kind="unique", code="1062", table="band", constraint="name")


def test_a_duplicate_by_a_cascade_tells_the_other_table() -> None:
    message = (
        f"Foreign key constraint for table 'band', record '{SENTINEL}' would lead to a duplicate"
        " entry in table 'song', key 'title'"
    )

    assert read(1761, message) == Failure(
        kind="unique", code="1761", table="song", constraint="title"
    )


def test_a_foreign_key_tells_all_its_names() -> None:
    message = (
        "Cannot add or update a child row: a foreign key constraint fails (`shop`.`a``b`,"
        " CONSTRAINT `from band` FOREIGN KEY (`band_id`, `part,of`) REFERENCES `band` (`id`, `p`))"
    )

    assert read(1452, message) == Failure(
        kind="foreign_key",
        code="1452",
        schema="shop",
        table="a`b",
        constraint="from band",
        columns=("band_id", "part,of"),
    )


def test_a_foreign_key_whose_message_was_cut_off_tells_its_name() -> None:
    message = (
        "Cannot delete or update a parent row: a foreign key constraint fails (`shop`.`song`,"
        " CONSTRAINT `from_band` FOREIGN KEY (`band_id`, `pa"
    )

    failure = read(1451, message)

    assert (failure.table, failure.constraint, failure.columns) == ("song", "from_band", ())


def test_a_check_of_mysql_tells_its_name() -> None:
    failure = read(3819, "Check constraint 'after_1900' is violated.")

    assert failure == Failure(kind="check", code="3819", constraint="after_1900")


def test_a_check_of_a_column_tells_the_column() -> None:
    failure = read(4025, "CONSTRAINT `band.extra` failed for `shop`.`band`")

    assert failure == Failure(
        kind="check",
        code="4025",
        schema="shop",
        table="band",
        constraint="band.extra",
        columns=("extra",),
    )


@pytest.mark.parametrize(
    "message", ["Column 'title' cannot be null", "Field 'title' doesn't have a default value"]
)
def test_a_missing_value_tells_its_column(message: str) -> None:
    assert read(1048, message).columns == ("title",)


def test_a_wrong_statement_is_told_without_its_text() -> None:
    message = (
        "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB"
        f" server version for the right syntax to use near '{SENTINEL}; at line 7' at line 2"
    )

    assert read(1064, message).summary == "You have an error in your SQL syntax at line 2"


def test_names_and_rights_are_told_as_they_are() -> None:
    assert read(1146, "Table 'shop.band' doesn't exist").summary == (
        "Table 'shop.band' doesn't exist"
    )
