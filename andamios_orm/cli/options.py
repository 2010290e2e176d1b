"""The options that commands share, each written once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from andamios_orm.cli import completing

__all__ = [
    "AllowDestructive",
    "AsJson",
    "Confirm",
    "DatabaseName",
    "DryRun",
    "Environment",
    "NoColor",
    "Url",
    "Yes",
]

Url: TypeAlias = Annotated[
    str | None,
    typer.Option("--url", help="The database, instead of the configured one.", show_default=False),
]
DatabaseName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        help="One of the databases that pyproject.toml names.",
        show_default=False,
        autocompletion=completing.databases,
    ),
]
Environment: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="What the database is: development, production, ...",
        show_default=False,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Write one JSON document instead of tables.")
]
NoColor: TypeAlias = Annotated[bool, typer.Option("--no-color", help="Write without colors.")]
Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; answer yes to what would be asked.")
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
]
AllowDestructive: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-destructive",
        metavar="TABLE[.COLUMN]",
        help="Let this table or column be removed; repeat it for more.",
        show_default=False,
    ),
]
Confirm: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="The name of a production database, to remove data of it.",
        show_default=False,
    ),
]
