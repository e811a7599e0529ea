"""A person is forgotten: nothing of them is left where it was said to be gone, and the rest is named."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from studio_pipeline.cli import call
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import consent, purge, recovery
from studio_pipeline.pipeline.intent import intend
from studio_pipeline.pipeline.retention import due
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import DEFAULT
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.folder import Session, open_session, set_vault
from tests.support import shoots
from tests.support.finished import Finished, hashes

ADA = "Ada Lovelace"


@pytest.fixture()
def session(finished: Finished, tmp_path: Path) -> Session:
    root = tmp_path / "session"
    shutil.copytree(finished.session.root, root)
    opened = open_session(root)
    with shoots.opened(opened) as catalog:
        entries = {entry.name: entry for entry in catalog.entries()}
        consent.name_people(catalog, entries["STP_0003"], [ADA])
        consent.say(catalog, consent.consented(ADA, DEFAULT, "anna", "here", "test", shoots.NOW))
    return opened


def purged(session: Session, **options: bool) -> purge.Report:
    given = {"originals": False, "vault": False, "keep_shared": False, **options}
    with shoots.opened(session) as catalog, session.locked():
        intent = intend(session, catalog, ADA, **given, user="anna", host="here", now=shoots.NOW)
        return purge.purge(session, catalog, intent)


def containing(folder: Path, *words: bytes) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in words)
    ]


def entry_of(session: Session, capture_id: str) -> Entry:
    with shoots.opened(session) as catalog:
        found = catalog.entry(capture_id)
    assert found is not None
    return found


def test_every_trace_goes_and_the_others_stay(finished: Finished, session: Session) -> None:
    ada, other = finished.portrait, finished.entries["STP_0004"]
    captured, others = hashes(session.capture), hashes(session.cache / other.id[:2] / other.id)
    report = purged(session)
    assert hashes(session.capture) == captured
    assert hashes(session.cache / other.id[:2] / other.id) == others
    assert not (session.cache / ada.id[:2] / ada.id).exists()
    assert sorted(p.name for p in session.output.iterdir()) == ["STP_0004.jpg", "STP_0004.tif"]
    entry = entry_of(session, ada.id)
    assert (
        entry.state is State.PURGED and entry.reason == "purged on 2026-05-04 by anna, its originals are left"
    )
    bare = (entry.people, entry.subject, entry.proposal, entry.door, entry.exposure.camera, entry.delivered)
    assert bare == ((), None, None, None, None, ())
    assert containing(session.hidden, ADA.encode()) == []
    assert containing(session.records, ada.id.encode()) == []
    assert report.removed["deliverables"] == 2
    assert report.removed["log entries, blanked"] == 2
    assert report.log == "log of 4 entries, 2 of them blanked: the chain holds"
    assert set(report.left["session"]) == {m.shown for m in ada.members}
    with shoots.opened(session) as catalog:
        with pytest.raises(Refused, match="not in this session"):
            catalog.proposal(ada.proposal_hash or "")
        assert catalog.decisions(ada.id) == [] and len(catalog.decisions(other.id)) == 1


def test_what_is_purged_is_not_made_again(finished: Finished, session: Session) -> None:
    purged(session)
    shoots.work(session)
    assert entry_of(session, finished.portrait.id).state is State.PURGED
    assert not (session.cache / finished.portrait.id[:2] / finished.portrait.id).exists()
    assert not list(session.output.glob("STP_0003*"))


def test_a_deliverable_that_was_changed_outside_is_named_and_stays(session: Session) -> None:
    tiff = session.output / "STP_0003.tif"
    tiff.write_bytes(tiff.read_bytes() + b"\0")
    report = purged(session)
    assert report.left["Output, changed outside"] == ["Output/STP_0003.tif"] and tiff.exists()
    shoots.work(session)
    with shoots.opened(session) as catalog:  # it is nobody's export
        assert all(m.path != b"Output/STP_0003.tif" for e in catalog.entries() for m in e.members)


def test_originals_and_vault_go_on_request_and_are_not_brought_back(
    finished: Finished, session: Session, tmp_path: Path
) -> None:
    session = set_vault(session, tmp_path / "vault")
    settings = session.capture / "CaptureOne" / "Settings" / "STP_0003.DNG.cos"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(b"settings")
    shoots.work(session)
    before = sorted(p.name for p in (tmp_path / "vault" / "Capture").iterdir())
    assert "STP_0003.DNG" in before
    with pytest.raises(Refused, match="without --originals"):
        purged(session, vault=True)
    report = purged(session, originals=True, vault=True)
    after = [p.name for p in (tmp_path / "vault" / "Capture").rglob("*") if p.is_file()]
    assert not [name for name in after if name.startswith("STP_0003")]
    assert not list(session.capture.rglob("STP_0003*"))
    assert report.removed["originals, sidecars and settings"] == len(finished.portrait.members) + 1
    assert report.removed["copies in the vault"] >= len(finished.portrait.members)
    assert "journal entries, blanked" in report.removed
    assert containing(session.hidden, b"STP_0003", ADA.encode()) == []
    verdict = recovery.check(session.root, lambda *_: None)
    assert verdict.lines == []
    restored = recovery.restore(session.root, None, None, lambda *_: None)
    assert (restored.restored, restored.failed) == ([], [])
    shoots.work(session)
    entry = entry_of(session, finished.portrait.id)
    assert entry.state is State.PURGED and entry.members == ()


def test_originals_go_and_the_vault_keeps_its_copies_and_is_named(session: Session, tmp_path: Path) -> None:
    session = set_vault(session, tmp_path / "vault")
    shoots.work(session)
    report = purged(session, originals=True)
    assert "Capture/STP_0003.DNG" in report.left["vault"]
    restored = recovery.restore(session.root, None, None, lambda *_: None)
    assert restored.restored == []


_LOADED_ONCE = ["tests.pipeline.test_purge", "studio_pipeline.cli.privacy"]
_FORKS = "forkserver" in multiprocessing.get_all_start_methods()


def kill_after(steps: int, root: Path, said: Path) -> None:
    """In a process of its own: `studio purge`, ended hard before so many steps that take something away."""
    left = steps

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if event in ("os.remove", "shutil.rmtree", "os.rename", "os.rmdir"):
            left -= 1
            if left < 0:
                os._exit(9)

    with said.open("w") as out, contextlib.redirect_stdout(out):
        sys.addaudithook(hook)
        code = call(["purge", str(root), ADA, "--originals", "--yes"])
    sys.exit(code)


def in_its_own_process(steps: int, root: Path, said: Path) -> int | None:
    """Its exit code; where there is fork, with the modules loaded once for all."""
    processes = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
    if _FORKS:
        processes.set_forkserver_preload(_LOADED_ONCE)
    process = processes.Process(target=kill_after, args=(steps, root, said))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 8, 14, 22])
def test_killed_in_the_middle_and_run_again_it_finishes(
    finished: Finished, session: Session, steps: int, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    assert in_its_own_process(steps, session.root, said) == 9
    if (session.hidden / "purge.json").exists():
        with shoots.opened(session) as catalog, pytest.raises(Refused, match="was cut short"):
            intend(
                session, catalog, "Ben", originals=False, vault=False, keep_shared=False,
                user="u", host="h", now=shoots.NOW,
            )  # fmt: skip
    assert in_its_own_process(100_000, session.root, said) == 0
    assert "the chain holds" in said.read_text()
    assert not list(session.root.rglob("STP_0003*"))
    assert containing(session.hidden, ADA.encode(), b"STP_0003") == []
    assert not (session.hidden / "purge.json").exists()
    assert (session.output / "STP_0004.tif").exists()


def test_captures_with_others_in_them_may_be_kept(finished: Finished, session: Session) -> None:
    with shoots.opened(session) as catalog:
        consent.name_people(catalog, finished.entries["STP_0004"], [ADA, "Ben"])
    report = purged(session, keep_shared=True)
    assert report.captures == 1
    assert report.left["captures kept, that show others too"] == ["STP_0004"]
    assert (session.output / "STP_0004.tif").exists()


def test_what_is_due_is_listed_and_never_removed(finished: Finished, session: Session) -> None:
    with shoots.opened(session) as catalog:
        entries = catalog.entries()
    assert due(session, entries, shoots.NOW) == []
    import dataclasses

    preset = session.preset.model_copy(update={"retention_days": 30})
    kept = dataclasses.replace(session, preset=preset)
    last = max(e.arrived_at for e in entries)
    assert due(kept, entries, last + timedelta(days=29)) == []
    found = due(kept, entries, last + timedelta(days=31))
    assert {(one.subject, one.captures) for one in found} == {(ADA, 1), ("", 3)}
    assert (session.output / "STP_0003.tif").exists()


def test_without_yes_nothing_is_removed(session: Session) -> None:
    before = hashes(session.root / "Output")
    command = [
        sys.executable,
        "-c",
        "from studio_pipeline.cli import main; main()",
        "purge",
        str(session.root),
        ADA,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ}
    )
    assert done.returncode == 1 and "nothing was removed" in done.stderr
    assert hashes(session.root / "Output") == before
    with shoots.opened(session) as catalog, pytest.raises(Refused, match="nobody is named"):
        intend(
            session, catalog, "Ben", originals=False, vault=False, keep_shared=False, user="u", host="h",
            now=shoots.NOW,
        )  # fmt: skip
