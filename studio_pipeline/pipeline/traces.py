"""What deliveries of a capture left behind: files in Output, their records, and what those name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio_pipeline.pipeline import proof
from studio_pipeline.records.base import Record
from studio_pipeline.records.capture import shown
from studio_pipeline.session.folder import Session

_NAMED = ("zones_file", "matte_file", "changes_file")


@dataclass
class Gone:
    """``changed_outside``: deliverables that are not as they were written, which stay."""

    deliverables: int = 0
    proofs: int = 0
    changed_outside: list[str] = field(default_factory=list)


class _FileName(Record):
    file_name: bytes


def remove_deliveries(session: Session, ids: Collection[str]) -> Gone:
    """Remove what was delivered of these captures, then what proves it. Once more finds nothing more.

    A file that was changed outside stays, and its name stays noted, so that intake does not take it for an
    export. Raises OSError.
    """
    gone, records = Gone(), {path: _body(path) for path in session.records.glob("*.json")}
    ours = {path: body for path, body in records.items() if body.get("capture_id") in ids}
    kept = {body.get(name) for path, body in records.items() if path not in ours for name in _NAMED}
    outside = []
    for path, body in ours.items():
        file_name = _FileName.model_validate({"file_name": body["file_name"]}).file_name
        outside.append(_remove_file(session, file_name, str(body["file_sha256"]), gone))
        for name in {str(body.get(one, "")) for one in _NAMED} - kept - {""}:
            gone.proofs += _unlink(session.records / name)
        gone.proofs += _unlink(path)
    gone.changed_outside = sorted({name for name in outside if name})
    return gone


def _body(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))["record"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _remove_file(session: Session, file_name: bytes, sha256: str, gone: Gone) -> str:
    """Its name where it stays; "" where it is gone."""
    path = session.output / os.fsdecode(file_name)
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return shown(b"Output/" + file_name)
        path.unlink()
        gone.deliverables += 1
    except FileNotFoundError:
        pass
    proof.give_name_up(session.records, b"Output/" + file_name)
    return ""


def _unlink(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    return 1
