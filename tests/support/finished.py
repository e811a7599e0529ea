"""One shoot, carried the whole way once, for every test that only reads from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.records.entry import Entry
from studio_pipeline.session.folder import Session
from tests.support import shoots


@dataclass(frozen=True)
class Finished:
    session: Session
    entries: dict[str, Entry]
    captured_before: dict[str, str]

    @property
    def portrait(self) -> Entry:
        return self.entries["STP_0003"]

    def deliverable(self, recipe: str) -> Path:
        (one,) = [d for d in self.portrait.delivered if d.recipe == recipe]
        return self.session.root / one.path.decode()

    def originals(self) -> dict[str, bytes]:
        return {m.sha256: m.path for e in self.entries.values() for m in e.members}


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def carry_the_whole_way(root: Path) -> Finished:
    """Four frames taken in, developed, proposed, approved and delivered."""
    session = shoots.new_session(root)
    for frame in shoots.frames():
        shoots.put(session, frame)
        if frame.jpeg:
            (session.capture / f"{frame.name}.JPG").write_bytes(frame.jpeg)
    before = hashes(session.capture)
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
        studio.run()
        entries = {e.name: e for e in studio.catalog.entries()}
    return Finished(session, entries, before)
