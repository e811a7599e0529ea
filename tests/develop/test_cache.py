"""Bases in a cache folder: the same after the round trip, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.develop import develop, load_frame, save_frame
from studio_pipeline.geometry import Extent, Point
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from tests.develop.scenes import studio
from tests.support.rawfiles import bayer_dng


@pytest.fixture
def made(tmp_path: Path) -> tuple[Frame, BaseRecord]:
    path = tmp_path / "frame.dng"
    path.write_bytes(bayer_dng(studio(Extent(97, 163)) * 2))
    return develop(path, Role.RAW, DevelopSettings(tone="neutral"), half=True)


def test_a_base_comes_back_as_it_was(tmp_path: Path, made: tuple[Frame, BaseRecord]) -> None:
    frame, record = made
    frame = Frame(frame.codes, frame.encoding, frame.clipped, Point(-3, 7), frame.scale)
    folder = tmp_path / "cache" / "base"
    save_frame(folder, frame, record)
    again, same = load_frame(folder)
    assert isinstance(again.codes, np.memmap) and not again.codes.flags.writeable
    assert frame.clipped.any()
    assert (again.codes == frame.codes).all() and (again.clipped == frame.clipped).all()
    assert again.codes.dtype == frame.codes.dtype
    assert (again.origin, again.scale, same) == (frame.origin, frame.scale, record)
    assert again.encoding.icc_profile == color.named("ProPhoto").icc_profile
    assert (again.linear() == frame.linear()).all()
    assert [p.name for p in folder.parent.iterdir()] == ["base"]


def test_saving_again_replaces(tmp_path: Path, made: tuple[Frame, BaseRecord]) -> None:
    frame, record = made
    folder = tmp_path / "base"
    folder.mkdir()
    for codes in (frame.codes, 65535 - frame.codes):
        save_frame(folder, Frame(codes, frame.encoding, frame.clipped, scale=frame.scale), record)
        assert (load_frame(folder)[0].codes == codes).all()
    assert {p.name for p in tmp_path.iterdir()} == {"frame.dng", "base"}


def test_what_is_not_whole_is_not_there(tmp_path: Path, made: tuple[Frame, BaseRecord]) -> None:
    folder = tmp_path / "base"
    with pytest.raises(FileNotFoundError):
        load_frame(folder)
    save_frame(folder, *made)
    for part in sorted(folder.iterdir()):
        whole = part.read_bytes()
        part.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FileNotFoundError, match="no whole base"):
            load_frame(folder)
        part.write_bytes(whole)
    load_frame(folder)


def test_a_failed_write_leaves_nothing(
    tmp_path: Path, made: tuple[Frame, BaseRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "packbits", full)
    with pytest.raises(OSError, match="disk full"):
        save_frame(tmp_path / "cache" / "base", *made)
    assert list((tmp_path / "cache").iterdir()) == []
