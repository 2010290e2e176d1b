"""Which names must be quoted in DuckDB's SQL."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql.base import PGIdentifierPreparer

__all__ = ["DuckDBIdentifierPreparer"]

# What `duckdb_keywords()` calls reserved or a type or function; a test compares.
_KEYWORDS = frozenset(
    """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column columns concurrently constraint create cross default
    deferrable desc describe distinct do else end except false fetch for foreign freeze from full
    generated glob group having ilike in initially inner intersect into is isnull join lambda
    lateral leading left like limit map natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references
    returning right select semi show similar some struct summarize symmetric table tablesample
    then to trailing true try_cast tuple union unique unpack unpivot using variadic verbose when
    where window with
    """.split()  # noqa: SIM905 - a list would take a line for each word
)


class DuckDBIdentifierPreparer(PGIdentifierPreparer):
    """PostgreSQL's words, which include functions called without parentheses, and DuckDB's."""

    reserved_words = PGIdentifierPreparer.reserved_words | _KEYWORDS
