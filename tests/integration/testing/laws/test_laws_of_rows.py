"""The laws about many rows hold for all kinds of models, on every engine."""

from collections.abc import Sequence

import pytest
from hypothesis import settings

from andamios_orm import Model
from andamios_orm.testing.laws import LAWS, Playground
from andamios_orm.testing.laws.operations import UpsertAll
from examples.advanced.chinook import models as chinook
from examples.integration.conduit import models as conduit
from tests.deep import DEEP
from tests.engines import only_on
from tests.integration.testing.laws import shop

ABOUT_ROWS = (
    "filter_parity",
    "page_partition",
    "update_frame",
    "unit_of_work",
    "bulk_equiv",
    "dialect_equiv",
    "load_parity",
    "shape_parity",
)
CONDUIT = (conduit.Follow, conduit.ArticleTag, conduit.Favorite, conduit.Comment)
MODELS: dict[str, Sequence[type[Model]]] = {
    "heroes": shop.HEROES,
    "lots": shop.LOTS,
    "kept": shop.KEPT,
    "chinook": chinook.MODELS,
    "conduit": CONDUIT,
}

FEW = settings(max_examples=100 * DEEP or 2, derandomize=not DEEP, database=None)


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
@pytest.mark.parametrize("models", MODELS)
def test_laws_about_many_rows_hold(database_url: str, models: str) -> None:
    with Playground(database_url, *MODELS[models]) as playground:
        for name in ABOUT_ROWS:
            LAWS[name].check(playground, using=FEW)


@only_on("duckdb")
def test_values_that_only_a_transaction_of_its_own_hands_on_break_no_law(
    database_url: str,
) -> None:
    """DuckDB has no savepoints, so that in a session the rows are not tried in another way."""
    LAWS["bulk_equiv"].replay(
        database_url,
        [
            shop.Team.model_validate({"id": number, "name": name})
            for number, name in ((1, "1"), (2, "b"), (3, ""))
        ],
        UpsertAll(
            model=shop.Team,
            values=[
                {"id": 1, "name": "a"},
                {"id": 2, "name": "", "city": None},
                {"id": 4, "name": "d", "city": None},
                {"id": 3, "name": "c"},
            ],
            on=("id",),
        ),
        models=shop.HEROES,
    )
