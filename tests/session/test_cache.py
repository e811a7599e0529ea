"""The cache: whole or not at all, and rebuilt when it is damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.errors import TryAgain
from studio_pipeline.geometry import Extent
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.session import cache
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.subject.reading import Reading

ID = "ab" + "0" * 62


def reading() -> Reading:
    rng = np.random.default_rng(3)
    record = SubjectRecord(
        extent=Extent(40, 60), kind="portrait", sure=True, reason="", faces=(), fractions={},
        zones_sha256="z", versions={},
    )  # fmt: skip
    zones = rng.integers(0, 4, (40, 60), np.uint8)
    return Reading(record, zones, rng.random((20, 30)) > 0.5, rng.integers(0, 256, (20, 30), np.uint8))


def test_a_capture_has_a_folder_of_its_own(tmp_path: Path) -> None:
    products = CaptureCache(tmp_path, ID)
    assert products.folder == tmp_path / "ab" / ID
    key = "1234567890abcdef" * 4
    places = {
        products.preview, products.proposed(key), products.reading(key), products.base(key, half=True),
        products.base(key, half=False), products.scratch(), products.scratch(),
    }  # fmt: skip
    assert len(places) == 7
    assert {place.parent for place in places} == {products.folder}


def test_a_reading_comes_back_as_it_was(tmp_path: Path) -> None:
    kept, folder = reading(), tmp_path / "reading"
    cache.save_reading(folder, kept)
    again = cache.load_reading(folder)
    assert again.record == kept.record
    for name in ("zones", "backdrop", "matte"):
        np.testing.assert_array_equal(getattr(again, name), getattr(kept, name))
        assert getattr(again, name).dtype == getattr(kept, name).dtype


def test_a_reading_that_is_not_there_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.load_reading(tmp_path / "reading")


@pytest.mark.parametrize("name", ["subject.json", "zones.npy", "plan.npz"])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: bytes(len(data)), lambda data: data[:-30]])
def test_what_a_power_cut_left_is_made_again(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path / "reading"
    cache.save_reading(folder, reading())
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(TryAgain, match="was damaged, and is made again"):
        cache.load_reading(folder)
    assert not folder.exists()


def test_a_filled_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "ab" / "product"
    with pytest.raises(ZeroDivisionError), cache.filled(folder) as temp:
        (temp / "half").touch()
        raise ZeroDivisionError
    assert list(folder.parent.iterdir()) == []
    with cache.filled(folder) as temp:
        (temp / "all").touch()
        assert not folder.exists()
    assert [p.name for p in folder.iterdir()] == ["all"]
    assert list(folder.parent.iterdir()) == [folder]


def test_of_two_that_fill_one_folder_the_first_stays(tmp_path: Path) -> None:
    folder = tmp_path / "product"
    with cache.filled(folder) as slower:
        with cache.filled(folder) as quicker:
            (quicker / "x").write_text("first")
        (slower / "x").write_text("second")
    assert (folder / "x").read_text() == "first"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "preview.jpg"
    cache.write_file(path, b"one")
    cache.write_file(path, b"two")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):
        patch.setattr(Path, "replace", _full)
        cache.write_file(path, b"three")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def _full(path: Path, target: Path) -> None:
    raise OSError(28, "the disk is full")


def test_trimming_takes_the_bases_used_longest_ago_and_nothing_else(tmp_path: Path) -> None:
    key = "k" * 16
    for age, name in enumerate(["aa1", "bb2", "cc3", "dd4"]):
        products = CaptureCache(tmp_path, name)
        cache.write_file(products.preview, bytes(500))
        for half in (True, False):
            folder = products.base(key, half=half)
            folder.mkdir(parents=True)
            (folder / "codes").write_bytes(bytes(100))
            os.utime(folder, (1000 - age, 1000 - age))
    cache.touch(CaptureCache(tmp_path, "dd4").base(key, half=False))
    freed = cache.trim(tmp_path, 150, frozenset({"cc3"}))
    left = {p.parent.name for p in tmp_path.glob("??/*/base-*-full")}
    assert freed == 200
    assert left == {"cc3", "dd4"}
    assert len(list(tmp_path.glob("??/*/base-*-half"))) == len(list(tmp_path.glob("??/*/preview.jpg"))) == 4
    assert CaptureCache(tmp_path, "aa1").size_bytes() == 600


def test_sweeping_takes_what_has_a_temporary_name_and_nothing_else(tmp_path: Path) -> None:
    products = CaptureCache(tmp_path, ID)
    cache.write_file(products.preview, b"x")
    products.scratch().write_bytes(b"x")
    (products.folder / ".reading-1-2").mkdir()
    cache.sweep(tmp_path)
    assert list(products.folder.iterdir()) == [products.preview]
