"""Models made of text, because their number or width is only known when the program runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from andamios_orm import Model

__all__ = ["declare"]

_HEAD = "from andamios_orm import Col, Model, generated\n"


def declare(count: int, columns: int, metadata: sa.MetaData) -> list[type[Model]]:
    """Return models `M0`, `M1`, ... with a key `id` and integer columns `c0`, `c1`, ..."""
    fields = "".join(f"    c{number}: Col[int] = {number}\n" for number in range(columns))
    classes = "".join(
        f"class M{number}(Model, table=True, metadata=metadata):\n"
        f"    id: Col[int] = generated()\n{fields}"
        for number in range(count)
    )
    names: dict[str, Any] = {"metadata": metadata, "__name__": __name__}
    # Without this module's own `from __future__ import annotations`.
    code = compile(_HEAD + classes, "models", "exec", dont_inherit=True)
    exec(code, names)  # noqa: S102 - the text above
    return [names[f"M{number}"] for number in range(count)]
