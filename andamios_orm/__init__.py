"""Declare a Pydantic model once; store it, get it back validated."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andamios_orm.database.engine import Database
    from andamios_orm.database.loop import run
    from andamios_orm.database.session import Session
    from andamios_orm.errors import (
        AndamiosError,
        AnswerNeeded,
        ChecksumMismatch,
        CheckViolation,
        ConditionMisuse,
        ConfigurationProblem,
        ConstraintViolation,
        DatabaseError,
        DatabaseUnavailable,
        DeclarationError,
        DestructionRefused,
        FileProblem,
        ForeignKeyProblem,
        ForeignKeyViolation,
        ImportRefused,
        InvalidCursor,
        InvalidRow,
        InvalidURL,
        LimitExceeded,
        ManyFound,
        MigrationError,
        MigrationHalfDone,
        MigrationLocked,
        MigrationPending,
        MissingDriver,
        MissingTenant,
        NotFound,
        NotLoaded,
        NotNullViolation,
        NotStorable,
        NotSupported,
        PrimaryKeyProblem,
        RelationProblem,
        ReservedName,
        RevisionProblem,
        RowsInTheWay,
        SeedProblem,
        SessionMisuse,
        ShapeProblem,
        StaleVersion,
        StatementFailed,
        TransactionAborted,
        TransactionConflict,
        UniqueViolation,
        UnsupportedType,
        UsageError,
        ValueOutOfRange,
        WrongEnvironment,
        WrongType,
    )
    from andamios_orm.models.base import Model
    from andamios_orm.models.columns import Col, field, generated
    from andamios_orm.models.keys import UUIDKey, uuid7
    from andamios_orm.models.mixins import SoftDelete, Tenant, Timestamps, Versioned
    from andamios_orm.models.relations import Related, RelatedList, relation
    from andamios_orm.models.variants import Create, Patch, Public
    from andamios_orm.queries.shapes import From
    from andamios_orm.reports import ExportReport, ImportReport, Progress, RefusedRow
    from andamios_orm.repositories.paging import Cursor, NumberedPage, Page
    from andamios_orm.repositories.query import Query
    from andamios_orm.repositories.repository import Repository
    from andamios_orm.repositories.shaped import Shaped
    from andamios_orm.repositories.streaming import Stream
    from andamios_orm.schema.types import register_type

__all__ = [
    "AndamiosError",
    "AnswerNeeded",
    "CheckViolation",
    "ChecksumMismatch",
    "Col",
    "ConditionMisuse",
    "ConfigurationProblem",
    "ConstraintViolation",
    "Create",
    "Cursor",
    "Database",
    "DatabaseError",
    "DatabaseUnavailable",
    "DeclarationError",
    "DestructionRefused",
    "ExportReport",
    "FileProblem",
    "ForeignKeyProblem",
    "ForeignKeyViolation",
    "From",
    "ImportRefused",
    "ImportReport",
    "InvalidCursor",
    "InvalidRow",
    "InvalidURL",
    "LimitExceeded",
    "ManyFound",
    "MigrationError",
    "MigrationHalfDone",
    "MigrationLocked",
    "MigrationPending",
    "MissingDriver",
    "MissingTenant",
    "Model",
    "NotFound",
    "NotLoaded",
    "NotNullViolation",
    "NotStorable",
    "NotSupported",
    "NumberedPage",
    "Page",
    "Patch",
    "PrimaryKeyProblem",
    "Progress",
    "Public",
    "Query",
    "RefusedRow",
    "Related",
    "RelatedList",
    "RelationProblem",
    "Repository",
    "ReservedName",
    "RevisionProblem",
    "RowsInTheWay",
    "SeedProblem",
    "Session",
    "SessionMisuse",
    "ShapeProblem",
    "Shaped",
    "SoftDelete",
    "StaleVersion",
    "StatementFailed",
    "Stream",
    "Tenant",
    "Timestamps",
    "TransactionAborted",
    "TransactionConflict",
    "UUIDKey",
    "UniqueViolation",
    "UnsupportedType",
    "UsageError",
    "ValueOutOfRange",
    "Versioned",
    "WrongEnvironment",
    "WrongType",
    "field",
    "generated",
    "register_type",
    "relation",
    "run",
    "uuid7",
]

_HOMES = {
    "Col": "models.columns",
    "Create": "models.variants",
    "Cursor": "repositories.paging",
    "Database": "database.engine",
    "ExportReport": "reports",
    "From": "queries.shapes",
    "ImportReport": "reports",
    "Model": "models.base",
    "NumberedPage": "repositories.paging",
    "Page": "repositories.paging",
    "Patch": "models.variants",
    "Progress": "reports",
    "Public": "models.variants",
    "Query": "repositories.query",
    "RefusedRow": "reports",
    "Related": "models.relations",
    "RelatedList": "models.relations",
    "Repository": "repositories.repository",
    "Session": "database.session",
    "Stream": "repositories.streaming",
    "Shaped": "repositories.shaped",
    "SoftDelete": "models.mixins",
    "Tenant": "models.mixins",
    "Timestamps": "models.mixins",
    "UUIDKey": "models.keys",
    "Versioned": "models.mixins",
    "field": "models.columns",
    "generated": "models.columns",
    "register_type": "schema.types",
    "relation": "models.relations",
    "run": "database.loop",
    "uuid7": "models.keys",
}
"""The module of each public name; all others are errors."""

if not TYPE_CHECKING:
    # Hidden from checkers: with it every misspelt name would be an object.
    def __getattr__(name):
        """Load a public name at its first use: what only declares models opens no database."""
        if name in ("errors", "observe"):
            return _import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
        found = globals()[name] = getattr(home, name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
