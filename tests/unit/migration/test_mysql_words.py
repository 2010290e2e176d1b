"""What MySQL writes in its catalog, by its manual: the suite has no MySQL to ask."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from andamios_orm.migration.engines.mysql.words import (
    Column,
    chosen_collations,
    column_state,
    index_part,
    with_plain_quotes,
    words_of,
)
from andamios_orm.migration.state import ColumnState

MYSQL = words_of(mariadb=False)
DIALECT: sa.Dialect = mysql.dialect()


def column(
    type_: str = "int",
    *,
    default: str | None = None,
    extra: str = "",
    expression: str = "",
    collation: str | None = None,
) -> ColumnState:
    row = Column("a", type_, "YES", default, extra, expression, collation, "")
    return column_state(
        row,
        "utf8mb4_0900_ai_ci",
        MYSQL,
        text=lambda sql: with_plain_quotes(MYSQL.unescaped(sql)),
        is_json=False,
    )


@pytest.mark.parametrize(
    ("default", "extra", "kept"),
    [
        (None, "", None),
        ("0", "", "'0'"),
        ("NULL", "", "'NULL'"),
        ("it's", "", "'it''s'"),
        ("back\\slash", "", r"'back\\slash'"),
        ("b'101'", "", "b'101'"),
        ("CURRENT_TIMESTAMP(6)", "DEFAULT_GENERATED", "CURRENT_TIMESTAMP(6)"),
        (
            "CURRENT_TIMESTAMP",
            "DEFAULT_GENERATED on update CURRENT_TIMESTAMP",
            "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        ),
        (None, "on update CURRENT_TIMESTAMP(3)", "NULL ON UPDATE CURRENT_TIMESTAMP(3)"),
        ("utc_timestamp(6)", "DEFAULT_GENERATED", "(utc_timestamp(6))"),
        (r"concat(_utf8mb4\'a\',`b`)", "DEFAULT_GENERATED", "(concat(_utf8mb4'a',`b`))"),
    ],
)
def test_a_default_is_read_as_it_is_written(
    default: str | None, extra: str, kept: str | None
) -> None:
    assert column(default=default, extra=extra).default == kept


def test_a_default_made_by_an_expression_is_no_generated_column() -> None:
    assert column(default="uuid()", extra="DEFAULT_GENERATED").computed is None


def test_a_generated_column_is_read_without_backslashes() -> None:
    found = column("varchar(9)", extra="VIRTUAL GENERATED", expression=r"concat(`b`,_utf8mb4\'x\')")
    assert (found.computed, found.stored, found.default) == (
        "concat(`b`,_utf8mb4'x')",
        False,
        None,
    )


def test_a_collation_of_its_own_is_one_that_the_table_has_not() -> None:
    assert column("varchar(9)", collation="utf8mb4_0900_bin").collation == "utf8mb4_0900_bin"
    assert column("varchar(9)", collation="utf8mb4_0900_ai_ci").collation is None


def test_a_text_in_an_expression_keeps_its_quote() -> None:
    assert with_plain_quotes(MYSQL.unescaped(r"(`a` <> _utf8mb4\'it\\\'s\')")) == (
        "(`a` <> _utf8mb4'it''s')"
    )


def test_parts_of_an_index_are_written_as_in_create_index() -> None:
    assert index_part("a", None, "A", None, DIALECT) == "a"
    assert index_part("order", None, "D", None, DIALECT) == "`order` DESC"
    assert index_part("a", 10, "A", None, DIALECT) == "`a`(10)"
    assert index_part(None, None, "D", "lower(`a`)", DIALECT) == "(lower(`a`)) DESC"


def test_the_collations_that_a_server_was_told_to_choose_are_known() -> None:
    told = "utf8mb3=utf8mb3_uca1400_ai_ci, utf8mb4=utf8mb4_uca1400_ai_ci"
    assert chosen_collations(told) == {
        "utf8mb3": "utf8mb3_uca1400_ai_ci",
        "utf8mb4": "utf8mb4_uca1400_ai_ci",
    }
    assert chosen_collations("") == {}
