"""The SQL of a later operation is shown for the columns that there are by then."""

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.ahead import Columns
from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.state import ColumnState, SchemaState, TableName, TableState

STATE = SchemaState(engine="sqlite").with_table(
    TableState(
        name=TableName("hero"),
        columns=(ColumnState(name="id", type="INTEGER"), ColumnState(name="name", type="TEXT")),
    )
)


def column(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text())


def sources(table: str, *before: MigrateOperation) -> dict[str, str]:
    """What a rebuild copies into `id`, `name`, `full_name` and `loud` after other operations."""
    columns = Columns()
    columns.know(STATE)
    for operation in before:
        assert columns.spelled_out(operation) is operation or isinstance(operation, RebuildTableOp)
        columns.follow(operation)
        columns.know(STATE)
    items = [column("id"), column("name"), column("full_name")]
    loud = sa.Column("loud", sa.Text(), sa.Computed("upper(name)"))
    rebuild = columns.spelled_out(RebuildTableOp(table, [*items, loud], copy={"id": "id + 1"}))
    assert isinstance(rebuild, RebuildTableOp)
    return rebuild.copy


def test_a_column_is_copied_from_the_one_of_its_name() -> None:
    assert sources("hero") == {"id": "id + 1", "name": '"name"'}


def test_a_column_that_is_renamed_before_has_its_new_name() -> None:
    renamed = ops.AlterColumnOp("hero", "name", modify_name="full_name")
    altered = ops.AlterColumnOp("hero", "id", modify_nullable=True)

    assert sources("hero", altered, renamed) == {"id": "id + 1", "full_name": '"full_name"'}


def test_a_table_that_is_renamed_before_keeps_its_columns() -> None:
    assert sources("person", ops.RenameTableOp("hero", "person")) == {
        "id": "id + 1",
        "name": '"name"',
    }


def test_a_table_that_is_made_before_has_the_columns_it_was_made_with() -> None:
    created = ops.CreateTableOp("new", [column("full_name"), sa.PrimaryKeyConstraint("full_name")])
    rebuilt = RebuildTableOp("new", [column("name"), sa.PrimaryKeyConstraint("name")])
    added = ops.AddColumnOp("new", column("loud"))

    assert sources("new", created) == {"id": "id + 1", "full_name": '"full_name"'}
    assert sources("new", created, rebuilt, added) == {"id": "id + 1", "name": '"name"'}
    assert sources(
        "hero", ops.DropTableOp("new"), ops.AddColumnOp("hero", column("full_name"))
    ) == {
        "id": "id + 1",
        "name": '"name"',
        "full_name": '"full_name"',
    }
