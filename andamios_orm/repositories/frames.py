"""Turn an Arrow table into a DataFrame of Polars or pandas, without changing a value.

Imported at the first use only, because the packages are extras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from pydantic import BaseModel

from andamios_orm.database.arrow import beside
from andamios_orm.errors import NotSupported
from andamios_orm.rows.arrow import arrow_type
from andamios_orm.schema.spec import FieldSpec

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["require_polars_types", "to_pandas", "to_polars"]


def require_polars_types(model: type[BaseModel], fields: Sequence[FieldSpec]) -> None:
    """Raise NotSupported for a field that Polars has no type for."""
    for field in fields:
        where = f"{model.__name__}.{field.name}"
        kept = arrow_type(field.storage, where)
        if pa.types.is_decimal256(kept):
            raise NotSupported(
                f"{where} is a {kept}, and Polars' decimals have 38 digits at most",
                "read the rows with arrow() or all(), or declare max_digits=38 or less",
            )


async def to_polars(table: pa.Table) -> polars.DataFrame:
    """Return the table as a DataFrame."""
    import polars  # noqa: PLC0415 - who uses pandas need not have it

    frame = await beside(len(table), polars.from_arrow, table)
    return cast("polars.DataFrame", frame)


async def to_pandas(table: pa.Table) -> pandas.DataFrame:
    """Return the table as a DataFrame whose columns stay Arrow's."""
    import pandas  # noqa: PLC0415 - as above

    return await beside(len(table), table.to_pandas, types_mapper=pandas.ArrowDtype)
