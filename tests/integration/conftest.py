"""What several files of these tests do alike."""

import pytest


@pytest.fixture
def no_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure without collecting garbage between two samples.

    That is for the figures, and long among all that a test run holds.
    """
    monkeypatch.setattr("benchmarks.harness.gc.collect", lambda: 0)
