"""The command line run in this process, in a project of its own."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm.cli.app import main
from andamios_orm.cli.output import Output
from andamios_orm.database import engine
from andamios_orm.schema import registry

__all__ = ["CommandLine", "Result"]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands in a folder, each as a process of its own would: models declared anew."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._patch = patch
        self._capture = capture
        patch.chdir(folder)
        patch.setenv("COLUMNS", "160")
        # What a command starts in the project's folder is this package, too.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        patch.setattr(sys, "path", list(sys.path))
        for name in ("ANDAMIOS_URL", "DATABASE_URL", "ANDAMIOS_MODELS", "ANDAMIOS_ENVIRONMENT"):
            patch.delenv(name, raising=False)

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """Run one command; `typed` is what a person answers, None for nobody there."""
        metadata = sa.MetaData(naming_convention=registry.NAMING_CONVENTION)
        self._patch.setattr(registry, "default_metadata", metadata)
        self._patch.setattr(engine, "default_metadata", metadata)
        self._patch.setattr(registry, "_by_model", {})
        self._patch.setattr(registry, "_by_table", {})
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            del sys.modules[name]
        self._patch.setattr(sys, "argv", ["andamios-orm", *arguments])
        self._patch.setattr(sys, "stdin", io.StringIO(typed or ""))
        self._patch.setattr(Output, "asks", lambda output: typed is not None)
        self._capture.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        told = self._capture.readouterr()
        assert isinstance(code, int), code
        return Result(code, told.out, told.err)

    def told(self) -> Result:
        """Return what a command has told that did not end."""
        told = self._capture.readouterr()
        return Result(1, told.out, told.err)

    def done(self, *arguments: str) -> Result:
        """Run one command that has to end well."""
        result = self.run(*arguments)
        assert result.code == 0, result.err
        return result

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the project."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
