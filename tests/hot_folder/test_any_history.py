"""Whatever happens in a session's folders: once it is quiet, the journal knows what is there.

The reference is a plain table of what bytes lie where, and the set of all that were ever seen whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hot_folder import EventKind, FileRow, FileState
from tests.hot_folder.samples import Shoot, raw, stamp, tiff, xmp

NAMES = ["a.NEF", "a.NEF", "a.DNG", "a.tif", "a 1.tif", "a.xmp", "b.NEF", "clip.mov"]
FOLDERS = ["Capture", "Capture/sub", "Trash"]
folders = st.sampled_from(FOLDERS)
names = st.sampled_from(NAMES)
numbers = st.integers(0, 10**6)


def content(name: str, seed: int) -> bytes:
    taken = ("", "2024-05-01T12:00:00", "2024-05-01T12:00:05")[seed % 3]
    ending = name.rpartition(".")[2].lower()
    if ending in ("nef", "dng"):
        whole = raw(seed, taken=taken)
        return whole[:-9] if seed % 5 == 0 else whole
    return {"tif": tiff, "xmp": xmp}.get(ending, lambda seed: b"moving")(seed)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


WHOLE = {
    sha256(content(name, seed))
    for name in NAMES
    for seed in range(1, 7)
    if seed % 5 or name.endswith(("tif", "xmp"))
}


def is_whole(path: Path, data: bytes) -> bool:
    """A picture or sidecar, of which nothing is missing."""
    return path.suffix.lower() != ".mov" and sha256(data) in WHOLE


class Died(BaseException):
    """The process ended: nothing that came after was done."""


class Dying:
    """A connection whose process ends before a statement; what was not committed by then never was."""

    def __init__(self, connection: Any, statements: int) -> None:
        self._connection, self._left = connection, statements

    def execute(self, sql: str, *values: Any) -> Any:
        self._left -= 1
        if self._left >= 0:
            return self._connection.execute(sql, *values)
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        raise Died

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.shoot = Shoot(Path(self.folder) / "session")
        self.lying: dict[Path, bytes] = {}
        self.arriving: dict[Path, bytes] = {}
        """What is still to be written of files that come slowly."""
        self.seen_whole: set[bytes] = set()
        for name in (*FOLDERS, "Selects"):
            self.shoot.put(f"{name}/.keep", b"")  # so that no folder is ever empty, which would be suspicious

    def teardown(self) -> None:
        try:
            self.a_quiet_session_is_fully_accounted_for()
        finally:
            self.shoot.journal.close()
            shutil.rmtree(self.folder)

    # What people, cameras and programs do

    @rule(folder=folders, name=names, seed=st.integers(1, 6))
    def land(self, folder: str, name: str, seed: int) -> None:
        """Perhaps over another."""
        self._write(Path(folder, name), content(name, seed))

    @rule(folder=folders, name=names, seed=st.integers(1, 6))
    def land_under_another_name_first(self, folder: str, name: str, seed: int) -> None:
        self.shoot.put(f"{folder}/.{name}.part", content(name, seed))
        (self.shoot.session / folder / f".{name}.part").replace(self.shoot.session / folder / name)
        self._lies(Path(folder, name), content(name, seed))

    @rule(folder=folders, name=names, seed=st.integers(1, 6), pieces=st.integers(2, 4))
    def begin_to_arrive(self, folder: str, name: str, seed: int, pieces: int) -> None:
        data = content(name, seed)
        length = -(-len(data) // pieces)
        self._write(Path(folder, name), data[:length], age_s=0)
        self.arriving[Path(folder, name)] = data[length:]

    @rule(number=numbers, length=st.sampled_from([40, 700, 10**6]))
    def go_on_arriving(self, number: int, length: int) -> None:
        if not self.arriving:
            return
        path = sorted(self.arriving)[number % len(self.arriving)]
        rest = self.arriving.pop(path)
        data = self.lying[path] + rest[:length]
        with (self.shoot.session / path).open("ab") as file:
            file.write(rest[:length])
        stamp(self.shoot.session / path)
        self._lies(path, data)
        if rest[length:]:
            self.arriving[path] = rest[length:]

    @rule(folder=folders, number=numbers)
    def move(self, folder: str, number: int) -> None:
        path = self._pick(number)
        if path is not None:
            self._rename(path, Path(folder, path.name))

    @rule(name=names, number=numbers)
    def rename(self, name: str, number: int) -> None:
        path = self._pick(number)
        if path is not None:
            self._rename(path, path.with_name(name).with_suffix(path.suffix))

    @rule(number=numbers)
    def rename_to_other_case(self, number: int) -> None:
        path = self._pick(number)
        if path is not None:
            self._rename(path, path.with_name(path.name.swapcase()))

    @rule(folder=folders, number=numbers)
    def copy(self, folder: str, number: int) -> None:
        path = self._pick(number)
        target = Path(folder, path.name) if path is not None else None
        if path is not None and target is not None and target != path:
            shutil.copy2(self.shoot.session / path, self.shoot.session / target)
            self._lies(target, self.lying[path])

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        path = self._pick(number)
        if path is not None:
            (self.shoot.session / path).unlink()
            self._gone(path)

    # What ingest lives through

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def look(self, seconds: float) -> None:
        self.shoot.pass_time(seconds)

    @rule()
    def restart(self) -> None:
        self.shoot.start()

    @rule(statements=st.integers(0, 40))
    def die_at_a_statement_of_the_journal(self, statements: int) -> None:
        self.shoot.journal._connection = Dying(self.shoot.journal._connection, statements)
        with contextlib.suppress(Died):
            self.shoot.pass_time(3)
        self.shoot.journal.close()
        self.shoot.open()
        self.shoot.start()

    @rule(by_s=st.sampled_from([-86_400.0, -90.0, -1.0, 3600.0]))
    def set_the_clock(self, by_s: float) -> None:
        self.shoot.clock_off_s += by_s

    @rule(stand_in=st.booleans())
    def unplug_the_drive_for_a_while(self, stand_in: bool) -> None:
        self._settle()
        capture, away = self.shoot.session / "Capture", self.shoot.session / "unplugged"
        capture.rename(away)
        if stand_in:
            capture.mkdir()
        before = self.shoot.journal.last_seq()
        is_known = any(path.parts[0] == "Capture" for path in self.lying)
        for _ in range(3):
            problems = self.shoot.pass_time(60).problems
            assert any(problem.path == b"Capture" for problem in problems) or not (is_known and stand_in)
        said = [event for event in self.shoot.journal.events(before) if event.path.startswith(b"Capture/")]
        assert said == [], "a drive that is not there says nothing about its files"
        if stand_in:
            capture.rmdir()
        away.rename(capture)

    # What must hold

    @rule()
    def a_quiet_session_is_fully_accounted_for(self) -> None:
        while self.arriving:
            self.go_on_arriving(0, 10**6)
        self._settle()
        quiet = self.shoot.journal.last_seq()
        assert not self.shoot.pass_time(10).events
        assert self.shoot.journal.last_seq() == quiet
        self._the_folders_are_as_they_were_left()
        rows = [row for row in self.shoot.journal.live_files() if row.state is not FileState.VANISHED]
        assert sorted(os.fsdecode(row.path) for row in rows) == sorted(map(Path.as_posix, self.lying))
        for row in rows:
            self._is_known_for_what_it_is(row, self.lying[Path(os.fsdecode(row.path))])
        originals = [row.sha256 for row in rows if row.state is FileState.PRESENT and row.role != "sidecar"]
        assert len(originals) == len(set(originals)), "the same bytes were taken in twice"
        self.seen_whole |= {sha256(data) for path, data in self.lying.items() if is_whole(path, data)}
        assert all(map(self.shoot.journal.with_bytes, self.seen_whole)), "what was seen whole is forgotten"

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

    def _the_folders_are_as_they_were_left(self) -> None:
        files = [
            path for path in self.shoot.session.glob("*/**/*") if path.is_file() and path.name != ".keep"
        ]
        assert {path.relative_to(self.shoot.session): path.read_bytes() for path in files} == self.lying

    def _is_known_for_what_it_is(self, row: FileRow, data: bytes) -> None:
        if not is_whole(Path(os.fsdecode(row.path)), data):
            assert row.state in (FileState.QUARANTINED, FileState.UNSUPPORTED)
            return
        assert row.state in (FileState.PRESENT, FileState.DUPLICATE)
        assert row.sha256 == sha256(data)
        assert row.group_id is not None

    # The table

    def _pick(self, number: int) -> Path | None:
        paths = sorted(self.lying)
        return paths[number % len(paths)] if paths else None

    def _write(self, path: Path, data: bytes, *, age_s: float = 60.0) -> None:
        self.shoot.put(path.as_posix(), data, age_s=age_s)
        self._lies(path, data)

    def _rename(self, path: Path, new_path: Path) -> None:
        (self.shoot.session / path).replace(self.shoot.session / new_path)
        data, rest = self.lying[path], self.arriving.get(path)
        self._gone(path)
        self._lies(new_path, data)
        if rest:
            self.arriving[new_path] = rest

    def _lies(self, path: Path, data: bytes) -> None:
        self.lying[path] = data
        self.arriving.pop(path, None)

    def _gone(self, path: Path) -> None:
        del self.lying[path]
        self.arriving.pop(path, None)

    def _settle(self) -> None:
        for _ in range(4):
            self.shoot.pass_time(10)


AnyHistory.TestCase.settings = settings(max_examples=250, stateful_step_count=25, deadline=None)
TestAnyHistory = AnyHistory.TestCase
