"""Run SQLAlchemy's compliance suite on the DuckDB dialect."""

from collections.abc import Generator

import pytest
from sqlalchemy.dialects import registry

from tests.compliance.known_failures import reason_to_fail

registry.register("duckdb.andamios_sync", "tests.compliance.provision", "SyncDialect")
registry.register("duckdb.andamios_async", "tests.compliance.provision", "AsyncDialect")
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin import pytestplugin  # noqa: E402 - after the registration
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403 - hooks by their names

from tests import traced_threads  # noqa: E402, F401 - as in other tests
from tests.compliance import provision  # noqa: E402, F401 - registers itself


def pytest_collection_modifyitems(  # type: ignore[no-redef] # and calls it
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    pytestplugin.pytest_collection_modifyitems(session, config, items)
    for item in items:
        case = item.getparent(pytest.Class)
        reason = reason_to_fail(f"{case.name.partition('_duckdb')[0]}.{item.name}" if case else "")
        if reason is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is left out for no reason is a failure."""
    report = yield
    if report.skipped and "marked as skip" in str(report.longrepr):
        report.outcome = "failed"
    return report
