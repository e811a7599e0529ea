"""A session that is only read: held off from others where that can be, copied whole, and never written to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.session.folder import Session
from studio_pipeline.session.reading import copied_databases, left_alone
from tests.support import stations


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = stations.new_station(tmp_path / "laptop")
    stations.put(session, "Capture/a.jpg", b"no picture, but a file")
    stations.take_in(session)
    return session


def test_copies_are_gone_afterwards_and_nothing_else_changed(session: Session) -> None:
    before = stations.tree(session.root)
    with copied_databases(session) as folder:
        assert {path.name for path in folder.iterdir()} >= {"catalog.sqlite", "journal.sqlite"}
        (folder / "catalog.sqlite").write_bytes(b"ours to write")
    assert not folder.exists()
    assert stations.tree(session.root) == before


def test_a_database_that_is_written_while_it_is_copied_is_no_copy(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    copyfile = shutil.copyfile

    def copied(source: Path, target: Path) -> Any:
        done = copyfile(source, target)
        if source.name == "journal.sqlite":
            with (session.hidden / "catalog.sqlite").open("ab") as file:
                file.write(b"decided")
        return done

    monkeypatch.setattr(shutil, "copyfile", copied)
    with pytest.raises(TryAgain, match="somebody decides something"), copied_databases(session):
        pass


def test_it_is_held_while_it_is_read(session: Session) -> None:
    with left_alone(session), pytest.raises(Refused, match="is already being worked on"), session.locked():
        pass
    with session.locked(), pytest.raises(Refused, match="end that first"), left_alone(session):
        pass


def test_what_cannot_be_locked_is_read_all_the_same(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick with its write protection on."""

    def refused(self: FileLock) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refused)
    with left_alone(session):
        pass


def test_a_session_that_nobody_worked_on_yet_stays_as_it_is(tmp_path: Path) -> None:
    fresh = stations.new_station(tmp_path / "fresh")
    before = stations.tree(fresh.root)
    with left_alone(fresh), copied_databases(fresh) as folder:
        assert list(folder.iterdir()) == []
    assert stations.tree(fresh.root) == before
