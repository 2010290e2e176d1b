"""Where tables and lines are: nothing overlaps, nothing is lost."""

from itertools import combinations, pairwise

import pytest

from andamios_orm.diagrams import Diagram
from andamios_orm.diagrams.layers import layered
from andamios_orm.diagrams.layout import Box, Drawing, Route, laid_out
from tests.unit.diagrams.schemas import entity, generated, schema

SCHEMAS = {
    "nothing": Diagram(),
    "one table": schema(team=[]),
    "two": schema(team=[], hero=["team"]),
    "itself": schema(employee=["employee", "employee"]),
    "a ring": schema(a=["b"], b=["c"], c=["a"]),
    "both ways": schema(a=["b"], b=["a"]),
    "a star": schema(hub=[], **{f"ray_{i}": ["hub"] for i in range(20)}),
    "a chain past others": schema(a=[], b=["a"], c=["b"], d=["c", "a"], e=["d", "a", "b"]),
    "apart": schema(a=[], b=["a"], x=[], y=["x"], alone=[], **{f"lone_{i}": [] for i in range(9)}),
    "60 tables": generated(60, seed=6),
    "61 tables": generated(61, seed=7),
}


@pytest.fixture(params=SCHEMAS)
def diagram(request: pytest.FixtureRequest) -> Diagram:
    return SCHEMAS[request.param]


@pytest.fixture
def drawing(diagram: Diagram) -> Drawing:
    return laid_out(diagram)


def test_every_table_and_every_relation_is_there_once(diagram: Diagram, drawing: Drawing) -> None:
    assert sorted(box.entity.name for box in drawing.boxes) == sorted(
        entity.name for entity in diagram.entities
    )
    assert len(drawing.routes) == len(diagram.relations)
    assert {route.relation for route in drawing.routes} == set(diagram.relations)


def test_no_boxes_overlap(drawing: Drawing) -> None:
    for one, other in combinations(drawing.boxes, 2):
        beside = one.right < other.x or other.right < one.x
        above = one.y + one.height < other.y or other.y + other.height < one.y
        assert beside or above, (one.entity.name, other.entity.name)


def test_all_of_it_is_inside_the_drawing(drawing: Drawing) -> None:
    for box in drawing.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.right <= drawing.width
        assert box.y + box.height <= drawing.height
    for route in drawing.routes:
        assert all(x <= drawing.width for x, _ in route.points)


def test_a_line_begins_at_the_childs_column_and_ends_at_the_parent(drawing: Drawing) -> None:
    boxes = {box.entity.name: box for box in drawing.boxes}
    for route in drawing.routes:
        child, parent = boxes[route.relation.child], boxes[route.relation.parent]
        start, end = route.points[0], route.points[-1]
        assert start[1] == child.y + child.row(route.relation.columns[0])
        assert start[0] == (child.right if route.child_side == 1 else child.x)
        assert end[0] == (parent.right if route.parent_side == 1 else parent.x)
        assert parent.y < end[1] < parent.y + parent.height


def test_lines_run_at_right_angles_and_through_no_box(drawing: Drawing) -> None:
    for route in drawing.routes:
        for here, there in pairwise(route.points):
            assert here[0] == there[0] or here[1] == there[1]
            for box in drawing.boxes:
                assert not crosses(here, there, box), (route.relation, box.entity.name)


def crosses(here: tuple[float, float], there: tuple[float, float], box: Box) -> bool:
    """Whether a piece of a line runs inside a box."""
    left, right = sorted((here[0], there[0]))
    top, bottom = sorted((here[1], there[1]))
    beside = right <= box.x or left >= box.right
    above = bottom <= box.y or top >= box.y + box.height
    return not (beside or above)


def test_no_two_lines_to_different_tables_share_a_piece(drawing: Drawing) -> None:
    """Where they would, one could not tell which leads where."""
    for one, other in combinations(drawing.routes, 2):
        if one.relation.parent != other.relation.parent:
            assert not shared(one, other), (str(one.relation), str(other.relation))


def shared(one: Route, other: Route) -> bool:
    return any(
        overlap(*first, *second)
        for first in pairwise(one.points)
        for second in pairwise(other.points)
    )


def overlap(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    """Whether two pieces lie on each other for more than a point."""
    for along, across in ((0, 1), (1, 0)):
        if a[across] == b[across] == c[across] == d[across]:
            first, second = sorted((a[along], b[along])), sorted((c[along], d[along]))
            if min(first[1], second[1]) - max(first[0], second[0]) > 1:
                return True
    return False


def test_the_same_diagram_is_drawn_the_same(diagram: Diagram, drawing: Drawing) -> None:
    again = laid_out(diagram)

    assert again == drawing


def test_what_is_referred_to_is_at_the_left() -> None:
    drawing = laid_out(schema(hero=["team"], team=["city"], city=[]))
    left = {box.entity.name: box.x for box in drawing.boxes}

    assert left["city"] < left["team"] < left["hero"]


def test_a_table_stands_beside_what_refers_to_it() -> None:
    drawing = laid_out(schema(a=[], b=["a"], c=["b"], late=[], d=["c", "late"]))
    left = {box.entity.name: box.x for box in drawing.boxes}

    assert left["late"] == left["c"]


def test_a_large_schema_is_wider_than_high_and_not_one_row() -> None:
    drawing = laid_out(SCHEMAS["a star"])

    assert 0.4 < drawing.width / drawing.height < 4


def test_layers_higher_than_the_limit_are_split() -> None:
    names = ["hub", "a", "b", "c", "d"]
    pairs = [("hub", name) for name in names[1:]]

    found = layered(names, pairs, dict.fromkeys(names, 10.0), limit=20)

    assert found == [["hub"], ["a", "b"], ["c", "d"]]


def test_relations_to_tables_that_are_not_drawn_are_left_out() -> None:
    whole = schema(team=[], hero=["team"])
    part = Diagram(
        entities=(entity("hero", *whole.entities[1].columns[1:]),), relations=whole.relations
    )

    assert laid_out(part).routes == []
