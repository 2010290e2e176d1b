"""Read fixtures: rows in JSON, CSV and Parquet files, one file for each model."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from json import JSONDecodeError, JSONDecoder
from os import PathLike
from pathlib import Path
from typing import Any, cast

from andamios_orm.database.extras import require
from andamios_orm.database.session import Session
from andamios_orm.errors import SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec, Kind
from andamios_orm.seeding.declaring import Key, Record, Seed, environment_names, key_names

__all__ = ["fixture", "fixtures_in"]


def fixture(
    model: type[Model],
    path: str | PathLike[str],
    *,
    key: Key | None = None,
    environments: str | Sequence[str] = "*",
) -> Seed:
    """Make the rows of a file those that the table of a model has after `db-seed`.

    A `.json` file is a list of objects; a `.csv` file has the names of fields in its first line,
    and `author.email` for the natural key of what a row refers to; a `.parquet` file has a column
    for each field. `key` and `environments` are those of `seed()`. The file is read when the seed
    runs, and a relative path starts in the current folder.

    ```python
    from pathlib import Path
    from andamios_orm.seeding import fixture, run_seeds

    Path("sidekicks.json").write_text('[{"name": "Robin", "age": 12}]')
    sidekicks = fixture(Hero, "sidekicks.json", key=Hero.name)
    assert str(await run_seeds(db, [sidekicks])) == "Hero: 1 created, 0 updated, 0 unchanged"
    ```
    """
    file = Path(path)
    shown = file.as_posix()

    async def records(session: Session) -> AsyncIterator[Record]:
        reader = _reader(file)
        if file.suffix == ".parquet":
            await require("arrow", "pyarrow")
        for record in await asyncio.to_thread(lambda: list(reader(model, file, shown))):
            yield record

    return Seed(model, shown, key_names(model, key), environment_names(environments), records)


def fixtures_in(path: Path, models: Sequence[type[Model]]) -> list[Seed]:
    """Return the fixtures of a folder, those in a folder of it only for the environment so called.

    The name of a file is that of a model's class or table. Raises SeedProblem for any other.
    """
    if path.is_file():
        return [fixture(_model_of(path, models), path)]
    if not path.is_dir():
        raise SeedProblem(
            f"there is no file and no folder {path.as_posix()}",
            "correct `seeds` in the configuration, or make the folder",
        )
    found: list[Seed] = []
    for file in sorted(path.iterdir()):
        if file.is_dir() and not file.name.startswith((".", "__")):
            found += [
                fixture(_model_of(inner, models), inner, environments=file.name)
                for inner in sorted(file.iterdir())
                if inner.suffix in _READERS
            ]
        elif file.suffix in _READERS:
            found.append(fixture(_model_of(file, models), file))
    return found


def _model_of(file: Path, models: Sequence[type[Model]]) -> type[Model]:
    named = [m for m in models if file.stem in (m.__name__, table_of(m).fullname)]
    if len(named) == 1:
        return named[0]
    known = ", ".join(sorted(table_of(model).fullname for model in models)) or "none"
    raise SeedProblem(
        f"{file.as_posix()}: {'several models have' if named else 'no model has'} this name",
        f"name the file after a table; there are {known}. Are all modules with models in `models`"
        " of the configuration?",
    )


def _reader(file: Path) -> _Reader:
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise SeedProblem(
            f"{file.as_posix()} is no fixture that can be read",
            f"write it as {', '.join(_READERS)}",
        )
    if not file.is_file():
        raise SeedProblem(f"there is no file {file.as_posix()}", "check the path")
    return reader


def _text(file: Path, shown: str) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SeedProblem(f"{shown} is no UTF-8 text", "save it as UTF-8") from None


# ---- JSON ----------------------------------------------------------------------------------------


def _json_records(model: type[Model], file: Path, shown: str) -> Iterator[Record]:
    text = _text(file, shown)
    try:
        rows = list(_elements(text))
    except JSONDecodeError as error:
        raise SeedProblem(
            f"{shown}, line {error.lineno}, column {error.colno}: this is no JSON here"
            f" ({error.msg.lower()})",
            "correct the file: it is a list of objects, `[{...}, {...}]`",
        ) from None
    for line, row in rows:
        where = f"{shown}, line {line}"
        if not isinstance(row, dict):
            raise SeedProblem(
                f"{where}: a {type(row).__name__} is no row",
                "write an object with the fields of the row: `{...}`",
            )
        yield Record(_exact(model, row), where, "json")


class _Written(float):
    """A number with a point, and how it is written: a column of decimals takes all its digits."""

    text: str

    @classmethod
    def of(cls, text: str) -> _Written:
        """Return the number that a text is."""
        found = cls(text)
        found.text = text
        return found


_decoder = JSONDecoder(parse_float=_Written.of)


def _elements(text: str) -> Iterator[tuple[int, object]]:
    """Yield the elements of a JSON list with the lines where they begin. Raises JSONDecodeError."""
    place = _beyond_space(text, 0)
    if text[place : place + 1] != "[":
        raise JSONDecodeError("expecting a list", text, place)
    place = _beyond_space(text, place + 1)
    if text[place : place + 1] == "]":
        place += 1
    else:
        while True:
            line = text.count("\n", 0, place) + 1
            value, place = _decoder.raw_decode(text, place)
            yield line, value
            place = _beyond_space(text, place)
            end = text[place : place + 1]
            if end not in (",", "]"):
                raise JSONDecodeError("expecting ',' or ']'", text, place)
            place = _beyond_space(text, place + 1)
            if end == "]":
                break
    place = _beyond_space(text, place)
    if place < len(text):
        raise JSONDecodeError("expecting nothing more", text, place)


def _beyond_space(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\r", "\n"):
        place += 1
    return place


def _exact(model: type[Model], row: Mapping[str, object]) -> Mapping[str, object]:
    fields = spec_of(model).by_name
    return {
        name: value.text
        if isinstance(value, _Written)
        and name in fields
        and fields[name].storage.kind is Kind.DECIMAL
        else value
        for name, value in row.items()
    }


# ---- CSV -----------------------------------------------------------------------------------------


def _csv_records(model: type[Model], file: Path, shown: str) -> Iterator[Record]:
    lines = _text(file, shown).splitlines(keepends=True)
    reader = csv.reader(lines, strict=True)
    fields = spec_of(model).by_name
    try:
        header = next(reader, [])
        for cells in reader:
            where = f"{shown}, line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise SeedProblem(
                    f"{where}: {len(cells)} cells, where the first line names {len(header)} fields",
                    "put values that hold commas or quotes between quotes",
                )
            yield Record(_csv_row(dict(zip(header, cells, strict=True)), fields), where, "json")
    except csv.Error as error:
        raise SeedProblem(
            f"{shown}, line {reader.line_num}: this is no CSV here ({error})", "correct the file"
        ) from None


def _csv_row(cells: Mapping[str, str], fields: Mapping[str, FieldSpec]) -> Mapping[str, object]:
    row: dict[str, Any] = {}
    for name, cell in cells.items():
        *path, last = name.split(".")
        if not path:
            field = fields.get(name)
            if field is None:
                row[name] = cell
            elif cell or (field.storage.kind is Kind.TEXT and not field.nullable):
                row[name] = _cell(cell, field)
            elif field.nullable:
                row[name] = None
            # An empty cell of another field is no value: its default holds.
        elif cell:
            inner = row
            for part in path:
                inner = inner.setdefault(part, {})
            inner[last] = cell
        else:
            # A natural key without its value: no row is meant.
            row.setdefault(path[0], None)
    return row


def _cell(text: str, field: FieldSpec) -> object:
    """Return what JSON would have in place of a cell; what cannot be read stays, to be refused."""
    kind = field.storage.kind
    if kind is Kind.BOOLEAN:
        return _BOOLEANS.get(text.lower(), text)
    if kind in (Kind.INTEGER, Kind.FLOAT, Kind.JSON):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


# ---- Parquet -------------------------------------------------------------------------------------


def _parquet_records(model: type[Model], file: Path, shown: str) -> Iterator[Record]:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    fields = spec_of(model).by_name
    texts = {name for name, field in fields.items() if field.storage.kind is Kind.JSON}
    try:
        rows = pq.read_table(file).to_pylist()
    except (OSError, pa.ArrowException):
        raise SeedProblem(
            f"{shown} cannot be read: it is no Parquet file, or is damaged",
            "write it with export_parquet(), or another program that writes Parquet",
        ) from None
    for number, row in enumerate(rows, 1):
        values = {
            name: json.loads(value) if name in texts and isinstance(value, str) else value
            for name, value in cast("dict[str, object]", row).items()
        }
        yield Record(values, f"{shown}, row {number}")


_Reader = Callable[[type[Model], Path, str], Iterator[Record]]
_READERS: Mapping[str, _Reader] = {
    ".json": _json_records,
    ".csv": _csv_records,
    ".parquet": _parquet_records,
}
