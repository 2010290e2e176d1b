"""The tests of SQLAlchemy's suite that cannot pass on DuckDB, each with the reason.

They must fail. Where a new DuckDB has learnt it, the run fails, and a line goes.
"""

import re

__all__ = ["reason_to_fail"]

_NAMES = "DuckDB forgets the names of constraints, and makes up others"
_LENGTH = "DuckDB ignores the length of a text, and forgets it"
_DIVISION = "DuckDB divides decimals as floats"
_JSON = "DuckDB reads the numbers inside JSON as floats"
_LEVELS = "it needs a second level beside AUTOCOMMIT, and DuckDB has one"

_EXTRA = "ComponentReflectionTestExtra.test_"
_KNOWN = {
    r"ComponentReflectionTest.test_get_unique_constraints(_quoted_name)?\[.+": _NAMES,
    r"ComponentReflectionTest.test_reflect_table_temp_table": _LENGTH,
    rf"{_EXTRA}check_constraint_inline\[(True|False)-\w*[iI]nline\]": _NAMES,
    rf"{_EXTRA}check_constraint_standalone\[(True|False)-\w+[cC]onst\]": _NAMES,
    rf"{_EXTRA}check_constraint_mixed\[.+": _NAMES,
    rf"{_EXTRA}check_constraint_parenthesized_expressions\[.+": _NAMES,
    rf"{_EXTRA}string_length_reflection\[.+": _LENGTH,
    r"IsolationLevelTest.test_dialect_user_setting_is_restored": _LEVELS,
    r"JSONTest.test_(index|path)_typed_(access|comparison)\[_decimal1\]": _JSON,
    r"LongNameBlowoutTest.test_long_convention_name\[(ck|pk|uq)-.+": _NAMES,
    r"TrueDivTest.test_truediv_divisor\[numeric_(38_digit_divisor|many_decimals)-.+": _DIVISION,
}


def reason_to_fail(test: str) -> str | None:
    """Return why the test, named `Class.function[parameters]`, must fail."""
    for pattern, reason in _KNOWN.items():
        if re.fullmatch(pattern, test):
            return reason
    return None
