"""Which anomalies each isolation level of each engine rules out.

| Level | Rules out | By |
|---|---|---|
| read committed | the first six kinds of `Kind` | PL-2 of Adya's thesis: G0 and G1 |
| repeatable read: PostgreSQL, DuckDB | all but write skew | snapshots, Berenson et al. 4.2 |
| repeatable read: MariaDB, MySQL | the six, non-repeatable reads | snapshots for reads only |
| serializable | all | PL-3 of Adya's thesis: G2 too |

"Repeatable read" is one name for two things. Adya's (PL-2.99) forbids write skew and allows
phantoms; PostgreSQL and DuckDB give snapshots under it. InnoDB reads from a snapshot and writes to
the newest rows, so it loses updates of those who read first (Kingsbury, "Jepsen: MySQL 8.0.34").
"""

from __future__ import annotations

from andamios_orm.backends.base import Isolation
from andamios_orm.testing.machines.histories import Kind

__all__ = ["forbidden"]

_COMMITTED = frozenset(
    {
        Kind.DIRTY_WRITE,
        Kind.ABORTED_READ,
        Kind.INTERMEDIATE_READ,
        Kind.CIRCULAR_FLOW,
        Kind.UNSEEN_OWN_WRITE,
        Kind.INCOMPATIBLE_ORDER,
    }
)
_ALL = frozenset(Kind)


def forbidden(engine_name: str, isolation: Isolation) -> frozenset[Kind]:
    """Return the anomalies that must not appear at a level of an engine.

    ```python
    from andamios_orm.testing.machines import Kind, forbidden

    assert Kind.LOST_UPDATE not in forbidden("postgresql", "read committed")
    assert Kind.LOST_UPDATE in forbidden("postgresql", "repeatable read")
    assert forbidden("duckdb", "serializable") == set(Kind)
    ```
    """
    if isolation == "serializable":
        return _ALL
    if isolation == "read committed":
        return _COMMITTED
    if engine_name in ("mariadb", "mysql"):
        return _COMMITTED | {Kind.NON_REPEATABLE_READ}
    return _ALL - {Kind.WRITE_SKEW}
