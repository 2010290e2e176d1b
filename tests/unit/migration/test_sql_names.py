"""Names are found in SQL, and nothing else is taken for one."""

import pytest

from andamios_orm.migration.sql_names import (
    as_text,
    is_name,
    names_in,
    quoted,
    renamed_in,
    unquoted,
    unwrapped,
)


@pytest.mark.parametrize(
    ("sql", "renamed"),
    [
        ("name <> 'name'", "label <> 'name'"),
        ("'it''s name' < name", "'it''s name' < label"),
        ('"name" > 1', '"label" > 1'),
        ("`name` > 1", "`label` > 1"),
        ("[name] > 1", "[label] > 1"),
        ("name(1) > names", "name(1) > names"),
        ("a.name = 1name", "a.label = 1name"),
        ("name", "label"),
    ],
)
def test_a_column_is_renamed_wherever_it_stands(sql: str, renamed: str) -> None:
    assert renamed_in(sql, "name", "label") == renamed


def test_a_new_name_that_is_no_plain_word_is_quoted() -> None:
    assert renamed_in("name > 1", "name", "Full Name") == '"Full Name" > 1'
    assert renamed_in('"a""b" > 1', 'a"b', 'c"d') == '"c""d" > 1'


def test_the_names_of_a_condition_are_its_words() -> None:
    assert names_in("\"Age\" > 3 AND name <> 'it' || `x`") == {"Age", "AND", "name", "x"}


@pytest.mark.parametrize(
    ("sql", "inner"),
    [
        ("((a > 1))", "a > 1"),
        ("(a) > (b)", "(a) > (b)"),
        ("( a = ')' )", "a = ')'"),
        ("a > 1", "a > 1"),
        ("((a)", "((a)"),
    ],
)
def test_parentheses_around_everything_are_taken_off(sql: str, inner: str) -> None:
    assert unwrapped(sql) == inner


@pytest.mark.parametrize("sql", ["name", '"full name"', "`order`", "größe", "a$1"])
def test_a_name_is_told_from_an_expression(sql: str) -> None:
    assert is_name(sql)
    assert not is_name(f"{sql} DESC")
    assert not is_name(f"lower({sql})")


def test_a_name_is_called_without_its_quotes() -> None:
    assert unquoted('"full ""name"') == 'full "name'
    assert unquoted("[a b]") == "a b"
    assert unquoted("name") == "name"
    assert unquoted("?") == "?"
    assert quoted('a"b') == '"a""b"'


def test_no_parameter_is_found_in_the_text_of_a_statement() -> None:
    assert as_text("a = ':b' AND c::text = '1:2' AND d = '\\:e'") == (
        "a = '\\:b' AND c::text = '1:2' AND d = '\\:e'"
    )
