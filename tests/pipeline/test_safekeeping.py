"""A session with a vault, by the commands: copied, said when it is not, and never a reason to stop."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import safekeeping
from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.session.folder import VAULT_MARKER, Session, create, open_session
from tests.support import shoots
from tests.support.command import done, studio


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is worked on here, so none have to be warmed up and waited for."""
    monkeypatch.setattr(studio_module, "lanes", lambda cores: [])


def put(session: Session, name: str, grey: int) -> bytes:
    """A small picture that has lain in Capture for a while; returns its bytes."""
    path = session.capture / name
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(path)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return path.read_bytes()


def new_session(tmp_path: Path) -> Session:
    return create(tmp_path / "s", shoots.cleanup_preset(), "test", tmp_path / "vault", shoots.NOW)


def problems_after_run(session: Session) -> list[str]:
    """`studio run` without the work on pictures."""
    with at_work(session, only=frozenset()) as working:
        working.run()
        return working.problems()


def test_run_copies_and_says_what_it_could_not(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    first = put(session, "first.jpg", 90)
    assert problems_after_run(session) == []
    vault, away = tmp_path / "vault", tmp_path / "away"
    assert (vault / "Capture/first.jpg").read_bytes() == first
    assert safekeeping.at_risk(session) is None

    vault.rename(away)
    second = put(session, "second.jpg", 160)
    not_there = f"the vault {vault} is not there: connect its drive"
    assert problems_after_run(session) == [f"2 originals may exist only once: {not_there}"]
    assert not vault.exists()
    assert done("status", session.root).out.splitlines()[-1] == not_there

    away.rename(vault)
    told = done("status", session.root).out.splitlines()[-1]
    assert told == "1 original may exist only once, not in the vault yet; `studio run` copies them"
    assert problems_after_run(session) == []
    assert (vault / "Capture/second.jpg").read_bytes() == second
    assert safekeeping.at_risk(session) is None


def test_a_missing_vault_is_one_line_and_no_failure_of_run(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    (tmp_path / "vault").rename(tmp_path / "away")
    answer = done("run", session.root)
    assert answer.out == "nothing to do\n"
    assert answer.err == f"the vault {tmp_path / 'vault'} is not there: connect its drive\n"


def test_shoot_copies_while_it_works(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    first = put(session, "first.jpg", 90)
    copy, stop = tmp_path / "vault/Capture/first.jpg", threading.Event()
    with at_work(session, only=frozenset()) as working:
        shooting = threading.Thread(target=working.shoot, args=(stop,))
        shooting.start()
        until_s = time.monotonic() + 20
        while not copy.exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        stop.set()
        shooting.join()
        assert copy.read_bytes() == first
        assert working.problems() == []


def test_init_makes_the_vault_once_and_says_when_one_drive_holds_both(tmp_path: Path) -> None:
    answer = done("init", tmp_path / "s", "--vault", tmp_path / "drives" / "vault")
    assert answer.err == "the vault lies on the session's own drive: the loss of that drive takes both\n"
    marker = tmp_path / "drives" / "vault" / VAULT_MARKER
    text = marker.read_text(encoding="utf-8")
    assert open_session(tmp_path / "s").vault_shares_drive
    done("init", tmp_path / "t", "--vault", marker.parent)  # one vault for many sessions
    assert marker.read_text(encoding="utf-8") == text


def test_a_vault_that_cannot_be_made_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = studio("init", tmp_path / "s", "--vault", tmp_path / "file" / "vault").failure
    assert "cannot make the vault" in said and "choose another folder" in said
    assert not (tmp_path / "s").exists()
    with pytest.raises(Refused):
        open_session(tmp_path / "s")
