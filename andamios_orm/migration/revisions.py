"""The revision files of one engine: read in their order, and the next one written."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.render import Rendered

__all__ = ["Revision", "Revisions"]


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One revision file. `down` is the revision before it, None for the first."""

    id: str
    down: str | None
    message: str
    path: Path
    checksum: str
    upgrade: Callable[[], None]
    downgrade: Callable[[], None]
    replaces: tuple[str, ...] = ()
    """The revisions that this one was squashed of, the oldest first."""

    def __str__(self) -> str:
        return f"{self.id} {self.message}"


_MISSING = r"Revision (\S+) referenced from .* is not present"
"""What alembic warns of, and cannot go on after."""


class Revisions:
    """The folder of one engine's revision files, which need not exist yet."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        self._engine = engine

    def all(self) -> tuple[Revision, ...]:
        """Return all revisions, the oldest first.

        Raises RevisionProblem for a file that cannot be read, is of another engine, or goes on
        from a revision that is missing, and for two that go on from the same one.
        """
        if not self.folder.is_dir():
            return ()
        try:
            with _as_it_stands(), warnings.catch_warnings():
                warnings.filterwarnings("error", _MISSING)
                scripts = ScriptDirectory(str(self.folder), version_locations=[str(self.folder)])
                found = list(scripts.walk_revisions())
                heads = scripts.get_heads()
        except UserWarning as error:
            missing = re.search(_MISSING, str(error))
            raise RevisionProblem(
                f"a revision in {self.folder} goes on from"
                f" {missing[1] if missing else 'another one'}, which has no file",
                "bring the file back, or correct the down_revision that names it",
            ) from None
        except CommandError as error:
            raise RevisionProblem(
                f"the revisions in {self.folder} cannot be put in order: {error}",
                "each file's down_revision names the file before it; mend the one that does not",
            ) from None
        except Exception as error:
            raise RevisionProblem(
                f"a revision in {self.folder} cannot be read: {type(error).__name__}: {error}",
                "mend the file, or take it out of the folder",
            ) from error
        if len(heads) > 1:
            raise RevisionProblem(
                f"{self.folder} has several newest revisions: {', '.join(sorted(heads))}",
                "let one of them go on from the other: set its down_revision to the other's"
                " revision",
            )
        return tuple(self._read(script) for script in reversed(found))

    def _read(self, script: object) -> Revision:
        module = script.module  # type: ignore[attr-defined]  # alembic's Script
        path = Path(script.path)  # type: ignore[attr-defined]  # alembic's Script
        engine = getattr(module, "engine", self._engine)
        if engine != self._engine:
            raise RevisionProblem(
                f"{path.name} was written for {engine}, and this database is {self._engine}",
                f"write revisions for {self._engine} with `andamios-orm migrate new` on such a"
                " database; they have a folder of their own",
            )
        return Revision(
            id=cast("str", module.revision),
            down=cast("str | None", module.down_revision),
            message=(module.__doc__ or "").strip().splitlines()[0] if module.__doc__ else "",
            path=path,
            checksum=checksum(path),
            upgrade=module.upgrade,
            downgrade=module.downgrade,
            replaces=tuple(getattr(module, "replaces", ())),
        )

    def write(
        self, message: str, rendered: Rendered, *, down: str | None, replaces: Sequence[str] = ()
    ) -> Path:
        """Write the next revision and return its file. Raises RevisionProblem."""
        title = " ".join(message.split())
        if not title:
            raise RevisionProblem(
                "a revision needs a message",
                'say what it is for: andamios-orm migrate new "add the age of heroes"',
            )
        now = datetime.now(UTC)
        identity = secrets.token_hex(6)
        slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40].rstrip("_")
        name = f"{now:%Y%m%d_%H%M%S}_{identity}_{slug or 'revision'}.py"
        text = _TEMPLATE.format(
            title=title.replace("\\", "\\\\").replace('"""', "'''"),
            imports="".join(f"{line}\n" for line in _ordered(rendered.imports)),
            revision=identity,
            down="None" if down is None else f'"{down}"',
            engine=self._engine,
            replaces=_replacing(replaces),
            upgrade=rendered.upgrade,
            downgrade=rendered.downgrade,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        # A file that is only half there would stop every command.
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
        return path

    def put_away(self, revisions: Sequence[Revision]) -> None:
        """Move files into the folder `squashed` beside them."""
        aside = self.folder / "squashed"
        aside.mkdir(exist_ok=True)
        for revision in revisions:
            os.replace(revision.path, aside / revision.path.name)


@contextmanager
def _as_it_stands() -> Iterator[None]:
    """Have Python keep no compiled files: of one that is edited at once, it would run the old."""
    kept = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = kept


def _replacing(revisions: Sequence[str]) -> str:
    if not revisions:
        return ""
    listed = "".join(f'    "{revision}",\n' for revision in revisions)
    return f"replaces = (\n{listed})\n"


def checksum(path: Path) -> str:
    """Return what tells a file from another, whatever its line ends are."""
    text = path.read_text(encoding="utf-8")
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()[:32]


def _ordered(imports: Sequence[str]) -> list[str]:
    known = {"from alembic import op", "import sqlalchemy as sa", *imports}
    return sorted(known, key=lambda line: line.split()[1])


_TEMPLATE = '''\
"""{title}"""

{imports}
revision = "{revision}"
down_revision = {down}
engine = "{engine}"
{replaces}

def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''
