"""Revision files written by hand, for tests of what becomes of them."""

from pathlib import Path
from textwrap import dedent, indent

__all__ = ["HERO", "write_revision"]

HERO = """
op.create_table(
    "hero",
    sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_hero"),
)
op.bulk_insert(
    sa.table("hero", sa.column("id", sa.Integer()), sa.column("name", sa.String())),
    [{"id": number, "name": f"hero {number}"} for number in range(1, 6)],
)
"""
"""What creates the table `hero` with five rows."""


def write_revision(
    folder: Path,
    engine: str,
    identity: str,
    upgrade: str,
    downgrade: str = "pass",
    *,
    down: str | None = None,
) -> Path:
    """Write a revision file as a person would, and return it; `upgrade` is the function's body."""
    path = folder / engine / f"{identity}_by_hand.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'"""Revision {identity}"""\n\n'
        "import sqlalchemy as sa\n"
        "from alembic import op\n\n"
        "import andamios_orm.migration.operations\n\n"
        f'revision = "{identity}"\n'
        f"down_revision = {down!r}\n"
        f'engine = "{engine}"\n\n\n'
        f"def upgrade() -> None:\n{_body(upgrade)}\n\n\n"
        f"def downgrade() -> None:\n{_body(downgrade)}\n",
        encoding="utf-8",
    )
    return path


def _body(text: str) -> str:
    return indent(dedent(text).strip("\n"), "    ")
