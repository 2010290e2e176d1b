"""What a converter raises becomes an error without values, also where it raises only once."""

import pytest
from pydantic import BaseModel

from andamios_orm.errors import InvalidRow
from andamios_orm.rows.nested import careful


class Card(BaseModel):
    name: str


def test_a_converter_that_takes_a_value_the_second_time_is_an_invalid_row_all_the_same() -> None:
    calls: list[object] = []

    def moody(value: object) -> object:
        calls.append(value)
        if len(calls) == 1:
            raise LookupError(value)
        return value

    read = careful(lambda rows: [moody(row[0]) for row in rows], [moody], ["name"], Card)
    with pytest.raises(InvalidRow) as refused:
        read([("secret",)])
    assert refused.value.fields == {"(row)": "LookupError"}
    assert "secret" not in str(refused.value)
    assert read([("fine",)]) == ["fine"]
