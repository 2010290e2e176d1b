"""Doubtful things in revision files are found, each by its rule."""

from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from andamios_orm.migration.lint import RULES, lint
from andamios_orm.migration.revisions import Revisions
from tests.migration.revising import write_revision

ADD = 'op.add_column("hero", sa.Column("age", sa.Integer()))'
DOUBTS = [
    ('op.drop_table("hero")', "AND001", "hero is removed"),
    ('op.drop_column("hero", "age")', "AND001", "hero.age is removed"),
    ('op.execute("TRUNCATE TABLE hero")', "AND001", "hero is removed"),
    ('op.rename_table("hero", "person")', "AND002", "hero becomes person"),
    (
        'op.alter_column("hero", "name", new_column_name="label")',
        "AND002",
        "hero.name becomes label",
    ),
    (
        'op.add_column("hero", sa.Column("age", sa.Integer(), nullable=False))',
        "AND003",
        "hero.age has no value in rows that exist",
    ),
    ('op.create_check_constraint(None, "hero", "a > 0")', "AND004", "constraint has no name"),
    ('op.get_bind().execute("SELECT 1")', "AND006", "cannot be read ahead"),
    ('op.execute("UPDATE hero SET age = 1")', "AND007", "all rows of a table at once"),
    (f'op.create_index("ix_{"x" * 70}", "hero", ["age"])', "AND008", "is too long"),
]


def found(folder: Path, upgrade: str, downgrade: str = 'op.execute("SELECT 1")') -> list[str]:
    write_revision(folder, "sqlite", "aaa1", upgrade, downgrade)
    revisions = Revisions(folder / "sqlite", "sqlite").all()
    return [f"{f.rule} {f.problem}" for f in lint(revisions, "sqlite", sqlite.dialect())]


@pytest.mark.parametrize(("upgrade", "rule", "problem"), DOUBTS)
def test_what_is_doubtful_is_found_by_its_rule(
    upgrade: str, rule: str, problem: str, tmp_path: Path
) -> None:
    (finding,) = found(tmp_path, upgrade)

    assert finding.startswith(rule)
    assert problem in finding


def test_a_revision_that_cannot_be_undone_is_found(tmp_path: Path) -> None:
    assert found(tmp_path, ADD, "pass") == ["AND005 downgrade() does nothing"]


def test_a_revision_that_says_it_cannot_be_undone_is_left_alone(tmp_path: Path) -> None:
    assert found(tmp_path, ADD, "raise NotImplementedError") == []


def test_a_way_back_that_asks_the_database_is_found(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, ADD, 'op.get_bind().execute("SELECT 1")')

    assert finding.startswith("AND006")


@pytest.mark.parametrize(
    "upgrade",
    [
        ADD,
        'op.execute("UPDATE hero SET age = 1 WHERE age IS NULL")',
        'op.add_column("hero", sa.Column("a", sa.Integer(), server_default="1", nullable=False))',
        'op.create_check_constraint("ck", "hero", "a > 0")',
    ],
)
def test_what_is_not_doubtful_is_left_alone(upgrade: str, tmp_path: Path) -> None:
    assert found(tmp_path, upgrade) == []


def test_every_rule_has_a_test() -> None:
    assert {rule for _, rule, _ in DOUBTS} | {"AND005"} == set(RULES)
