"""Parquet files: one that is checked before it is read, and one that appears when it is complete.

Imported at the first use only, because pyarrow is an extra.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from andamios_orm.errors import FileProblem
from andamios_orm.rows.arrow import arrow_type
from andamios_orm.schema.spec import ModelSpec

__all__ = ["NewFile", "ReadFile", "schema_of"]

_Batches: TypeAlias = "Iterator[pa.RecordBatch]"
_Is: TypeAlias = Callable[[Any], bool]

_TARGET = 8 * 2**20
"""Bytes that a piece of a file has in memory, about."""
_MOST_ROWS = 2048
"""Rows that are read at once: each becomes an instance of the model."""


def schema_of(spec: ModelSpec) -> pa.Schema:
    """Return the schema of a model's file. Raises NotSupported for what Arrow has no type for."""
    return pa.schema(
        [(f.name, arrow_type(f.storage, f"{spec.name}.{f.name}")) for f in spec.fields]
    )


# ---- writing -------------------------------------------------------------------------------------


class NewFile:
    """A Parquet file that takes its name only when it is complete.

    Until then it lies beside its place under another name, and what has the name stays as it is.
    """

    def __init__(self, path: str, spec: ModelSpec) -> None:
        self._path = path
        # Through a link, what it points at is replaced, as writing to it would do.
        self._target = Path(os.path.realpath(path))
        self._temporary = self._target.with_name(f".{self._target.name}.{uuid4().hex}.tmp")
        about = {"model": spec.name, "columns": {f.name: f.storage.kind for f in spec.fields}}
        self._schema = schema_of(spec).with_metadata({"andamios_orm": json.dumps(about)})
        self._opened = ExitStack()

    def open(self) -> None:
        """Begin to write. Raises FileProblem."""
        with self._explained():
            if self._target.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            self._stream = self._opened.enter_context(self._temporary.open("xb"))
            self._writer = pq.ParquetWriter(self._stream, self._schema)
            self._opened.callback(self._writer.close)

    def write(self, table: pa.Table) -> None:
        """Add rows. Raises FileProblem."""
        with self._explained():
            self._writer.write_table(table, row_group_size=len(table))

    def finish(self) -> int:
        """Put the file in its place and return its size. Raises FileProblem."""
        with self._explained():
            self._writer.close()
            self._stream.flush()
            # The name must not come to stand for what a power cut would lose.
            os.fsync(self._stream.fileno())
            size = self._stream.tell()
            self._opened.close()
            self._temporary.replace(self._target)
        return size

    def abandon(self) -> None:
        """Leave nothing behind; nothing happens to a file that is finished."""
        with suppress(OSError, pa.ArrowException):
            self._opened.close()
        self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileProblem(
                f"{self._path} cannot be written: {error.strerror or type(error).__name__}",
                "name a file in a folder that exists, that may be written to and has room",
                path=self._path,
            ) from None


# ---- reading -------------------------------------------------------------------------------------


class ReadFile:
    """A Parquet file whose columns are those of a model."""

    def __init__(self, path: str, spec: ModelSpec) -> None:
        self._path = path
        self._spec = spec
        self._wanted = schema_of(spec)
        self._opened = ExitStack()
        self.rows = 0

    def open(self) -> None:
        """Begin to read. Raises FileProblem for what is not such a file."""
        with self._explained():
            # A row group may be larger than memory, so it is not read as a whole.
            file = pq.ParquetFile(self._path, pre_buffer=False, buffer_size=2**16)
        self._opened.callback(file.close)
        _require_columns(self._path, self._spec.name, file.schema_arrow, self._wanted)
        about = file.metadata
        self.rows = about.num_rows
        groups = [about.row_group(n) for n in range(about.num_row_groups)]
        width = sum(group.total_byte_size for group in groups) // max(1, self.rows)
        size = max(1, min(_MOST_ROWS, _TARGET // max(1, width)))
        # pyarrow 18.0 takes a file without row groups for a damaged one.
        self._batches: _Batches = (
            file.iter_batches(size, columns=self._wanted.names) if groups else iter(())
        )

    def next(self) -> pa.RecordBatch | None:
        """Return the next rows, None after the last. Raises FileProblem."""
        with self._explained():
            return next(self._batches, None)

    def close(self) -> None:
        """Close."""
        self._opened.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise FileProblem(
                f"there is no file {self._path}", "check the path", path=self._path
            ) from None
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or "it is no Parquet file, or is damaged"
            raise FileProblem(
                f"{self._path} cannot be read: {reason}",
                "write the file with export_parquet(), or another program that writes Parquet",
                path=self._path,
            ) from None


def _require_columns(path: str, model: str, found: pa.Schema, wanted: pa.Schema) -> None:
    """Raise FileProblem unless the file has the model's columns, and no others."""
    problems = [f"`{name}` is missing" for name in wanted.names if name not in found.names]
    problems += [f"`{n}` is none of its fields" for n in found.names if n not in wanted.names]
    problems += [f"`{n}` is there more than once" for n in wanted.names if found.names.count(n) > 1]
    problems += [
        f"`{f.name}` is {f.type} in place of {wanted.field(f.name).type}"
        for f in found
        if f.name in wanted.names and not _reads_as(f.type, wanted.field(f.name).type)
    ]
    if problems:
        raise FileProblem(
            f"the columns of {path} are not those of {model}: {', '.join(problems)}",
            "select, rename and cast the columns in the program that writes the file",
            path=path,
        )


def _reads_as(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of one Arrow type is a value of another."""
    types = pa.types
    if types.is_dictionary(found):
        return _reads_as(found.value_type, wanted)
    if found == wanted or types.is_null(found):
        return True
    if types.is_decimal(wanted):
        return (
            types.is_decimal(found)
            and found.scale <= wanted.scale
            and found.precision - found.scale <= wanted.precision - wanted.scale
        )
    if types.is_timestamp(wanted) and types.is_timestamp(found):
        return _is_coarse(found) and (found.tz is None) == (wanted.tz is None)
    return any(is_wanted(wanted) and fits(found) for is_wanted, fits in _WIDENED)


def _is_text(found: pa.DataType) -> bool:
    return pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _is_bytes(found: pa.DataType) -> bool:
    kinds = (pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_kind(found) for is_kind in kinds)


def _is_coarse(found: Any) -> bool:
    return bool(found.unit != "ns")


_WIDENED: list[tuple[_Is, _Is]] = [
    (pa.types.is_int64, lambda t: pa.types.is_integer(t) and not pa.types.is_uint64(t)),
    (pa.types.is_float64, pa.types.is_floating),
    (pa.types.is_string, _is_text),
    (pa.types.is_binary, _is_bytes),
    (pa.types.is_time, lambda t: pa.types.is_time(t) and _is_coarse(t)),
    (pa.types.is_duration, lambda t: pa.types.is_duration(t) and _is_coarse(t)),
]
"""Kinds of types that a column may have, with the others whose values all fit."""
