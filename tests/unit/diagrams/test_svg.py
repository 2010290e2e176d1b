"""The SVG picture, as a program reads it; how it looks is for test_page."""

from xml.etree import ElementTree

from andamios_orm.diagrams import Column, Diagram, Entity, Relation, to_svg
from tests.unit.diagrams.schemas import schema

SVG = "{http://www.w3.org/2000/svg}"


def elements(picture: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [e for e in picture.iter() if kind in (e.get("class") or "").split()]


def parsed(diagram: Diagram) -> ElementTree.Element:
    return ElementTree.fromstring(to_svg(diagram))  # noqa: S314 - made right here


def texts(picture: ElementTree.Element, kind: str) -> list[str | None]:
    return [element.text for element in elements(picture, kind)]


def test_tables_and_columns_are_written_with_their_types_and_marks() -> None:
    columns = (
        Column(name="id", type="BIGINT", primary_key=True),
        Column(name="team_id", type="BIGINT", foreign_key=True, nullable=True),
        Column(name="code", type="TEXT", unique=True, default="'x'", comment="short"),
    )
    picture = parsed(Diagram(entities=(Entity(name="hero", columns=columns, comment="saves"),)))

    assert texts(picture, "name") == ["hero"]
    assert texts(picture, "column") == ["id", "team_id", "code"]
    assert texts(picture, "type") == ["BIGINT", "BIGINT?", "TEXT"]
    assert [e[1].text for e in elements(picture, "mark")] == ["PK", "FK", "UK"]
    assert [e.text for e in picture.iter(f"{SVG}title")] == [
        "schema",
        "hero\nsaves",
        "id BIGINT NOT NULL",
        "team_id BIGINT",
        "code TEXT NOT NULL\nDEFAULT 'x'\nshort",
    ]


def test_the_ends_of_a_line_say_how_many_rows_there_are() -> None:
    def ends(*, many: bool, optional: bool) -> list[str]:
        relation = Relation(
            child="a",
            columns=("x",),
            parent="b",
            parent_columns=("x",),
            many=many,
            optional=optional,
        )
        entities = [Entity(name=n, columns=(Column(name="x", type="INT"),)) for n in "ab"]
        picture = parsed(Diagram(entities=tuple(entities), relations=(relation,)))
        return [
            "circle" if e.tag == f"{SVG}circle" else "foot" if "L" in e.get("d", "") else "bar"
            for e in elements(picture, "end")
        ]

    assert ends(many=True, optional=False) == ["foot", "circle", "bar", "bar"]
    assert ends(many=False, optional=True) == ["bar", "circle", "bar", "circle"]


def test_what_is_not_enforced_is_dashed() -> None:
    found = schema(team=[], hero=["team"])
    (relation,) = found.relations
    loose = Relation(
        child="hero",
        columns=relation.columns,
        parent="team",
        parent_columns=("id",),
        enforced=False,
    )

    assert elements(parsed(found), "loose") == []
    assert len(elements(parsed(Diagram(entities=found.entities, relations=(loose,))), "loose")) == 1


def test_long_names_are_cut_and_told_in_full() -> None:
    name = "n" * 60
    picture = parsed(Diagram(entities=(Entity(name=name, columns=()),)))

    assert texts(picture, "name") == [f"{'n' * 33}…"]
    assert picture.findall(f".//{SVG}title")[1].text == name


def test_names_from_outside_stay_text() -> None:
    name = "<script>alert('x')</script> & \"quoted\"\nsecond \x00\x1b\ud800 line"
    column = Column(name=name, type=name, comment=name)
    picture = parsed(Diagram(title=name, entities=(Entity(name=name, columns=(column,)),)))

    assert not list(picture.iter(f"{SVG}script"))
    assert elements(picture, "entity")[0].get("data-name") == (
        "<script>alert('x')</script> & \"quoted\"\nsecond \ufffd\ufffd\ufffd line"
    )


def test_characters_of_east_asia_get_the_room_they_need() -> None:
    def width(name: str) -> float:
        picture = parsed(Diagram(entities=(Entity(name=name, columns=()),)))
        return float(elements(picture, "frame")[0].get("width", "0"))

    assert width("注文明細注文明細注文明細") > width("n" * 12) * 1.5
