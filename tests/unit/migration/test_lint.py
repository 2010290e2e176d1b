"""What is doubtful in revision files is found, each by its rule."""

from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from andamios_orm.migration.lint import RULES, lint
from andamios_orm.migration.revisions import Revisions
from tests.migration.revising import write_revision

BACK = 'op.execute("SELECT 1")'


def rules(folder: Path, upgrade: str, downgrade: str = BACK) -> list[str]:
    write_revision(folder, "sqlite", "aaa1", upgrade, downgrade)
    revisions = Revisions(folder / "sqlite", "sqlite").all()
    return [finding.rule for finding in lint(revisions, "sqlite", sqlite.dialect())]


COLUMN = 'op.add_column("hero", sa.Column("age", sa.Integer(), nullable=False{}))'


@pytest.mark.parametrize(
    ("upgrade", "expected"),
    [
        ('op.drop_table("hero")', ["AND001"]),
        ('op.drop_column("hero", "age")', ["AND001"]),
        ('op.rename_table("hero", "person")', ["AND002"]),
        ('op.alter_column("hero", "age", new_column_name="years")', ["AND002"]),
        ('op.alter_column("hero", "age", nullable=True)', []),
        (COLUMN.format(""), ["AND003"]),
        (COLUMN.format(', server_default="0"'), []),
        ('op.create_unique_constraint(None, "hero", ["name"])', ["AND004"]),
        ('op.create_unique_constraint("uq_hero", "hero", ["name"])', []),
        ('op.get_bind().execute("SELECT 1")', ["AND006"]),
        ('op.execute("UPDATE hero SET age = 0")', ["AND007"]),
        ('op.execute("UPDATE hero SET age = 0 WHERE id = 1")', []),
        (f'op.create_index("{"x" * 64}", "hero", ["age"])', ["AND008"]),
        ("pass", []),
    ],
)
def test_a_doubtful_operation_has_a_rule(tmp_path: Path, upgrade: str, expected: list[str]) -> None:
    assert rules(tmp_path, upgrade) == expected
    assert set(expected) <= set(RULES)


def test_a_way_back_that_does_nothing_is_doubtful(tmp_path: Path) -> None:
    assert rules(tmp_path, 'op.execute("SELECT 1")', "pass") == ["AND005"]


def test_a_revision_may_say_that_there_is_no_way_back(tmp_path: Path) -> None:
    assert rules(tmp_path, 'op.execute("SELECT 1")', "raise NotImplementedError") == []
