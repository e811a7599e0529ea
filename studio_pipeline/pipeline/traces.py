"""What deliveries of a capture left behind: files in Output, their records, and what those name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio_pipeline.deliver import publish
from studio_pipeline.pipeline import proof
from studio_pipeline.records.base import Record
from studio_pipeline.records.capture import shown
from studio_pipeline.records.entry import Delivered
from studio_pipeline.session.folder import Session

_CONTENT = re.compile(r"[0-9a-f]{64}\.(?:zones\.png|matte\.png|changes)")


@dataclass
class Gone:
    """How many went, and what stays, a line each.

    ``changed_outside``: deliverables that are not as they were written. ``not_found``: those that stood in
    Output by the catalog, and are nowhere in it. ``unreadable``: records, and files in Output, that do not
    say whose they are.
    """

    deliverables: int = 0
    proofs: int = 0
    temporary: int = 0
    changed_outside: list[str] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class _FileName(Record):
    file_name: bytes


@dataclass(frozen=True)
class _Proof:
    """A record as it lies there. ``body``: empty where it cannot be read; ``text``: what is left of it."""

    path: Path
    text: str
    body: dict[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.body.get("file_sha256") or self.path.stem)

    @property
    def file(self) -> bytes | None:
        """The deliverable, relative to the session."""
        try:
            return b"Output/" + _FileName.model_validate({"file_name": self.body.get("file_name")}).file_name
        except ValueError:
            return None

    def is_of(self, ids: Collection[str], hashes: Collection[str]) -> bool:
        """By what it says; a damaged one by its name, or by an id in what can still be read."""
        if self.body:
            return self.body.get("capture_id") in ids
        return self.path.stem in hashes or any(one in self.text for one in ids)


def remove_deliveries(session: Session, ids: Collection[str], delivered: Collection[Delivered]) -> Gone:
    """Remove what was delivered of these captures, wherever in Output it lies, then what proves it.

    With it goes what killed runs left under temporary names, and content that no record names. A file that
    was changed outside stays, and its name stays noted, so that intake does not take it for an export. Once
    more finds nothing more. Raises OSError.
    """
    gone, named = Gone(), {one.sha256 for one in delivered}
    proofs = [_read(path) for path in sorted(session.records.glob("*.json"))]
    ours = [one for one in proofs if one.is_of(ids, named)]
    theirs = [one for one in proofs if not one.is_of(ids, named)]
    gone.unreadable += [f".studio/records/{one.path.name}" for one in theirs if not one.body]
    gone.temporary += publish.sweep(session.output)
    _remove_files(session, ours, theirs, delivered, gone)
    _remove_proofs(session.records, ours, theirs, gone)
    return gone


def _read(path: Path) -> _Proof:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        body = json.loads(text)["record"]
    except (ValueError, KeyError, TypeError):
        body = None
    return _Proof(path, text, body if isinstance(body, dict) else {})


def _remove_files(
    session: Session, ours: list[_Proof], theirs: list[_Proof], delivered: Collection[Delivered], gone: Gone
) -> None:
    others = {one.sha256 for one in theirs}
    written = {one.sha256 for one in ours}
    hashes = (written | {one.sha256 for one in delivered}) - others
    found = _lying(session, gone)
    for path, sha256 in found.items():
        if sha256 in hashes:
            (session.root / os.fsdecode(path)).unlink()
            proof.give_name_up(session.records, path)
            gone.deliverables += 1
    for path in {one.path for one in delivered} | {one.file for one in ours if one.file}:
        if path not in found:
            proof.give_name_up(session.records, path)
        elif found[path] not in hashes | others:
            gone.changed_outside.append(shown(path))
    gone.changed_outside.sort()
    gone.not_found = sorted(
        one.shown
        for one in delivered  # with its record: without, an earlier run removed both
        if one.path not in found and one.sha256 in written - set(found.values())
    )


def _lying(session: Session, gone: Gone) -> dict[bytes, str]:
    """Every file in Output and below with its hash: a client's folder may have been made there since."""
    found = {}
    for path in sorted(session.output.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = os.fsencode(path.relative_to(session.root).as_posix())
            try:
                with path.open("rb") as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except PermissionError:
                gone.unreadable.append(shown(name))
    return found


def _remove_proofs(records: Path, ours: list[_Proof], theirs: list[_Proof], gone: Gone) -> None:
    """Content first: which is theirs, their records say."""
    kept = {name for one in theirs for name in _CONTENT.findall(one.text)}
    content = {path.name for path in records.glob("*") if _CONTENT.fullmatch(path.name)}
    of_nobody = content - kept
    if any(not one.body for one in theirs):  # what is cut off may name some of it
        of_nobody &= {name for one in ours for name in _CONTENT.findall(one.text)}
        unsure = len(content - kept - of_nobody)
        gone.unreadable += [f"{unsure} zones and changes that no readable record names"] * bool(unsure)
    gone.proofs += _unlink(records / name for name in of_nobody)
    gone.proofs += _unlink(one.path for one in ours)
    gone.temporary += _unlink(path for path in records.glob(".*") if path.is_file())


def _unlink(paths: Iterable[Path]) -> int:
    paths = list(paths)
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
