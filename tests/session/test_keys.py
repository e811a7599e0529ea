"""The session's key: made once, for its owner alone, and never silently anew."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.session import keys


@pytest.fixture()
def hidden(tmp_path: Path) -> Path:
    keys.make(tmp_path)
    return tmp_path


def test_a_signature_holds_for_its_message_alone(hidden: Path) -> None:
    signature = keys.sign(hidden, b"message")
    assert len(signature) == 64
    assert keys.signed_by_session(hidden, b"message", signature)
    assert not keys.signed_by_session(hidden, b"massage", signature)
    assert not keys.signed_by_session(hidden, b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not keys.signed_by_session(hidden, b"message", b"")


def test_another_sessions_signature_does_not_hold(hidden: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    keys.make(other)
    assert not keys.signed_by_session(hidden, b"m", keys.sign(other, b"m"))


def test_a_key_is_never_replaced(hidden: Path) -> None:
    signature = keys.sign(hidden, b"m")
    keys.make(hidden)
    assert keys.sign(hidden, b"m") == signature
    assert keys.signed_by_session(hidden, b"m", signature)


def test_a_making_that_was_cut_off_between_the_two_is_repeated_whole(hidden: Path) -> None:
    (hidden / "session.key").unlink()
    keys.make(hidden)
    assert keys.signed_by_session(hidden, b"m", keys.sign(hidden, b"m"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode bits")
def test_only_its_owner_reads_the_private_key(hidden: Path) -> None:
    assert stat.S_IMODE((hidden / "session.key").stat().st_mode) == 0o600
    assert {p.name for p in hidden.iterdir()} == {"session.key", "session.pub"}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"short")])
def test_a_lost_key_is_named(hidden: Path, damage: object) -> None:
    assert callable(damage)
    signature = keys.sign(hidden, b"m")
    damage(hidden / "session.key")
    with pytest.raises(Refused, match=r"restore session\.key"):
        keys.sign(hidden, b"m")
    assert keys.signed_by_session(hidden, b"m", signature)
    damage(hidden / "session.pub")
    with pytest.raises(Refused, match="no usable public key"):
        keys.signed_by_session(hidden, b"m", signature)
