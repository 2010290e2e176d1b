"""What hangs on a column, as questions to the catalog: `:table` and `:column` are given."""

from __future__ import annotations

__all__ = [
    "CONSTRAINTS",
    "INDEXES",
    "NOT_TO_ITSELF",
    "OBSTACLES",
    "OF_TABLE",
    "TO_COLUMN",
    "UNVALIDATED",
]

_NUMBER = """
(SELECT attnum FROM pg_attribute WHERE attrelid = :table AND attname = :column AND NOT attisdropped)
"""

_OVER_COLUMN = f"""
({_NUMBER} = ANY (i.indkey::int2[]) OR EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = :table
    AND d.refobjsubid = {_NUMBER}))"""

INDEXES = f"""
SELECT x.relname::text AS name, i.indisunique AS is_unique,
    regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS sql,
    CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid) ELSE format(
        'ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname,
        pg_get_constraintdef(c.oid)) END AS whole,
    c.conname::text AS constraint, c.contype::text AS kind,
    CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
        || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS deferred
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid AND x.relname !~ '^andamios_new_'
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
WHERE i.indrelid = :table AND i.indisvalid AND {_OVER_COLUMN}
ORDER BY x.relname"""

CONSTRAINTS = f"""
SELECT c.conname::text AS name, c.contype::text AS kind, pg_get_constraintdef(c.oid) AS sql,
    c.conrelid::regclass::text AS owner,
    coalesce(c.conrelid = :table AND {_NUMBER} = ANY (c.conkey), false) AS is_of_column,
    coalesce(c.confrelid = :table AND {_NUMBER} = ANY (c.confkey), false) AS is_to_column
FROM pg_constraint c
WHERE c.conparentid = 0 AND c.conname !~ '^andamios_new_' AND """
OF_TABLE = f"c.conrelid = :table AND {_NUMBER} = ANY (c.conkey)"
TO_COLUMN = f"c.confrelid = :table AND {_NUMBER} = ANY (c.confkey)"
NOT_TO_ITSELF = f" AND NOT ({TO_COLUMN})"

UNVALIDATED = """
SELECT c.conname::text AS name, c.conrelid::regclass::text AS owner
FROM pg_constraint c
WHERE NOT c.convalidated AND ((c.conrelid = :table AND :number = ANY (c.conkey))
    OR (c.confrelid = :table AND :number = ANY (c.confkey)))
ORDER BY c.conname"""

OBSTACLES = f"""
SELECT CASE
    WHEN t.relkind <> 'r' THEN 'it is in partitions'
    WHEN EXISTS (SELECT FROM pg_inherits WHERE t.oid IN (inhrelid, inhparent))
        THEN 'it inherits, or is inherited from'
    WHEN a.attgenerated <> '' THEN 'the column is computed'
    WHEN a.attacl IS NOT NULL THEN 'the column has grants of its own'
    WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid
        AND (i.indisreplident OR i.indisexclusion) AND {_OVER_COLUMN})
        THEN 'an exclusion constraint or the replica identity is over the column'
    WHEN EXISTS (SELECT FROM pg_constraint c WHERE NOT c.convalidated
        AND c.conname !~ '^andamios_new_'
        AND ((c.conrelid = t.oid AND a.attnum = ANY (c.conkey))
            OR (c.confrelid = t.oid AND a.attnum = ANY (c.confkey))))
        THEN 'a constraint over the column was never validated'
    WHEN EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass
        AND d.refobjid = t.oid AND d.refobjsubid = a.attnum AND NOT CASE d.classid
            WHEN 'pg_class'::regclass THEN true
            WHEN 'pg_constraint'::regclass THEN true
            WHEN 'pg_attrdef'::regclass THEN EXISTS (SELECT FROM pg_attrdef e
                WHERE e.oid = d.objid AND e.adrelid = t.oid AND e.adnum = a.attnum)
            ELSE false
        END) THEN 'a view, a trigger or something else depends on the column'
END
FROM pg_class t
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = :column AND NOT a.attisdropped
WHERE t.oid = :table"""
