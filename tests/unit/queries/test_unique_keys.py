"""Which unique keys a table has, and what each is of."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm.queries.upserting import unique_keys


@pytest.mark.parametrize(
    ("of", "plain"),
    [
        (lambda name: name, True),
        (lambda name: name.desc(), True),
        (lambda name: name.asc().nulls_first(), True),
        (lambda name: name.desc().nulls_last(), True),
        (lambda name: sa.func.lower(name), False),
        (lambda name: sa.func.lower(name).desc(), False),
        (lambda name: name.collate("NOCASE"), False),
        (lambda name: name + "x", False),
    ],
)
def test_a_key_is_of_a_column_in_either_order_and_of_no_expression(
    of: Callable[[Any], Any], plain: bool
) -> None:
    name = sa.Column("name", sa.Text)
    table = sa.Table("hero", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), name)
    sa.Index("ux_hero", of(name), unique=True)

    primary, key = unique_keys(table, "postgresql")

    assert (primary.columns, primary.exact, primary.plain) == (("id",), True, True)
    assert (key.columns, key.exact, key.plain) == (("name",), plain, plain)
