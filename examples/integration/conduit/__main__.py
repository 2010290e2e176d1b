"""Serve Conduit: `python -m examples.integration.conduit [URL]`."""

import argparse
import socket
from contextlib import suppress
from dataclasses import replace

import uvicorn

from andamios_orm.errors import AndamiosError
from examples.integration.conduit.app import create_app
from examples.integration.conduit.settings import Settings


class Announced(uvicorn.Server):
    """A server that says where it is once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"Conduit answers at http://{host}:{port}/docs", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.integration.conduit",
        description="Serve the whole API of RealWorld's Conduit.",
    )
    parser.add_argument(
        "url",
        nargs="?",
        help="where the rows are, such as duckdb:///conduit.duckdb or postgresql://user@host/base;"
        " without it $DATABASE_URL, or in memory",
    )
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    parser.add_argument("--empty", action="store_true", help="without users and articles")
    arguments = parser.parse_args()
    try:
        settings = replace(Settings.from_environment(), seeded=not arguments.empty)
        if arguments.url:
            settings = replace(settings, url=arguments.url)
        app = create_app(settings)
    except (AndamiosError, ValueError) as error:
        raise SystemExit(str(error)) from error
    server = Announced(uvicorn.Config(app, port=arguments.port, log_level="warning"))
    with suppress(KeyboardInterrupt):  # uvicorn has ended everything by then
        server.run()
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
