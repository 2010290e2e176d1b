"""How differences look at a terminal."""

from io import StringIO

from rich.console import Console

from andamios_orm.cli.schema_views import changes_of, difference
from andamios_orm.migration import Comparison
from andamios_orm.migration.changes import AddSequence, AlterEnum
from andamios_orm.migration.state import EnumState, SchemaState, SequenceState, TableName


def test_what_belongs_to_no_table_is_told_by_its_own_name() -> None:
    mood = TableName("mood")
    enum = AlterEnum(EnumState(name=mood, labels=("a",)), EnumState(name=mood, labels=("a", "b")))
    sequence = AddSequence(SequenceState(name=TableName("counter", "story")))
    nothing = SchemaState(engine="postgresql")
    comparison = Comparison(before=nothing, after=nothing, changes=(enum, sequence))

    console = Console(file=StringIO(), width=100)
    console.print(difference(comparison))

    assert list(changes_of(comparison)) == ["mood", "story.counter"]
    assert isinstance(console.file, StringIO)
    told = console.file.getvalue()
    assert "~ alter enum mood: add b" in told
    assert "+ add sequence story.counter" in told
