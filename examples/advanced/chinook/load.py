"""Read the shop's export and store it, every value exactly as it stands there."""

import gzip
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TypeAlias

from pydantic.alias_generators import to_snake
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from andamios_orm import Database, Model, Repository
from examples.advanced.chinook.models import MODELS

Row: TypeAlias = Mapping[str, object]
Export: TypeAlias = Mapping[str, Sequence[Row]]

EXPORT = Path(__file__).parent / "data" / "chinook.json.gz"
BATCH = 1_000


def read_export() -> Export:
    """Return the rows by table. Prices are Decimal from the start: 0.99 is never a float."""
    export = json.loads(gzip.decompress(EXPORT.read_bytes()), parse_float=Decimal)
    return {**export, "Employee": managers_first(export["Employee"])}


def managers_first(employees: Sequence[Row]) -> list[Row]:
    """Return the employees, everyone after the person they report to."""
    by_id = {row["EmployeeId"]: row for row in employees}
    managers = {key: {row["ReportsTo"]} & by_id.keys() for key, row in by_id.items()}
    return [by_id[key] for key in TopologicalSorter(managers).static_order()]


async def load(db: Database, export: Export, console: Console) -> None:
    """Store all rows in one transaction, under a progress bar."""
    with progress_bar(console) as progress:
        task = progress.add_task("", total=sum(len(rows) for rows in export.values()))
        async with db.session() as session:
            for model in MODELS:
                progress.update(task, description=model.__name__)
                rows = export[model.__name__]
                for start in range(0, len(rows), BATCH):
                    batch = rows[start : start + BATCH]
                    instances = [model.model_validate(fields_of(model, row)) for row in batch]
                    await Repository(model, session).add_all(instances)
                    progress.advance(task, len(batch))
        progress.update(task, description="Loaded")


def fields_of(model: type[Model], row: Row) -> dict[str, object]:
    """Return the export's row under the model's names, with None for what was left empty.

    `InvoiceId` is the `id` of an Invoice, and the `invoice_id` of anything else.
    """
    own_key = f"{model.__name__}Id"
    return {
        "id" if name == own_key else to_snake(name): None if value == "" else value
        for name, value in row.items()
    }


def progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<13}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
        console=console,
    )
