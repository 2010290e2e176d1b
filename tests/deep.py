"""How many examples tests draw that have no end of them.

`make test-deep` takes about half an hour on two processors; `make test-deep DEEP=3` draws three
times as many.
"""

import os

__all__ = ["DEEP"]

DEEP = int(os.environ.get("ANDAMIOS_TEST_DEEP") or 0)
"""0 in the ordinary run of the tests."""
