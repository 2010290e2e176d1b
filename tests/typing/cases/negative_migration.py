"""What no migration can be asked for."""

from pathlib import Path

from models import Hero

from andamios_orm import Database
from andamios_orm.migration import Answers, Migrator, Patience, Plan, Revision


async def migrated(db: Database, migrator: Migrator) -> None:
    Migrator("sqlite://", Path("migrations"))  # E: migrator-of-url
    Migrator()  # E: migrator-of-nothing
    await migrator.up(1)  # E: up-by-number
    await migrator.up(Hero)  # E: up-to-model
    await migrator.up("head", ["hero"])  # E: allow-by-place
    await migrator.up(confirm=True)  # E: confirm-without-name
    await migrator.up(report=3)  # E: report-no-function
    await migrator.down("-1", force=True)  # E: down-by-force
    await migrator.new()  # E: new-without-message
    await migrator.new("add a table", empty="yes")  # E: empty-text
    plan: Plan = await migrator.status()  # E: status-taken-for-plan
    await migrator.plan(direction="sideways")  # E: plan-of-no-direction
    migrator.sql().splitlines()  # E: sql-without-await
    done: list[str] = await migrator.up()  # E: revisions-taken-for-names
    await migrator.verify(lambda database: None)  # E: fill-not-awaited
    await migrator.lint("all")  # E: lint-by-place
    Answers(renames="name")  # E: answers-unknown
    Patience("5 s")  # E: patience-text
    (await migrator.history())[0].nope  # E: unknown-of-history
    first: Revision = await migrator.stamp()  # E: stamped-may-be-none
    await migrator.compare([])  # E: compare-with-list
    print(plan, done, first, db)
