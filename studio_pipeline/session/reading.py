"""Another station's session, which is read and never written to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.session import place
from studio_pipeline.session.folder import LOCK, Session

_FILES = ("catalog.sqlite", "catalog.sqlite-wal", "journal.sqlite", "journal.sqlite-wal")


@contextmanager
def left_alone(session: Session) -> Iterator[None]:
    """Nobody starts to work on it while the block runs. Raises Refused when somebody does already.

    Where there is no lock file, or it cannot be opened for writing, nobody works on it from here.
    """
    from filelock import FileLock, Timeout

    path = _databases(session) / LOCK
    lock = FileLock(path, timeout=0) if path.exists() else None
    try:
        if lock is not None:
            lock.acquire()
    except Timeout as error:
        raise Refused(
            f"{session.root} is being worked on by another studio process; end that first"
        ) from error
    except OSError:
        lock = None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def copied_databases(session: Session) -> Iterator[Path]:
    """A temporary folder with copies of journal and catalog, as far as there are any.

    SQLite cannot open one that keeps a write-ahead log without writing beside it; what only that log holds
    yet comes along.

    Raises Refused where they lie on another machine, TryAgain when one was written meanwhile.
    """
    folder = place.folder_as_found(session.hidden)
    with tempfile.TemporaryDirectory(prefix="studio-") as temporary:
        before = _states(folder)
        for name in before:
            shutil.copyfile(folder / name, Path(temporary) / name)
        if _states(folder) != before:
            raise TryAgain(f"somebody decides something in {session.root} right now; try again")
        yield Path(temporary)


def _databases(session: Session) -> Path:
    try:
        return place.folder_as_found(session.hidden)
    except Refused:
        return session.hidden


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for name in _FILES:
        if (folder / name).exists():
            status = (folder / name).stat()
            found[name] = (status.st_size, status.st_mtime_ns)
    return found
