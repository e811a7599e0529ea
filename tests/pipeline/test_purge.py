"""A person is forgotten: nothing of them is left where it was said to be gone, and the rest is named."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from studio_pipeline.cli import call
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pipeline import consent, purge, recovery, verify
from studio_pipeline.pipeline.intent import Intent, intend
from studio_pipeline.pipeline.retention import Due, due
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import DEFAULT, Allowed, Level
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session, open_session, set_vault
from tests.hot_folder.drives import raises
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


def intended(session: Session, catalog: Catalog, subject: str = ADA, **options: bool) -> Intent:
    given = {"originals": False, "vault": False, "keep_shared": False, **options}
    return intend(session, catalog, subject, **given, user="anna", host="here", now=shoots.NOW)


def purged(session: Session, subject: str = ADA, **options: bool) -> purge.Report:
    with shoots.opened(session) as catalog, session.locked():
        return purge.purge(session, catalog, intended(session, catalog, subject, **options))


def due_by(session: Session, days: int) -> list[Due]:
    """What is due so many days after the shoot, where 30 are allowed."""
    kept = dataclasses.replace(session, preset=session.preset.model_copy(update={"retention_days": 30}))
    with shoots.opened(session) as catalog:
        entries = catalog.entries()
    return due(kept, entries, max(e.arrived_at for e in entries) + timedelta(days=days))


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
    os.utime(settings, (1e9, 1e9))  # long enough ago for the vault to have it
    shoots.work(session)
    before = sorted(p.name for p in (tmp_path / "vault" / "Capture").iterdir())
    assert "STP_0003.DNG" in before and list((tmp_path / "vault").rglob(settings.name))
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
            intended(session, catalog, "Ben")
    assert in_its_own_process(100_000, session.root, said) == 0
    assert "the chain holds" in said.read_text()
    assert not list(session.root.rglob("STP_0003*"))
    assert containing(session.hidden, ADA.encode(), b"STP_0003") == []
    assert not (session.hidden / "purge.json").exists()
    assert (session.output / "STP_0004.tif").exists()


class TestAgain:
    """A purge that was cut short, or asked for more than the first time."""

    def cut_short(self, session: Session, monkeypatch: pytest.MonkeyPatch, **options: bool) -> None:
        """After the catalog was blanked."""
        with monkeypatch.context() as patch:
            patch.setattr(purge, "_remove_made", raises(OSError(5, "pulled")))
            with pytest.raises(Refused, match="purge again"):
                purged(session, **options)

    def test_originals_go_later_by_capture(self, finished: Finished, session: Session) -> None:
        report = purged(session)
        (names,) = (what for where, what in report.left.items() if "--originals" in where)
        assert names == ["STP_0003"]
        with pytest.raises(Refused, match="goes by capture: STP_0003"):
            purged(session, originals=True)
        with pytest.raises(Refused, match="nobody is named 'STP_0004'"):
            purged(session, "STP_0004", originals=True)
        report = purged(session, "STP_0001..STP_0004", originals=True)
        assert report.captures == 1 and not list(session.root.rglob("STP_0003*"))
        assert len(list(session.capture.rglob("STP_0004*"))) == 2
        assert entry_of(session, finished.portrait.id).reason.endswith("by anna, with its originals")
        assert containing(session.hidden, b"STP_0003") == []

    def test_the_vault_goes_later_by_id(self, finished: Finished, session: Session, tmp_path: Path) -> None:
        session = set_vault(session, tmp_path / "vault")
        shoots.work(session)
        purged(session, originals=True)
        report = purged(session, finished.portrait.id[:12], originals=True, vault=True)
        assert report.removed["copies in the vault"] >= 1
        assert not list((tmp_path / "vault" / "Capture").rglob("STP_0003*"))

    def test_what_was_purged_is_due_while_its_originals_are_here(self, session: Session) -> None:
        purged(session)
        assert ("", 1, ("STP_0003",)) in [(o.subject, o.captures, o.purged) for o in due_by(session, 31)]
        assert due_by(session, 29) == []
        purged(session, "STP_0003", originals=True)
        assert [one.purged for one in due_by(session, 31)] == [()]

    def test_with_more_asked_for_it_does_more(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.cut_short(session, monkeypatch)
        purged(session, originals=True)
        assert not list(session.root.rglob("STP_0003*"))

    def test_less_than_was_begun_is_refused(
        self, finished: Finished, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with shoots.opened(session) as catalog:
            consent.name_people(catalog, finished.entries["STP_0004"], [ADA, "Ben"])
        self.cut_short(session, monkeypatch, originals=True)
        with pytest.raises(Refused, match="without --keep-shared was cut short"):
            purged(session, keep_shared=True)
        purged(session)
        assert not list(session.capture.rglob("STP_000[34]*"))

    def test_widened_to_the_originals_it_looks_for_changed_files_first(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.cut_short(session, monkeypatch)
        (raw,) = session.capture.glob("STP_0003.DNG")
        os.utime(raw, (1e9, 1e9))
        with pytest.raises(Refused, match="has changed since"):
            purged(session, originals=True)
        assert raw.exists()

    def test_a_damaged_intent_leads_on(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cut_short(session, monkeypatch)
        (session.hidden / "purge.json").write_text('{"subject": "Ada')
        with pytest.raises(Refused, match="is damaged; remove it, and purge again"):
            purged(session)
        (session.hidden / "purge.json").unlink()
        purged(session, "STP_0003", originals=True)
        assert not list(session.root.rglob("STP_0003*"))

    def test_while_the_catalog_is_read_it_is_not_done(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("studio_pipeline.session.catalog._BUSY_TIMEOUT_S", 0.05)
        reader = sqlite3.connect(session.databases / "catalog.sqlite", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        with pytest.raises(TryAgain, match="close it, and try again"):
            purged(session)
        reader.close()
        purged(session)
        assert containing(session.hidden, ADA.encode()) == []


def test_captures_with_others_in_them_may_be_kept(finished: Finished, session: Session) -> None:
    nothing = Allowed(level=Level.NOTHING)
    with shoots.opened(session) as catalog:
        consent.say(catalog, consent.consented(ADA, nothing, "anna", "here", "test", shoots.NOW))
        consent.name_people(catalog, finished.entries["STP_0004"], [ADA, "Ben"])
    report = purged(session, keep_shared=True)
    assert report.captures == 1
    assert report.left["captures kept, that show others too"] == ["STP_0004"]
    assert report.left["words on consent"] == ["they count for the captures that are kept"]
    assert (session.output / "STP_0004.tif").exists()
    with shoots.opened(session) as catalog:
        kept = catalog.entry(finished.entries["STP_0004"].id)
        assert kept is not None and consent.of(catalog, kept).allowed == nothing
    purged(session)
    assert containing(session.hidden, ADA.encode()) == []


def test_who_is_in_no_frame_is_forgotten_too(session: Session) -> None:
    with shoots.opened(session) as catalog:
        consent.say(catalog, consent.consented("Ben", DEFAULT, "anna", "here", "test", shoots.NOW))
    report = purged(session, "Ben")
    assert report.captures == 0 and report.removed["log entries, blanked"] == 1
    assert containing(session.hidden, b'"Ben"') == []
    with shoots.opened(session) as catalog:
        consent.say(catalog, consent.consented("", DEFAULT, "anna", "here", "test", shoots.NOW))
    with pytest.raises(Refused, match="nobody is named ''"):
        purged(session, "")


def test_a_name_that_was_corrected_is_left_nowhere(finished: Finished, session: Session) -> None:
    other = finished.entries["STP_0004"].id
    with shoots.opened(session) as catalog:
        nothing = Allowed(level=Level.NOTHING)
        consent.say(catalog, consent.consented(ADA, nothing, "anna", "here", "test", shoots.NOW))
        shoots.decisions(session, catalog).revoke(other, "test", shoots.NOW)
        consent.name_people(catalog, finished.entries["STP_0004"], [ADA])
    shoots.work(session)
    assert containing(session.hidden, f"for {ADA}".encode()) == []
    with shoots.opened(session) as catalog:
        consent.name_people(catalog, entry_of(session, other), ["Ben"])
    purged(session)
    assert containing(session.hidden, ADA.encode()) == []


def test_what_was_delivered_goes_wherever_in_output_it_lies(session: Session) -> None:
    (session.output / "client").mkdir()
    (session.output / "STP_0003.tif").rename(session.output / "client" / "cover.tif")
    shutil.copy(session.output / "STP_0003.jpg", session.output / "client" / "web.jpg")
    report = purged(session)
    assert report.removed["deliverables"] == 3
    assert sorted(p.name for p in session.output.rglob("*.*")) == ["STP_0004.jpg", "STP_0004.tif"]


def test_what_is_not_found_is_named(session: Session, tmp_path: Path) -> None:
    (session.output / "STP_0003.tif").rename(tmp_path / "elsewhere.tif")
    report = purged(session)
    assert report.left["not found in Output, where it was delivered"] == ["Output/STP_0003.tif"]


def test_damaged_records_hide_nothing_and_are_named(finished: Finished, session: Session) -> None:
    (session.records / "conflict copy.json").write_text("{")
    for record in session.records.glob("*.json"):
        text = record.read_text()
        if finished.portrait.id in text:
            record.write_text(text[:-40])
    (session.records / f"{finished.portrait.delivered[0].sha256}.json").write_text("")
    report = purged(session)
    assert sorted(p.name for p in session.output.iterdir()) == ["STP_0004.jpg", "STP_0004.tif"]
    assert containing(session.records, finished.portrait.id.encode()) == []
    (unreadable,) = (what for where, what in report.left.items() if where.startswith("unreadable"))
    assert unreadable == [".studio/records/conflict copy.json"]
    with shoots.opened(session) as catalog:
        (other,) = (e for e in catalog.entries() if e.name == "STP_0004")
    originals = {member.sha256: member.path for member in other.members}
    verdict = verify.verify(session.output / "STP_0004.tif", session, originals)
    assert verdict.valid, verdict.reasons


def test_what_killed_runs_left_goes(finished: Finished, session: Session) -> None:
    records = [p for p in session.records.glob("*.json") if finished.portrait.id in p.read_text()]
    (session.records / f".{'0' * 64}.json-abcdef").write_bytes(records[0].read_bytes())
    (session.output / ".studio-0123456789abcdef.part").write_bytes(b"half a picture")
    for record in records:  # killed between what proves a deliverable and its record
        record.unlink()
    purged(session)
    assert containing(session.records, finished.portrait.id.encode()) == []
    assert sorted(p.name for p in session.output.iterdir()) == ["STP_0004.jpg", "STP_0004.tif"]
    named = "".join(p.read_text() for p in session.records.glob("*.json"))
    content = [p.name for p in session.records.iterdir() if p.suffix in (".png", ".changes")]
    assert content and all(name in named for name in content)


def test_a_file_that_changed_is_looked_at_first(finished: Finished, session: Session) -> None:
    sidecar = session.capture / "STP_0003.xmp"
    sidecar.write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    os.utime(sidecar, (1e9, 1e9))
    shoots.work(session)
    sidecar.write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'> </x:xmpmeta>")
    os.utime(sidecar, (1.1e9, 1.1e9))
    with pytest.raises(Refused, match=r"Capture/STP_0003.xmp has changed .* `studio run` first"):
        purged(session, originals=True)
    assert not (session.hidden / "purge.json").exists()
    shoots.work(session)
    purged(session, originals=True)
    assert not list(session.root.rglob("STP_0003*"))
    shoots.work(session)
    assert entry_of(session, finished.portrait.id).state is State.PURGED


def test_an_id_from_before_its_raw_came_is_forgotten_too(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "s", shoots.cleanup_preset())
    frame = next(one for one in shoots.frames() if one.jpeg)
    jpeg, raw = session.capture / "X.JPG", session.capture / "X.DNG"
    jpeg.write_bytes(frame.jpeg or b"")
    os.utime(jpeg, (1e9, 1e9))
    shoots.work(session)
    with shoots.opened(session) as catalog:
        (first,) = catalog.entries()
        consent.name_people(catalog, first, [ADA])
    raw.write_bytes(frame.dng)
    os.utime(raw, (1e9, 1e9))
    shoots.work(session)
    report = purged(session, originals=True)
    assert report.captures == 1
    with sqlite3.connect(session.databases / "catalog.sqlite") as connection:
        (left,) = connection.execute("SELECT count(*) FROM proposals").fetchone()
    connection.close()
    assert left == 0 and not (session.cache / first.id[:2] / first.id).exists()


def test_what_is_due_is_listed_and_never_removed(session: Session) -> None:
    with shoots.opened(session) as catalog:
        assert due(session, catalog.entries(), shoots.NOW + timedelta(days=9999)) == []
    assert due_by(session, 29) == []
    assert {(one.subject, one.captures) for one in due_by(session, 31)} == {(ADA, 1), ("", 3)}
    assert (session.output / "STP_0003.tif").exists()


def test_status_and_due_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = shoots.cleanup_preset().model_copy(update={"retention_days": 30})
    session = shoots.new_session(tmp_path / "s", preset)
    path = shoots.put(session, shoots.portrait())
    os.utime(path, (1e9, 1e9))
    shoots.work(session)
    assert call(["status", str(session.root)]) == 0
    assert "is due to be purged" not in capsys.readouterr().out
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr("studio_pipeline.pipeline.studio.utc_now", lambda: later)
    assert call(["status", str(session.root)]) == 0
    assert "is due to be purged: `studio due` lists it" in capsys.readouterr().out
    assert call(["due", str(session.root)]) == 0
    assert "nobody who was named: 1 captures, due since" in capsys.readouterr().out
    with shoots.opened(session) as catalog:
        consent.name_people(catalog, catalog.entries()[0], [ADA])
    purged(session)
    assert call(["due", str(session.root)]) == 0
    assert "their originals left (STP_0003): 1 captures, due since" in capsys.readouterr().out


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
        intended(session, catalog, "Ben")


def test_databases_that_a_moved_session_does_not_read_are_named(session: Session, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    for database in session.hidden.glob("*.sqlite*"):
        shutil.copy2(database, state)
    (session.hidden / "databases.json").write_text(json.dumps({"folder": str(state)}))
    report = purged(open_session(session.root))
    (named,) = [what for where, what in report.left.items() if "not read any more" in where]
    assert named == ["catalog.sqlite", "journal.sqlite"]
    assert containing(state, ADA.encode()) == []
