"""Serve Conduit: `python -m examples.integration.conduit [URL]`."""

import argparse
from dataclasses import replace

import uvicorn

from andamios_orm.errors import AndamiosError
from examples.integration.conduit.app import create_app
from examples.integration.conduit.settings import Settings


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
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--empty", action="store_true", help="without users and articles")
    arguments = parser.parse_args()
    try:
        settings = replace(Settings.from_environment(), seeded=not arguments.empty)
        if arguments.url:
            settings = replace(settings, url=arguments.url)
        app = create_app(settings)
    except (AndamiosError, ValueError) as error:
        raise SystemExit(str(error)) from error
    print(f"Conduit's API is at http://127.0.0.1:{arguments.port}/docs")
    uvicorn.run(app, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
