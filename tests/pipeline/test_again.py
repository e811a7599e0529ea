"""`studio retry`: what was set aside or given up is tried again, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from studio_pipeline.pipeline import again
from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.again import given_up
from studio_pipeline.pipeline.schedule import MOST_TRIES
from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.records.capture import Member, Role, State
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.folder import Session
from tests.support import shoots
from tests.support.command import done, studio

TAKEN_UP = (State.QUARANTINED, State.WAITING_FOR_TIFF, State.PURGED)  # with a file that is here
PICTURE = Member(path=b"Capture/a.jpg", role=Role.JPEG, sha256="a" * 64, size_bytes=1)


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is worked on here, so none have to be warmed up and waited for."""
    monkeypatch.setattr(studio_module, "lanes", lambda cores, with_models=False: [])


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return shoots.new_session(tmp_path / "s", shoots.cleanup_preset())


def put(session: Session, name: str, data: bytes) -> None:
    path = session.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)


def take_in(session: Session) -> dict[str, Entry]:
    with at_work(session, only=frozenset()) as working:
        working.run()
        return {entry.name: entry for entry in working.catalog.entries()}


def entry(**changes: object) -> Entry:
    known = {"id": "a" * 64, "group": 1, "name": "a", "members": (PICTURE,), "arrived_at": shoots.NOW}
    return Entry.model_validate(known | changes)


@pytest.mark.parametrize("state", list(State))
def test_only_what_was_given_up_is_taken_up(state: State) -> None:
    assert given_up(entry(state=state)) == (state in TAKEN_UP)
    tired = entry(state=state, failures={"propose": MOST_TRIES})
    assert given_up(tired) == (state is not State.WITHDRAWN)
    assert not given_up(entry(failures={"propose": MOST_TRIES - 1}))


def test_a_file_that_intake_set_aside_is_judged_anew(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(session, "Capture/a.NEF", b"a format of next year" * 50)
    assert take_in(session)["a"].state is State.QUARANTINED
    assert done("retry", session.root).out.splitlines()[0] == "a is taken up again"
    assert take_in(session)["a"].state is State.QUARANTINED, "nothing has changed"

    from hot_folder import gate
    from hot_folder.containers import Verdict, Wholeness

    monkeypatch.setattr(gate, "inspect", lambda *_: Verdict(Wholeness.WHOLE))  # the update that knows it
    assert take_in(session)["a"].state is State.QUARANTINED, "not unasked"
    done("retry", session.root, "a")
    (taken,) = take_in(session).values()
    assert (taken.state, taken.reason) == (State.TAKEN_IN, "")


@pytest.mark.parametrize(
    ("state", "failures", "then"),
    [
        (State.QUARANTINED, {"base": MOST_TRIES}, State.TAKEN_IN),
        (State.WAITING_FOR_TIFF, {"base": MOST_TRIES}, State.TAKEN_IN),
        (State.NEEDS_A_PERSON, {"propose": MOST_TRIES}, State.DEVELOPED),
        (State.REJECTED, {"preview": MOST_TRIES}, State.REJECTED),
    ],
)
def test_a_stage_that_failed_is_due_again(
    session: Session, state: State, failures: dict[str, int], then: State
) -> None:
    Image.new("RGB", (64, 48)).save(session.capture / "a.jpg")
    os.utime(session.capture / "a.jpg", (1e9, 1e9))
    (known,) = take_in(session).values()
    with shoots.opened(session) as catalog:
        catalog.update(known.id, state=state, failures=failures, reason="the reason")
        (taken,) = again.take_up(session, catalog, catalog.entries())
        after = catalog.entry(known.id)
    assert taken.id == known.id and after is not None
    assert (after.state, after.failures) == (then, {})


def test_what_was_not_given_up_is_left_alone(session: Session) -> None:
    Image.new("RGB", (64, 48)).save(session.capture / "a.jpg")
    os.utime(session.capture / "a.jpg", (1e9, 1e9))
    (before,) = take_in(session).values()
    assert done("retry", session.root).out == "nothing was set aside or given up\n"
    with shoots.opened(session) as catalog:
        assert catalog.entry(before.id) == before
    assert "no capture" in studio("retry", session.root, "nobody").failure


def test_an_export_that_could_be_of_two_frames_founds_no_capture(session: Session) -> None:
    from tests.hot_folder.samples import raw, tiff

    for folder in ("a", "b"):
        put(session, f"Capture/{folder}/IMG_1.NEF", raw(ord(folder)))
    take_in(session)
    put(session, "Output/IMG_1.tif", tiff(1))
    states = [e.state for e in _entries(session)]
    assert states == [State.TAKEN_IN, State.TAKEN_IN, State.QUARANTINED]
    reason = _entries(session)[2].reason
    assert "could belong to several frames" in reason
    done("retry", session.root)
    assert [e.state for e in _entries(session)] == states
    (session.root / "Output/IMG_1.tif").rename(session.capture / "a" / "IMG_1.tif")
    kinds = [[m.role for m in e.members] for e in _entries(session)]
    assert kinds == [[Role.RAW, Role.TIFF], [Role.RAW]]


def test_a_copy_is_named_beside_its_capture(session: Session) -> None:
    Image.new("RGB", (64, 48)).save(session.capture / "a.jpg")
    data = (session.capture / "a.jpg").read_bytes()
    for name in ("Capture/a.jpg", "Selects/again.jpg"):
        put(session, name, data)
    (one,) = take_in(session).values()
    assert one.copies == ("Selects/again.jpg",)
    (row,) = done("status", session.root, "--json").json["captures"]
    assert row["copies"] == ["Selects/again.jpg"]


def _entries(session: Session) -> list[Entry]:
    take_in(session)
    with shoots.opened(session) as catalog:
        return catalog.entries()
