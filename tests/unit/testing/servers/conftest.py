"""What the tests of every server need: none given by the environment, and an open folder."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from andamios_orm.testing.servers import MariaDBServer, PostgreSQLServer


@pytest.fixture(autouse=True)
def no_server_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for server in (MariaDBServer, PostgreSQLServer):
        monkeypatch.delenv(server.variable, raising=False)


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A folder that every user may enter, unlike `tmp_path`."""
    folder = Path(tempfile.mkdtemp(prefix="andamios-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
