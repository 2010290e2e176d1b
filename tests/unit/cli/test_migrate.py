"""`migrate`: what it shows, asks and refuses, with a database behind it."""

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.migrate import app
from andamios_orm.migration import Migrator
from andamios_orm.migration.runner import Event, EventState
from tests.command_line import CommandLine

AGE = "    age: Col[int | None] = field(default=None, ge=0)\n"
HERO_NAME = '''helps."""

    id: Col[int] = generated()
    name:'''
HERO_FULL_NAME = HERO_NAME.replace("name:", "full_name:")


def documented(cli: CommandLine, *arguments: str) -> Any:
    return json.loads(cli.run(*arguments, "--json").out)


@pytest.mark.parametrize("name", [command.callback.__name__ for command in app.registered_commands])  # type: ignore[union-attr]  # each has one
def test_every_command_shows_an_example(cli: CommandLine, name: str) -> None:
    told = cli.done("migrate", name, "--help").out

    assert f"Example: andamios-orm migrate {name}" in told


# ---- new -----------------------------------------------------------------------------------------


def test_a_new_revision_tells_what_it_changes_and_where_it_is(project: CommandLine) -> None:
    result = project.done("migrate", "new", "first tables")

    assert "add table hero" in result.out
    assert "Wrote migrations/sqlite/" in result.out
    assert "migrate up" in result.err


def test_nothing_changed_is_no_revision(migrated: CommandLine) -> None:
    assert "Nothing to do" in migrated.done("migrate", "new", "nothing").out
    assert documented(migrated, "migrate", "new", "nothing") == {"file": None, "changes": []}


def test_an_empty_revision_is_written_in_any_case(migrated: CommandLine) -> None:
    found = documented(migrated, "migrate", "new", "by hand", "--empty")

    assert found["changes"] == []
    assert found["file"].endswith("_by_hand.py")


def test_a_rename_is_asked_of_a_person(migrated: CommandLine) -> None:
    migrated.change("app/models.py", HERO_NAME, HERO_FULL_NAME)

    result = migrated.run("migrate", "new", "full names", typed="y\n")

    assert "Did hero.name become hero.full_name?" in result.err
    assert "rename column hero.name" in result.out


def test_what_was_not_renamed_is_dropped_and_added(migrated: CommandLine) -> None:
    migrated.change("app/models.py", AGE, AGE.replace("age:", "years:"))

    result = migrated.run("migrate", "new", "years", typed="n\n")

    assert result.code == 0, result.err
    assert "drop column hero.age" in result.out
    assert "add column hero.years" in result.out


@pytest.mark.parametrize(
    ("typed", "change"),
    [("n\ny\n", "rename column hero.age to old"), ("n\nn\n", "drop column hero.age")],
)
def test_each_possible_rename_is_asked_in_turn(
    migrated: CommandLine, typed: str, change: str
) -> None:
    more = AGE.replace("age:", "years:") + AGE.replace("age:", "old:")
    migrated.change("app/models.py", AGE, more)

    result = migrated.run("migrate", "new", "ages", typed=typed)

    assert change in result.out, result.err


def test_without_a_person_a_rename_has_to_be_said(migrated: CommandLine) -> None:
    migrated.change("app/models.py", HERO_NAME, HERO_FULL_NAME)

    refused = migrated.run("migrate", "new", "full names")
    told = migrated.done("migrate", "new", "full names", "--rename", "hero.name:hero.full_name")

    assert refused.code == ExitCode.REFUSED
    assert "--rename hero.name:hero.full_name" in refused.err
    assert "rename column hero.name" in told.out


def test_a_fill_has_a_column_and_a_value(migrated: CommandLine) -> None:
    result = migrated.run("migrate", "new", "x", "--fill", "age=1")

    assert result.code == ExitCode.USAGE
    assert "--fill table.column=SQL" in result.err


def test_a_fill_of_a_column_that_no_model_has_is_no_silent_mistake(migrated: CommandLine) -> None:
    result = migrated.run("migrate", "new", "x", "--fill", "hero.town='Rome'")

    assert result.code == ExitCode.USAGE
    assert "no column hero.town to fill" in result.err


def test_programs_are_told_what_stands_in_the_way_as_data(migrated: CommandLine) -> None:
    result = migrated.run("migrate", "down", "--yes", "--json")

    assert result.code == ExitCode.REFUSED
    assert json.loads(result.out)["objects"] == {"hero": 0, "team": 0}


def test_rows_without_a_value_get_the_one_that_was_said(migrated: CommandLine) -> None:
    migrated.done("db-seed")
    migrated.change("app/models.py", AGE, AGE + "    city: Col[str]\n")

    refused = migrated.run("migrate", "new", "cities")
    migrated.done("migrate", "new", "cities", "--fill", "hero.city='Rome'")
    migrated.done("migrate", "up", "--yes")

    assert refused.code == ExitCode.REFUSED
    assert '--fill hero.city="..."' in refused.err


def test_pending_revisions_come_before_a_new_one(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    result = project.run("migrate", "new", "second")

    assert result.code == ExitCode.PENDING
    assert "andamios-orm migrate up" in result.err


# ---- up, down, to --------------------------------------------------------------------------------


def test_alone_it_shows_asks_and_applies(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    left = project.run("migrate", typed="n\n")
    done = project.run("migrate", typed="y\n")

    assert (left.code, done.code) == (ExitCode.REFUSED, 0)
    assert "create table hero" in left.out
    assert "Nothing was done." in left.err
    assert "Applied" in done.out
    assert " s  " in done.err, "how long each step took"


def test_options_before_a_command_are_refused_rather_than_not_seen(project: CommandLine) -> None:
    result = project.run("migrate", "--url", "sqlite:///other.db", "status")

    assert result.code == ExitCode.USAGE
    assert "andamios-orm migrate status ..." in result.err


def test_without_a_person_it_takes_yes_to_apply(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    result = project.run("migrate", "up")

    assert result.code == ExitCode.REFUSED
    assert "add --yes" in result.err


def test_a_dry_run_shows_and_does_nothing(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    shown = project.done("migrate", "up", "--dry-run")
    document = documented(project, "migrate", "up", "--dry-run")

    assert "create table hero" in shown.out
    assert document["direction"] == "up"
    assert project.run("migrate", "status").code == ExitCode.PENDING


def test_what_is_applied_is_not_applied_again(migrated: CommandLine) -> None:
    assert "Nothing to do" in migrated.done("migrate", "up").out
    assert documented(migrated, "migrate", "up") == {"applied": []}


def test_down_needs_permission_for_what_it_removes(migrated: CommandLine) -> None:
    migrated.done("db-seed")

    refused = migrated.run("migrate", "down", "--yes")
    allowed = ("--allow-destructive", "hero", "--allow-destructive", "team")
    undone = migrated.done("migrate", "down", "--yes", *allowed, "--json")

    assert refused.code == ExitCode.REFUSED
    assert "removes hero of 2 row(s)" in refused.out
    assert "--allow-destructive" in refused.err
    assert len(json.loads(undone.out)["undone"]) == 1
    assert "its beginning" in migrated.done("migrate", "down").out


def test_to_goes_the_way_that_leads_there(migrated: CommandLine) -> None:
    allowed = ("--allow-destructive", "hero", "--allow-destructive", "team", "--yes")

    assert "Undone" in migrated.done("migrate", "to", "base", *allowed).out
    assert "Applied" in migrated.done("migrate", "to", "head", "--yes").out


def test_production_has_to_be_named_to_remove_data(migrated: CommandLine) -> None:
    migrated.done("db-seed")
    migrated.done("migrate", "new", "x", "--empty")
    migrated.done("migrate", "up", "--yes", "--environment", "production")
    migrated.done("migrate", "down", "--yes")
    name = documented(migrated, "migrate", "status")["database"]
    allowed = ("--allow-destructive", "hero", "--allow-destructive", "team", "--yes")

    nobody = migrated.run("migrate", "down", *allowed)
    wrong = migrated.run("migrate", "down", *allowed, typed="other\n")
    named = migrated.run("migrate", "down", *allowed, typed=f"{name}\n")

    assert (nobody.code, wrong.code) == (ExitCode.REFUSED, ExitCode.REFUSED)
    assert f"Type {name}" in named.err
    assert named.code == 0, named.err


def test_a_wait_for_a_lock_is_told(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    project.done("migrate", "new", "first tables")

    async def up(
        migrator: Migrator, target: str, *, report: Callable[[Event], object], **given: object
    ) -> tuple[()]:
        for state in get_args(EventState):
            told = "ALTER " * 40
            report(Event(revision="r", direction="up", operation=0, step=0, state=state, told=told))
        return ()

    monkeypatch.setattr(Migrator, "up", up)

    told = project.done("migrate", "up", "--yes").err

    assert "waiting for a lock: ALTER" in told
    assert all(len(line) < 120 for line in told.splitlines())


# ---- telling -------------------------------------------------------------------------------------


def test_status_before_the_first_revision_tells_how_to_write_it(project: CommandLine) -> None:
    assert "migrate new" in project.done("migrate", "status").out


def test_status_tells_what_is_applied_and_what_is_pending(migrated: CommandLine) -> None:
    applied = migrated.done("migrate", "status", "--environment", "test").out
    migrated.done("migrate", "new", "x", "--empty")
    pending = migrated.run("migrate", "status")

    assert "●" in applied
    assert "first tables" in applied
    assert pending.code == ExitCode.PENDING
    assert "1 pending: andamios-orm migrate up" in pending.out


def test_history_lists_the_files(migrated: CommandLine) -> None:
    assert "_first_tables.py" in migrated.done("migrate", "history").out
    (entry,) = documented(migrated, "migrate", "history")
    assert entry["applied"] is True


def test_a_changed_file_of_an_applied_revision_is_told(migrated: CommandLine) -> None:
    (path,) = (migrated.folder / "migrations" / "sqlite").glob("*.py")
    path.write_text(path.read_text() + "\n# changed\n")

    result = migrated.run("migrate", "status")
    accepted = migrated.done("migrate", "stamp", "--yes")

    assert result.code == ExitCode.CHANGED
    assert "was changed since it was applied" in result.out
    assert "The database is at" in accepted.out
    assert migrated.run("migrate", "status").code == 0


def test_a_migration_that_was_stopped_is_told_and_finished(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")
    (path,) = (project.folder / "migrations" / "sqlite").glob("*.py")
    whole = path.read_text()
    path.write_text(whole.replace("\n\n\ndef down", '\n    op.execute("oops")\n\n\ndef down', 1))

    failed = project.run("migrate", "up", "--yes")
    stopped = project.run("migrate", "status")
    refused = project.run("migrate", "new", "more")
    path.write_text(whole)

    assert failed.code == ExitCode.ERROR
    assert "correct the revision" in failed.err
    assert stopped.code == refused.code == ExitCode.HALF_DONE
    assert "andamios-orm migrate resume" in stopped.out
    assert "Finished" in project.done("migrate", "resume").out
    assert project.run("migrate", "status").code == 0
    assert "no migration was stopped" in project.done("migrate", "resume").out


def test_a_row_that_breaks_a_rule_is_told_as_that(migrated: CommandLine) -> None:
    migrated.done("db-seed")
    file = migrated.folder / documented(migrated, "migrate", "new", "x", "--empty")["file"]
    again = "op.execute(\"INSERT INTO hero (name) VALUES ('Ada')\")"
    file.write_text(file.read_text().replace("pass", again, 1))

    result = migrated.run("migrate", "up", "--yes")

    assert result.code == ExitCode.ERROR
    assert "another row already has this" in result.err
    assert "Ada" not in result.err.partition("Error:")[2]


def test_models_of_two_metadatas_are_no_one_database(migrated: CommandLine) -> None:
    migrated.change(
        "app/models.py", "from andamios_orm", "import sqlalchemy as sa\nfrom andamios_orm"
    )
    migrated.change(
        "app/models.py", "Hero(Model, table=True", "Hero(Model, table=True, metadata=sa.MetaData()"
    )

    result = migrated.run("migrate", "status")

    assert result.code == ExitCode.USAGE
    assert "several MetaDatas" in result.err


def test_plan_shows_each_step_in_sql(project: CommandLine) -> None:
    assert "Nothing to do." in project.done("migrate", "plan").out
    project.done("migrate", "new", "first tables")

    assert "CREATE TABLE hero" in project.done("migrate", "plan").out
    assert documented(project, "migrate", "plan", "--down")["direction"] == "down"


def test_sql_is_written_for_somebody_else(project: CommandLine) -> None:
    project.done("migrate", "new", "first tables")

    assert "CREATE TABLE hero" in project.done("migrate", "sql").out


def test_check_tells_whether_all_agree(migrated: CommandLine) -> None:
    assert "agree" in migrated.done("migrate", "check").out
    migrated.change("app/models.py", AGE, "")
    different = migrated.run("migrate", "check")
    assert different.code == ExitCode.DIFFERENT
    assert "migrate new" in different.out
    migrated.done("migrate", "new", "x", "--empty")
    pending = migrated.run("migrate", "check")
    assert pending.code == ExitCode.PENDING
    assert "migrate up" in pending.out
    assert len(documented(migrated, "migrate", "check")["differences"]) == 2


def test_check_tells_of_a_file_that_was_changed_after_it_was_applied(
    migrated: CommandLine,
) -> None:
    (file,) = (migrated.folder / "migrations").glob("*/*.py")
    file.write_text(file.read_text() + "# more\n")

    changed = migrated.run("migrate", "check")

    assert changed.code == ExitCode.CHANGED
    assert "was changed since it was applied" in changed.out


def test_lint_finds_what_is_doubtful(migrated: CommandLine) -> None:
    assert "Nothing doubtful" in migrated.done("migrate", "lint").out
    file = migrated.folder / documented(migrated, "migrate", "new", "all 1", "--empty")["file"]
    file.write_text(file.read_text().replace("pass", 'op.execute("UPDATE hero SET age = 1")', 1))

    found = migrated.run("migrate", "lint")

    assert found.code == ExitCode.DIFFERENT
    assert "all_1.py: AND007" in found.out
    assert documented(migrated, "migrate", "lint", "--all")


def test_verify_tries_the_history_on_a_database_of_its_own(migrated: CommandLine) -> None:
    found = documented(migrated, "migrate", "verify", "--rows", "20")

    assert (found["revisions"], found["differences"], found["lost"]) == (1, [], [])
    assert "as the models say" in migrated.done("migrate", "verify", "--rows", "0").out


def test_verify_tells_what_the_models_have_and_no_revision(migrated: CommandLine) -> None:
    migrated.change("app/models.py", AGE, "")

    result = migrated.run("migrate", "verify", "--rows", "0")

    assert result.code == ExitCode.DIFFERENT
    assert "drop column hero.age" in result.out
    assert "not as they should" in result.out


# ---- setting right -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("stamp",), ("squash", "all of it")])
def test_what_changes_the_history_is_asked_first(
    migrated: CommandLine, command: tuple[str, ...]
) -> None:
    assert migrated.run("migrate", *command, typed="n\n").code == ExitCode.REFUSED


def test_stamp_can_go_to_the_beginning(migrated: CommandLine) -> None:
    assert documented(migrated, "migrate", "stamp", "base", "--yes") == {"current": None}


def test_squash_makes_one_revision_of_all(migrated: CommandLine) -> None:
    migrated.done("migrate", "new", "x", "--empty")
    migrated.done("migrate", "up", "--yes")

    told = migrated.done("migrate", "squash", "all", "--yes").out

    assert "Wrote migrations/sqlite/" in told
    assert len(documented(migrated, "migrate", "history")) == 1


def test_what_was_put_aside_is_listed_and_removed_by_name(migrated: CommandLine) -> None:
    assert "Nothing is put aside" in migrated.done("migrate", "purge").out
    migrated.done("db-seed")
    migrated.change("app/models.py", AGE, "")
    migrated.change("app/seeds.py", ", age=36", "")
    migrated.change("app/seeds.py", ", age=85", "")
    migrated.done("migrate", "new", "no ages")
    migrated.done("migrate", "up", "--yes", "--allow-destructive", "hero.age")

    (kept,) = documented(migrated, "migrate", "purge")["kept"]

    assert "migrate purge" in migrated.done("migrate", "status").out
    assert f"kept {kept}" in migrated.done("migrate", "purge").out
    assert f"removed {kept}" in migrated.done("migrate", "purge", "--allow-destructive", kept).out


def test_a_target_may_be_so_many_revisions_back(migrated: CommandLine) -> None:
    migrated.done("migrate", "new", "by hand", "--empty")
    migrated.done("migrate", "up", "--yes")

    assert len(documented(migrated, "migrate", "plan", "-1", "--down")["revisions"]) == 1
    assert len(documented(migrated, "migrate", "down", "-1", "--yes")["undone"]) == 1
    assert documented(migrated, "migrate", "up", "+1", "--yes")["applied"]
    assert "Undone" in migrated.done("migrate", "to", "--yes", "-1").out
    assert "No such option: -x" in migrated.run("migrate", "down", "-x").err


def test_a_changed_file_is_told_of_although_nothing_is_pending(migrated: CommandLine) -> None:
    (path,) = (migrated.folder / "migrations" / "sqlite").glob("*.py")
    path.write_text(f"{path.read_text()}# more\n")

    for command in ("check", "up", "status"):
        assert migrated.run("migrate", command, "--yes" if command == "up" else "--json").code == (
            ExitCode.CHANGED
        )


def test_a_database_beyond_its_files_is_told_of_with_what_to_do(migrated: CommandLine) -> None:
    (path,) = (migrated.folder / "migrations" / "sqlite").glob("*.py")
    path.unlink()

    for command in ("check", "status", "history"):
        result = migrated.run("migrate", command)
        assert "which has no file" in result.err
        assert "bring the file back" in result.err
