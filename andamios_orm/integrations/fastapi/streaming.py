"""Send rows as they are read: newline-delimited JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.types import Send

from andamios_orm.models.base import Model
from andamios_orm.models.deriving import variant_class, variant_of

__all__ = ["ndjson"]

_CHUNK = 65_536


def ndjson(rows: AsyncIterable[object]) -> StreamingResponse:
    """Return the response that sends each row as a line of JSON, with constant memory.

    `rows` is what the `stream()` of a query on a `Database` gives: it has a connection of its own
    until the response ends or the client goes, while the session of a request ends before. Rows
    of a table are sent as their public variant. An error before the first row is answered as any
    other; one after it breaks the connection off, so that nobody takes a part for the whole.

    ```python
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    from andamios_orm.integrations.fastapi import ndjson

    app = FastAPI(lifespan=db.lifespan)


    @app.get("/heroes.ndjson", response_class=StreamingResponse)
    async def export_heroes() -> StreamingResponse:
        return ndjson(Repository(Hero, db).order_by(Hero.id).stream())
    ```
    """
    return _Lines(_chunks(rows))


class _Lines(StreamingResponse):
    """A response that begins with its first chunk: until then it may still be an error."""

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(chunks, media_type="application/x-ndjson")
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        # Closed here: a client that goes leaves the chunks where they are.
        async with aclosing(self._chunks):
            first = await anext(self._chunks, b"")
            self.body_iterator = self._from(first)
            await super().stream_response(send)

    async def _from(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for chunk in self._chunks:
            yield chunk


async def _chunks(rows: AsyncIterable[object]) -> AsyncGenerator[bytes]:
    """Join lines to chunks of some size, and close the rows in the end."""
    chunk = bytearray()
    try:
        async for row in rows:
            chunk += _line(row)
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        if chunk:
            yield bytes(chunk)
    finally:
        close = getattr(rows, "aclose", None)
        if close is not None:
            await close()


def _line(row: object) -> bytes:
    if isinstance(row, Model) and variant_of(type(row)) is None:
        row = variant_class(type(row), "public").model_validate(row)
    if isinstance(row, BaseModel):
        return row.model_dump_json(by_alias=True).encode() + b"\n"
    return to_json(row) + b"\n"
