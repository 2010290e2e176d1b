"""What DuckDB offers, as SQLAlchemy's test suite asks for it; what is closed says why."""

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

OPEN = property(lambda self: exclusions.open())


def closed(reason: str) -> Any:
    return property(lambda self: exclusions.skip_if(lambda: True, reason))


class Requirements(SuiteRequirements):
    # ---- what DuckDB has, where the suite does not take it for granted

    create_table_as = OPEN
    create_temp_table_as = OPEN
    table_ddl_if_exists = OPEN
    index_ddl_if_exists = OPEN
    uuid_data_type = OPEN
    table_value_constructor = OPEN
    boolean_col_expressions = OPEN
    nullsordering = OPEN
    intersect = OPEN
    except_ = OPEN
    window_functions = OPEN
    window_range = OPEN
    window_range_numeric = OPEN
    window_range_non_numeric = OPEN
    ctes = OPEN
    ctes_with_update_delete = OPEN
    ctes_with_values = OPEN
    ctes_on_dml = OPEN
    tuple_in = OPEN
    tuple_in_w_empty = OPEN
    views = OPEN
    temporary_views = OPEN
    create_or_replace_view = OPEN
    schemas = OPEN
    schema_create_delete = OPEN
    implicit_default_schema = OPEN
    default_schema_name_switch = OPEN
    temp_table_names = OPEN
    has_temp_table = OPEN
    temp_table_comment_reflection = OPEN
    comment_reflection = OPEN
    comment_reflection_full_unicode = OPEN
    indexes_check_column_order = OPEN
    indexes_with_expressions = OPEN
    reflect_indexes_with_expressions = OPEN
    check_constraint_reflection = OPEN
    inline_check_constraint_reflection = OPEN
    unicode_ddl = OPEN
    datetime_interval = OPEN
    datetime_literals = OPEN
    datetime_timezone = OPEN
    time_timezone = OPEN
    timestamp_microseconds = OPEN
    datetime_historic = OPEN
    datetime_timezone_historic = OPEN
    date_historic = OPEN
    autocommit = OPEN
    skip_autocommit_rollback = OPEN
    isolation_level = OPEN
    array_type = OPEN
    json_type = OPEN
    precision_numerics_enotation_small = OPEN
    precision_numerics_many_significant_digits = OPEN
    cast_precision_numerics_many_significant_digits = OPEN
    precision_numerics_retains_significant_digits = OPEN
    server_defaults = OPEN
    expression_server_defaults = OPEN
    aggregate_order_by = OPEN
    infinity_floats = OPEN
    update_from = OPEN
    delete_from = OPEN
    mod_operator_as_percent_sign = OPEN
    percent_schema_names = OPEN
    order_by_label_with_expression = OPEN
    async_dialect = OPEN
    computed_columns = OPEN
    computed_columns_virtual = OPEN
    supports_distinct_on = OPEN
    regexp_match = OPEN
    regexp_replace = OPEN
    fetch_first = OPEN
    fetch_no_order_by = OPEN
    fetch_offset_with_options = OPEN
    fetch_expression = OPEN
    supports_bitwise_or = OPEN
    supports_bitwise_and = OPEN
    supports_bitwise_not = OPEN
    supports_bitwise_xor = OPEN
    supports_bitwise_shift = OPEN
    nvarchar_types = OPEN
    float_or_double_precision_behaves_generically = OPEN
    legacy_unconditional_json_extract = OPEN
    reflect_table_options = OPEN

    # ---- what it has not

    named_constraints = closed("DuckDB forgets the names of constraints and makes up others")
    reflects_pk_names = named_constraints
    foreign_key_constraint_name_reflection = named_constraints
    constraint_comment_reflection = closed("DuckDB has no comments on constraints")
    on_update_cascade = closed("foreign keys of DuckDB have no actions")
    foreign_key_constraint_option_reflection_ondelete = on_update_cascade
    foreign_key_constraint_option_reflection_onupdate = on_update_cascade
    fk_constraint_option_reflection_ondelete_restrict = on_update_cascade
    fk_constraint_option_reflection_ondelete_noaction = on_update_cascade
    fk_constraint_option_reflection_onupdate_restrict = on_update_cascade
    recursive_fk_cascade = on_update_cascade
    deferrable_fks = closed("DuckDB checks foreign keys at once")
    cross_schema_fk_reflection = closed("DuckDB has no foreign keys into another schema")
    repeated_column_foreign_keys = closed("DuckDB takes a column once in a foreign key")
    repeated_remote_col_foreign_keys = repeated_column_foreign_keys
    foreign_keys_reflect_as_index = closed("DuckDB makes no index for a foreign key")
    unique_constraints_reflect_as_index = closed("DuckDB does not list the index of a constraint")
    unique_index_reflect_as_unique_constraints = closed("a unique index is no constraint to DuckDB")
    index_reflects_included_columns = closed("DuckDB has no INCLUDE")
    reflect_indexes_with_ascdesc = closed("DuckDB drops the direction of an index")
    column_collation_reflection = closed("DuckDB forgets the collation of a column")
    identity_columns = closed(
        "DuckDB has no IDENTITY; the dialect makes a sequence, which reflects as autoincrement"
    )
    computed_columns_stored = closed("DuckDB computes columns when they are read")
    implements_get_lastrowid = closed("DuckDB has no last row id; RETURNING gives the key")
    materialized_views = closed("DuckDB has no materialized views")
    fetch_ties = closed("DuckDB has no WITH TIES")
    fetch_percent = closed("DuckDB has no FETCH ... PERCENT")
    sequences_optional = closed("there is nothing but sequences")
    savepoints = closed("DuckDB has no savepoints")
    two_phase_transactions = closed("DuckDB has no two-phase commit")
    json_deserializer_binary = closed("DuckDB gives JSON as str")

    def get_order_by_collation(self, config: Any) -> str:
        return "nocase"

    def get_isolation_levels(self, config: Any) -> dict[str, Any]:
        return {"default": "REPEATABLE READ", "supported": ["REPEATABLE READ", "AUTOCOMMIT"]}
