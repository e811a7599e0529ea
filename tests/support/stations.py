"""Sessions of small pictures that are taken in without workers, for tests about files and words."""

from __future__ import annotations

import os
from pathlib import Path

from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.pipeline.supervisor import Supervisor
from studio_pipeline.session.folder import Session, create
from tests.support import shoots


def new_station(root: Path) -> Session:
    return create(root, shoots.cleanup_preset(), "test", None, shoots.NOW)


def put(session: Session, name: str | bytes, data: bytes) -> Path:
    """A file that has lain there for a while."""
    path = session.root / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return path


def take_in(session: Session) -> None:
    """`studio run` without the work on pictures."""
    with Supervisor([]) as nobody, at_work(session, only=frozenset(), workers=nobody) as studio:
        studio.run()


def tree(root: Path) -> dict[bytes, tuple[bytes, int]]:
    """Every file below a folder, hidden ones too: its bytes, and when it was last written."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        os.fsencode(path.relative_to(root).as_posix()): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
    }
