"""The Mermaid text of a diagram."""

from andamios_orm.diagrams import Column, Diagram, Entity, Relation, to_mermaid


def test_tables_columns_and_relations_are_written() -> None:
    diagram = Diagram(
        entities=(
            Entity(
                name="team",
                columns=(
                    Column(name="id", type="BIGINT", primary_key=True),
                    Column(name="name", type="VARCHAR(50)", unique=True, comment='the "one"'),
                ),
            ),
            Entity(
                name="hero",
                columns=(
                    Column(name="id", type="BIGINT", primary_key=True, foreign_key=True),
                    Column(name="price", type="NUMERIC(10, 2)", nullable=True),
                ),
            ),
        ),
        relations=(
            Relation(
                child="hero", columns=("id",), parent="team", parent_columns=("id",), many=False
            ),
            Relation(
                child="hero",
                columns=("a", "b"),
                parent="team",
                parent_columns=("a", "b"),
                optional=True,
                enforced=False,
            ),
        ),
    )

    assert to_mermaid(diagram) == (
        "erDiagram\n"
        '    "team" {\n'
        "        BIGINT id PK\n"
        "        VARCHAR(50) name UK \"the 'one'\"\n"
        "    }\n"
        '    "hero" {\n'
        "        BIGINT id PK, FK\n"
        '        NUMERIC(10_2) price "optional"\n'
        "    }\n"
        '    "hero" |o--|| "team" : "id"\n'
        '    "hero" }o..o| "team" : "a, b"\n'
    )


def test_words_that_mermaid_would_read_otherwise_are_changed() -> None:
    names = ["pk", "FK-1", "uk", "1st", "a b", "größe", ""]
    columns = tuple(Column(name=name, type="INT") for name in names)

    lines = to_mermaid(Diagram(entities=(Entity(name="t", columns=columns),))).splitlines()

    assert [line.split()[1] for line in lines[2:-1]] == [
        "_pk",
        "_FK-1",
        "_uk",
        "_1st",
        "a_b",
        "größe",
        "_",
    ]


def test_names_stay_apart_and_can_end_no_text() -> None:
    names = ['a"b', "a'b", "<script>", "50%", "a\nb", ""]
    entities = tuple(Entity(name=name, columns=()) for name in names)

    lines = to_mermaid(Diagram(entities=entities)).splitlines()

    assert [line.strip() for line in lines[1::2]] == [
        '"a\'b" {',
        '"a\'b_2" {',
        '"#lt;script#gt;" {',
        '"50_" {',
        '"a b" {',
        '"_" {',
    ]
