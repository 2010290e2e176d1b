"""`config`: each setting, and where it comes from."""

from __future__ import annotations

import typer

from andamios_orm.cli.config import SETTINGS, masked
from andamios_orm.cli.options import AsJson, DatabaseName, Environment, NoColor, Url
from andamios_orm.cli.running import project

__all__ = ["COMMANDS"]

_config = typer.Typer(rich_markup_mode=None, add_completion=False)


@_config.command()
def config(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Show each setting, and where it comes from; passwords are masked.

    An option comes before a variable of the environment, that before .env, and that before
    [tool.andamios-orm] in pyproject.toml.

    Example: andamios-orm config --database reports
    """
    found = project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )
    rows = []
    for name, setting in found.config.settings.items():
        value = setting.value
        if name == "url" and value:
            value = masked(str(value))
        text = ", ".join(value) if isinstance(value, list | tuple) else str(value or "")
        rows.append((name, text, setting.origin, SETTINGS[name].told))
    if found.output.as_json:
        found.output.document(
            {name: {"value": value, "origin": origin} for name, value, origin, _ in rows}
        )
        return
    found.output.table(("setting", "value", "comes from", "is"), rows)


COMMANDS = {"config": _config}
