"""How a database finds what a statement asks for: its own plan, read into one kind of tree."""

from andamios_orm.database.query_plans.nodes import Advice, PlanNode, QueryPlan
from andamios_orm.database.query_plans.reading import read_plan

__all__ = ["Advice", "PlanNode", "QueryPlan", "read_plan"]
