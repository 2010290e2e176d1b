"""Read results as a DataFrame, and move a table through a Parquet file to another engine."""

from pathlib import Path
from tempfile import TemporaryDirectory

from andamios_orm import Col, Database, Model, Repository, field, generated, run


class Sale(Model, table=True):
    id: Col[int] = generated()
    city: Col[str] = field(max_length=20)
    amount: Col[int] = field(ge=0)


async def main() -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "sales.parquet"
        async with Database("duckdb://") as db:
            await db.create_all()
            sales = Repository(Sale, db)
            await sales.add_all(
                Sale(city=city, amount=amount)
                for city, amount in [("Bern", 12), ("Bern", 8), ("Lima", 30), ("Oslo", 1)]
            )

            # DuckDB hands the columns over; no row becomes a Python object.
            frame = await sales.where(Sale.amount > 5).order_by(Sale.id).polars()
            for city, total in (
                frame.group_by("city", maintain_order=True).sum()["city", "amount"].iter_rows()
            ):
                print(city, total)

            await db.export_parquet(Sale, file)

        async with Database("sqlite://") as copy:
            await copy.create_all()
            report = await copy.import_parquet(Sale, file)
            assert report.stored == await Repository(Sale, copy).count()
            print(f"{report.stored} rows moved from DuckDB to SQLite")


if __name__ == "__main__":
    run(main())
