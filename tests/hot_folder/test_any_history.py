"""Whatever happens in a session's folders: once it is quiet, the journal knows what is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hot_folder import EventKind, FileState
from tests.hot_folder.samples import Shoot, raw, tiff, xmp

NAMES = ["a.NEF", "a.NEF", "a.DNG", "a.tif", "a 1.tif", "a.xmp", "b.NEF", "clip.mov"]
folders = st.sampled_from(["Capture", "Capture/sub", "Trash"])
names = st.sampled_from(NAMES)
numbers = st.integers(0, 10**6)


def content(name: str, seed: int) -> bytes:
    taken = ("", "2024-05-01T12:00:00", "2024-05-01T12:00:05")[seed % 3]

    ending = name.rpartition(".")[2]
    if ending in ("NEF", "DNG"):
        whole = raw(seed, taken=taken)
        return whole[:-9] if seed % 5 == 0 else whole
    return {"tif": tiff, "xmp": xmp}.get(ending, lambda seed: b"moving")(seed)


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.shoot = Shoot(Path(self.folder) / "session")
        for name in ("Capture", "Capture/sub", "Selects", "Trash"):
            self.shoot.put(f"{name}/.keep", b"")  # so that no folder is ever empty, which would be suspicious

    def teardown(self) -> None:
        try:
            self.a_quiet_session_is_fully_accounted_for()
        finally:
            self._close()

    def _close(self) -> None:
        self.shoot.journal.close()
        shutil.rmtree(self.folder)

    def files(self) -> list[Path]:
        return sorted(p for p in self.shoot.session.glob("*/**/*") if p.is_file() and p.name != ".keep")

    def pick(self, number: int) -> Path | None:
        files = self.files()
        return files[number % len(files)] if files else None

    @rule(folder=folders, name=names, seed=st.integers(1, 6))
    def land(self, folder: str, name: str, seed: int) -> None:
        self.shoot.put(f"{folder}/{name}", content(name, seed))

    @rule(folder=folders, number=numbers)
    def move(self, folder: str, number: int) -> None:
        path = self.pick(number)
        if path is not None:
            path.replace(self.shoot.session / folder / path.name)

    @rule(name=names, number=numbers)
    def rename(self, name: str, number: int) -> None:
        path = self.pick(number)
        if path is not None:
            path.replace(path.with_name(name).with_suffix(path.suffix))

    @rule(folder=folders, number=numbers)
    def copy(self, folder: str, number: int) -> None:
        path = self.pick(number)
        target = self.shoot.session / folder / path.name if path is not None else None
        if path is not None and target is not None and target != path:
            shutil.copy2(path, target)

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        path = self.pick(number)
        if path is not None:
            path.unlink()

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def look(self, seconds: float) -> None:
        self.shoot.pass_time(seconds)

    @rule()
    def restart(self) -> None:
        self.shoot.start()

    @rule()
    def a_quiet_session_is_fully_accounted_for(self) -> None:
        for _ in range(4):
            self.shoot.pass_time(10)
        quiet = self.shoot.journal.last_seq()
        assert not self.shoot.pass_time(10).events
        assert self.shoot.journal.last_seq() == quiet
        on_disk = {os.fsencode(p.relative_to(self.shoot.session)): p.read_bytes() for p in self.files()}
        rows = [row for row in self.shoot.journal.live_files() if row.state is not FileState.VANISHED]
        assert sorted(row.path for row in rows) == sorted(on_disk)
        for row in rows:
            if row.state in (FileState.PRESENT, FileState.DUPLICATE):
                assert row.sha256 == hashlib.sha256(on_disk[row.path]).digest()
                assert row.group_id is not None
        originals = [row.sha256 for row in rows if row.state is FileState.PRESENT and row.path[-3:] != b"xmp"]
        assert len(originals) == len(set(originals)), "the same bytes were taken in twice"

    @invariant()
    def replaying_the_events_gives_the_same_table(self) -> None:
        table: dict[int, tuple[object, ...]] = {}
        for event in self.shoot.journal.events(limit=100_000):
            table[event.file_id] = (event.state, event.place, event.path, event.group_id, event.sha256)
            if event.kind is EventKind.CHANGED and event.supersedes is not None:
                table.pop(event.supersedes)
        replayed = {file_id: said for file_id, said in table.items() if said[0] is not FileState.REPLACED}
        rows = self.shoot.journal.live_files()
        assert replayed == {
            row.id: (row.state, row.place, row.path, row.group_id, row.sha256) for row in rows
        }


AnyHistory.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
TestAnyHistory = AnyHistory.TestCase
