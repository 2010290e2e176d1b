"""Names that are drawn for what a schema has fit every engine."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.testing.strategies import naming

# Without the cache: who asked first may not have been measured.
MADE: list[Callable[[], st.SearchStrategy[str]]] = [
    naming.table_names.__wrapped__,
    naming.column_names.__wrapped__,
    naming.field_names.__wrapped__,
]


@pytest.mark.parametrize("made", MADE, ids=["tables", "columns", "fields"])
@given(data=st.data())
def test_a_name_is_kept_by_every_engine(
    made: Callable[[], st.SearchStrategy[str]], data: st.DataObject
) -> None:
    assert 0 < len(data.draw(made()).encode()) <= 63
