"""Operations become the Python of a revision file, which does the same again."""

import pytest
import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql, sqlite

from andamios_orm import NotSupported
from andamios_orm.migration.operations import (
    AlterEnumOp,
    BackfillOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
    SqlType,
)
from andamios_orm.migration.reading import invoking
from andamios_orm.migration.render import described, render
from andamios_orm.migration.words import in_words

ID = sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False)
NAME = sa.Column("name", sa.String(50), nullable=False, comment='what\'s "called"')
KEY = sa.PrimaryKeyConstraint("id", name="pk_hero")

OPERATIONS: list[tuple[MigrateOperation, str, str]] = [
    (
        ops.CreateTableOp(
            "hero",
            [
                sa.Column("id", sa.BigInteger(), sa.Identity(increment=5), nullable=False),
                sa.Column("at", SqlType("point"), server_default=sa.text("'\\:x'")),
                sa.Column("up", sa.Text(), sa.Computed("upper(name)", persisted=True)),
                KEY,
                sa.UniqueConstraint("up", name="uq", deferrable=True, initially="DEFERRED"),
                sa.CheckConstraint("up <> '\\:x'", name="ck"),
                sa.ForeignKeyConstraint(["id"], ["team.id"], name="fk", ondelete="CASCADE"),
            ],
            schema="s",
            comment="who",
            sqlite_strict=True,
        ),
        "create table s.hero",
        """\
op.create_table(
    "hero",
    sa.Column("id", sa.BigInteger(), sa.Identity(increment=5), nullable=False),
    sa.Column("at", SqlType("point"), server_default=sa.text("'\\\\:x'"), nullable=True),
    sa.Column("up", sa.Text(), sa.Computed("upper(name)", persisted=True), nullable=True),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_hero")),
    sa.UniqueConstraint("up", name=op.f("uq"), deferrable=True, initially="DEFERRED"),
    sa.CheckConstraint("up <> '\\\\:x'", name=op.f("ck")),
    sa.ForeignKeyConstraint(["id"], ["team.id"], name=op.f("fk"), ondelete="CASCADE"),
    schema="s",
    sqlite_strict=True,
    comment="who",
)""",
    ),
    (ops.DropTableOp("hero", schema="s"), "drop table s.hero", 'op.drop_table("hero", schema="s")'),
    (
        ops.RenameTableOp("hero", "person"),
        "rename table hero to person",
        'op.rename_table("hero", "person")',
    ),
    (
        ops.CreateTableCommentOp("hero", "new", existing_comment="old"),
        "change the comment on hero",
        'op.create_table_comment("hero", "new", existing_comment="old")',
    ),
    (
        ops.DropTableCommentOp("hero", existing_comment="old"),
        "change the comment on hero",
        'op.drop_table_comment("hero", existing_comment="old")',
    ),
    (
        ops.AddColumnOp("hero", NAME),
        "add column hero.name",
        """\
op.add_column(
    "hero",
    sa.Column("name", sa.String(length=50), nullable=False, comment='what\\'s "called"'),
)""",
    ),
    (
        ops.DropColumnOp("hero", "name"),
        "drop column hero.name",
        'op.drop_column("hero", "name")',
    ),
    (
        ops.AlterColumnOp(
            "hero",
            "name",
            schema="s",
            modify_name="label",
            existing_type=sa.Text(),
            existing_nullable=True,
            existing_server_default=sa.text("1"),
            existing_comment="c",
        ),
        "rename column s.hero.name to label",
        """\
op.alter_column(
    "hero",
    "name",
    new_column_name="label",
    existing_type=sa.Text(),
    existing_nullable=True,
    existing_server_default=sa.text("1"),
    existing_comment="c",
    schema="s",
)""",
    ),
    (
        ops.AlterColumnOp(
            "hero",
            "name",
            modify_type=sa.JSON(),
            modify_nullable=False,
            modify_server_default=None,
            modify_comment=None,
            autoincrement=True,
        ),
        "alter column hero.name: type JSON(), required, no default, comment",
        """\
op.alter_column(
    "hero",
    "name",
    type_=sa.JSON(),
    nullable=False,
    server_default=None,
    comment=None,
    autoincrement=True,
)""",
    ),
    (
        ops.AlterColumnOp("hero", "name", modify_server_default=sa.text("2"), modify_nullable=True),
        "alter column hero.name: optional, another default",
        'op.alter_column("hero", "name", nullable=True, server_default=sa.text("2"))',
    ),
    (
        ops.AlterColumnOp("hero", "name", modify_type=sa.Text()),
        "alter column hero.name: type Text()",
        'op.alter_column("hero", "name", type_=sa.Text())',
    ),
    (
        ops.AlterColumnOp("hero", "name", modify_server_default=None),
        "alter column hero.name: no default",
        'op.alter_column("hero", "name", server_default=None)',
    ),
    (
        ops.ExecuteSQLOp("SELECT 1\nFROM  hero"),
        "run SELECT 1 FROM hero",
        'op.execute("SELECT 1\\nFROM  hero")',
    ),
    (
        ops.CreateIndexOp(
            "ix",
            "hero",
            ["name", sa.text("lower(name)")],
            unique=True,
            postgresql_where=sa.text("id > 1"),
        ),
        "create unique index ix on hero",
        """\
op.create_index(
    "ix",
    "hero",
    ["name", sa.text("lower(name)")],
    unique=True,
    postgresql_where=sa.text("id > 1"),
)""",
    ),
    (ops.DropIndexOp("ix", "hero"), "drop index ix", 'op.drop_index("ix", table_name="hero")'),
    (
        ops.CreatePrimaryKeyOp("pk", "hero", ["id"]),
        "add primarykey constraint pk of hero",
        'op.create_primary_key(op.f("pk"), "hero", ["id"])',
    ),
    (
        ops.CreateUniqueConstraintOp("uq", "hero", ["name"]),
        "add unique constraint uq of hero",
        'op.create_unique_constraint(op.f("uq"), "hero", ["name"])',
    ),
    (
        ops.CreateCheckConstraintOp("ck", "hero", "id > 0"),
        "add check constraint ck of hero",
        'op.create_check_constraint(op.f("ck"), "hero", "id > 0")',
    ),
    (
        ops.CreateForeignKeyOp("fk", "hero", "team", ["team_id"], ["id"], ondelete="CASCADE"),
        "add foreign key fk of hero",
        'op.create_foreign_key(op.f("fk"), "hero", "team", ["team_id"], ["id"],'
        ' ondelete="CASCADE")',
    ),
    (
        ops.DropConstraintOp("ck", "hero", "check"),
        "drop constraint ck of hero",
        'op.drop_constraint(op.f("ck"), "hero", type_="check")',
    ),
    (
        ops.DropConstraintOp(None, "hero", "primary"),
        "drop constraint None of hero",
        'op.drop_constraint(None, "hero", type_="primary")',
    ),
    (
        RebuildTableOp(
            "hero",
            [ID, KEY, sa.Index("ix", sa.text("id DESC"), unique=True)],
            copy={"id": '"number"'},
            options={"sqlite_strict": True},
        ),
        "make table hero anew, with its rows",
        """\
op.rebuild_table(
    "hero",
    sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_hero")),
    sa.Index("ix", sa.text("id DESC"), unique=True),
    copy={"id": '"number"'},
    sqlite_strict=True,
)""",
    ),
    (
        BackfillOp("hero", {"age": "0", "name": "..."}, where="age IS NULL"),
        "give rows of hero a value in age, name",
        'op.backfill("hero", {"age": "0", "name": ...}, where="age IS NULL")',
    ),
    (
        CreateEnumOp("color", ["red"], schema="s"),
        "create enum color",
        'op.create_enum("color", ["red"], schema="s")',
    ),
    (DropEnumOp("color"), "drop enum color", 'op.drop_enum("color")'),
    (
        AlterEnumOp(
            "color", before=["a", "b"], after=["c"], renamed={"a": "c"}, replaced={"b": "c"}
        ),
        "change the labels of enum color",
        'op.alter_enum("color", before=["a", "b"], after=["c"], renamed={"a": "c"},'
        ' replaced={"b": "c"})',
    ),
    (
        RenameConstraintOp("hero", "a", "b"),
        "rename constraint a of hero to b",
        'op.rename_constraint("hero", "a", "b")',
    ),
    (RenameIndexOp("hero", "a", "b"), "rename index a to b", 'op.rename_index("hero", "a", "b")'),
    (
        MoveTableOp("hero", schema=None, to="s"),
        "move table hero to schema s",
        'op.move_table("hero", schema=None, to="s")',
    ),
    (
        MoveTableOp("hero", schema="s", to=None),
        "move table s.hero to the default schema",
        'op.move_table("hero", schema="s", to=None)',
    ),
]
NAMES = [words for _, words, _ in OPERATIONS]


def body_of(operation: MigrateOperation) -> str:
    """What render() writes, without the indentation of the function."""
    return "\n".join(line[4:] for line in render([operation], []).upgrade.splitlines())


@pytest.mark.parametrize(("operation", "words", "code"), OPERATIONS, ids=NAMES)
def test_an_operation_is_written_as_a_person_would(
    operation: MigrateOperation, words: str, code: str
) -> None:
    assert body_of(operation) == code
    assert in_words(operation) == words


@pytest.mark.parametrize(("operation", "words", "code"), OPERATIONS, ids=NAMES)
def test_what_is_written_is_the_same_operation_when_it_is_run(
    operation: MigrateOperation, words: str, code: str
) -> None:
    found: list[MigrateOperation] = []
    names: dict[str, object] = {"sa": sa, "SqlType": SqlType, "postgresql": postgresql}
    program = f"from alembic import op\n{code}"
    with invoking(sqlite.dialect(), found.append):
        exec(compile(program, "revision", "exec"), names)  # noqa: S102 - what we have written

    (again,) = found
    assert type(again) is type(operation)
    assert described(again) == described(operation)


def test_nothing_to_do_is_written_too() -> None:
    rendered = render([], [])

    assert (rendered.upgrade, rendered.downgrade) == ("    pass", "    pass")
    assert rendered.imports == ()


def test_types_of_a_dialect_bring_their_import() -> None:
    array = postgresql.ARRAY(postgresql.JSONB(), dimensions=2)
    rendered = render([ops.AddColumnOp("hero", sa.Column("x", array))], [])

    assert "postgresql.ARRAY(postgresql.JSONB(), dimensions=2)" in rendered.upgrade
    assert rendered.imports == ("from sqlalchemy.dialects import postgresql",)


def test_a_default_that_is_there_is_written_as_its_text() -> None:
    default = sa.DefaultClause(sa.text("1"))
    operation = ops.AlterColumnOp(
        "hero", "name", modify_nullable=True, existing_server_default=default
    )

    assert 'existing_server_default=sa.text("1")' in body_of(operation)


def test_a_type_by_its_name_shows_that() -> None:
    assert repr(SqlType("point")) == "SqlType('point')"


def test_plain_alembic_refuses_what_only_the_library_can_do() -> None:
    context = MigrationContext.configure(dialect=sqlite.dialect(), opts={"as_sql": True})

    with pytest.raises(NotSupported, match="plain alembic") as caught:
        Operations(context).invoke(BackfillOp("hero", {"age": "0"}))

    assert "andamios-orm migrate up" in caught.value.fix


def test_long_lists_are_broken_into_lines() -> None:
    labels = [f"a label that is rather long {number}" for number in range(5)]
    long = {f"old {label}": label for label in labels}

    code = body_of(AlterEnumOp("color", before=labels, after=labels, renamed=long))

    assert all(len(line) < 100 for line in code.splitlines())
    assert f'        "{labels[0]}",\n' in code
    assert f'        "old {labels[0]}": "{labels[0]}",\n' in code


def test_an_operation_of_the_users_own_is_called_by_its_class() -> None:
    class PaintOp(MigrateOperation):
        """Something that nobody else knows."""

    assert described(PaintOp()) == "PaintOp"
    assert in_words(PaintOp()) == "PaintOp"
    with pytest.raises(TypeError, match="PaintOp cannot be written"):
        render([PaintOp()], [])
    with pytest.raises(TypeError, match="Sequence cannot be written"):
        render([ops.CreateTableOp("hero", [sa.Sequence("x")])], [])
