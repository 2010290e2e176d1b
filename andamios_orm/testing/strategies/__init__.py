"""Hypothesis strategies from models: instances, fields, rows, conditions, graphs, random classes.

They need the extra `andamios-orm[testing]`. What they draw is what the columns hold:

```python
from hypothesis import given

from andamios_orm.testing import strategies


@given(strategies.models(Hero))
def test_a_hero_survives_json(hero: Hero) -> None:
    assert Hero.model_validate_json(hero.model_dump_json()) == hero


test_a_hero_survives_json()
```
"""

from andamios_orm.testing.strategies.changing import SchemaChange, schema_change
from andamios_orm.testing.strategies.classes import schema_models
from andamios_orm.testing.strategies.conditions import Filter, filters
from andamios_orm.testing.strategies.graphs import Graph, graph
from andamios_orm.testing.strategies.instances import fields, models
from andamios_orm.testing.strategies.registering import register
from andamios_orm.testing.strategies.rows import rows, updates
from andamios_orm.testing.strategies.storable import Storable

__all__ = [
    "Filter",
    "Graph",
    "SchemaChange",
    "Storable",
    "fields",
    "filters",
    "graph",
    "models",
    "register",
    "rows",
    "schema_change",
    "schema_models",
    "updates",
]
