"""The assignments of one UPDATE, and what its statement needs to know of them."""

from __future__ import annotations

from collections.abc import Sequence

from andamios_orm.queries import nodes, terms

__all__ = ["Changes"]


class Changes:
    """Assignments whose values are checked, looked through once."""

    __slots__ = ("assignments", "is_computed", "shape", "values")

    def __init__(self, assignments: Sequence[terms.Assignment]) -> None:
        self.assignments = assignments
        keys: list[nodes.Key] = []
        self.values: list[object] = []
        """What the statement binds, in its order."""
        self.is_computed = False
        """Whether the database computes a value."""
        for assignment in assignments:
            value = assignment.value
            keys.append(assignment.attr.id)
            if nodes.is_clause(value):
                self.is_computed = True
                keys.append(nodes.operand_key(value))
                nodes.operand_values(value, self.values)
            else:
                keys.append(0)
                self.values.append(value)
        self.shape: nodes.Key = nodes.combined(*keys) if self.is_computed else tuple(keys)
        """What is the same for all assignments that differ in their values only; else None."""
