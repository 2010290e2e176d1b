"""Write docs/reference/fidelity.md and traps.md: `python -m tests.fidelity`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from andamios_orm import Database, run
from andamios_orm.testing.servers import MariaDBServer, PostgreSQLServer
from tests.fidelity import alone
from tests.fidelity.report import ENGINES, outcome, page, prepared
from tests.fidelity.traps import TRAPS, Trap

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "fidelity.md"
ALONE = PAGE.with_name("traps.md")


async def outcomes(url: str) -> dict[Trap, str]:
    async with Database(url) as db:
        await prepared(db)
        return {trap: await outcome(db, trap) for trap in TRAPS}


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        PostgreSQLServer() as postgresql,
        MariaDBServer() as mariadb,
    ):
        for server in (postgresql, mariadb):
            server.create_database("fidelity")
        urls = {
            "duckdb": f"duckdb:///{folder}/fidelity.duckdb",
            "sqlite": f"sqlite:///{folder}/fidelity.db",
            "postgresql": postgresql.url("fidelity"),
            "mariadb": mariadb.url("fidelity"),
        }
        found = {name: run(outcomes(urls[name])) for name in ENGINES}
        urls["duckdb"] = "duckdb:///:memory:"
        alones = {name: run(alone.alone(urls[name])) for name in ENGINES}
        for server in (postgresql, mariadb):
            server.drop_database("fidelity")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found), encoding="utf-8")
    ALONE.write_text(alone.page(alones, found), encoding="utf-8")
    print(f"wrote {PAGE.name} and {ALONE.name}")


if __name__ == "__main__":
    main()
