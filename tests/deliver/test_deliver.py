import errno
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from hot_folder import durable
from studio_pipeline import deliver
from studio_pipeline.deliver import FORMATS, naming, publish
from studio_pipeline.deliver.base import Format, pixels_sha256
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pixels import color
from studio_pipeline.records.preset import OutputRecipe

CAPTURE = "0123456789abcdef" * 4
ENCODING = color.named("ProPhoto")
CODES: NDArray[np.uint16] = np.random.default_rng(3).integers(0, 65536, (40, 30, 3), np.uint16)

names_are_bytes = pytest.mark.skipif(
    sys.platform in ("darwin", "win32"), reason="this system's file names are text"
)


def recipe(**changes: Any) -> OutputRecipe:
    return OutputRecipe.model_validate({"name": "master", "format": "tiff16", **changes})


def run(
    output: Path, member: bytes = b"Capture/DSC_0001.NEF", out: OutputRecipe | None = None, **more: Any
) -> Any:
    told = deliver.Metadata()
    more.setdefault("capture_id", CAPTURE)
    return deliver.deliver(
        output, more.pop("codes", CODES), ENCODING, out or recipe(), told, member_path=member, **more
    )


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_deliverable_appears_under_its_name_with_its_hashes(tmp_path: Path) -> None:
    done = run(tmp_path, out=recipe(folder="masters", suffix="_master"))
    path = tmp_path / "masters" / "DSC_0001_master.tif"
    assert done.path == b"masters/DSC_0001_master.tif"
    assert files(tmp_path) == {"masters/DSC_0001_master.tif"}
    assert hashlib.sha256(path.read_bytes()).hexdigest() == done.file_sha256
    assert pixels_sha256(tifffile.imread(path)) == done.pixels_sha256 == pixels_sha256(CODES)


def test_a_memory_map_is_delivered_as_the_array_is(tmp_path: Path) -> None:
    np.save(tmp_path / "master.npy", CODES)
    mapped = np.load(tmp_path / "master.npy", mmap_mode="r")
    assert run(tmp_path / "a", codes=mapped).file_sha256 == run(tmp_path / "b").file_sha256


def test_a_jpegs_hash_is_that_of_its_decoded_pixels(tmp_path: Path) -> None:
    out = recipe(format="jpeg", space="sRGB", long_edge_px=20)
    done = run(tmp_path, out=out)
    assert done.pixels_sha256 == pixels_sha256(deliver.expected_codes(CODES, ENCODING, out))


def test_names_that_are_taken_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "DSC_0001.tif").write_bytes(b"someone's")
    done = [run(tmp_path).path for _ in range(3)]
    assert done == [b"DSC_0001-01234567.tif", b"DSC_0001-01234567-2.tif", b"DSC_0001-01234567-3.tif"]
    assert (tmp_path / "DSC_0001.tif").read_bytes() == b"someone's"


def test_only_a_file_of_our_own_is_replaced(tmp_path: Path) -> None:
    first = run(tmp_path)
    second = run(tmp_path, codes=CODES[::-1], replaces_sha256=first.file_sha256)
    assert second.path == first.path
    assert second.pixels_sha256 != first.pixels_sha256
    (tmp_path / "DSC_0001.tif").write_bytes(b"retouched further by hand")
    third = run(tmp_path, replaces_sha256=second.file_sha256)
    assert third.path == b"DSC_0001-01234567.tif"
    assert (tmp_path / "DSC_0001.tif").read_bytes() == b"retouched further by hand"


@names_are_bytes
def test_a_name_that_is_not_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    done = run(tmp_path, member=b"Capture/caf\xe9 \xf0\x9f\x93\xb7.dng")
    assert done.path == b"caf\xe9 \xf0\x9f\x93\xb7.tif"
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [done.path]


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (b"Capture/a.b.CR3", b"a.b.tif"),
        (b"x.dng", b"x.tif"),
        (b"Capture/deep/er/.hidden", b".hidden.tif"),
    ],
)
def test_stems(member: bytes, expected: bytes) -> None:
    assert next(naming.candidates(member, CAPTURE, recipe(), "tif")) == expected


@pytest.mark.parametrize("step", ["write", "fsync", "publish"])
@pytest.mark.parametrize("form", list(FORMATS))
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, form: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "write":
        real = FORMATS[form]

        def half(file: Any, *_: Any) -> None:
            file.write(b"half of it")
            file.flush()
            full()

        monkeypatch.setitem(
            FORMATS, form, Format(real.key, real.extension, real.bits, real.lossless, half, real.read)
        )
    else:
        monkeypatch.setattr(durable, {"fsync": "sync", "publish": "rename_without_replacing"}[step], full)
    with pytest.raises(TryAgain, match="make room"):
        run(tmp_path, out=recipe(format=form))
    assert files(tmp_path) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full's like: a size limit on the process")
def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(Refused, match="cannot write"):
            run(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert files(tmp_path) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows renames without replacing by itself")
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_filesystems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_links)
    assert run(tmp_path).path == b"DSC_0001.tif"
    assert run(tmp_path).path == b"DSC_0001-01234567.tif"
    assert np.array_equal(tifffile.imread(tmp_path / "DSC_0001.tif"), CODES)
    monkeypatch.setattr(os, "replace", no_links)
    with pytest.raises((TryAgain, Refused)):
        run(tmp_path, member=b"other.dng")
    assert files(tmp_path) == {"DSC_0001.tif", "DSC_0001-01234567.tif"}


def test_a_folder_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "web").write_bytes(b"")
    with pytest.raises((Refused, TryAgain), match=r"cannot write into .*web"):
        run(tmp_path, out=recipe(folder="web/small"))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="name's length"):
        run(tmp_path, member=b"x" * 254 + b".dng")
    assert files(tmp_path) == set()


def test_a_drive_that_returns_other_pixels_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FORMATS["tiff16"]
    lying = Format(
        real.key, real.extension, 16, True, real.write, lambda file: real.read(file) ^ np.uint16(1)
    )
    monkeypatch.setitem(FORMATS, "tiff16", lying)
    with pytest.raises(TryAgain, match="other pixels"):
        run(tmp_path)
    assert files(tmp_path) == set()


def test_a_killed_runs_parts_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".studio-00.part", "DSC_0001.tif", "other.part", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    assert publish.sweep(tmp_path) == 1
    assert files(tmp_path) == {"DSC_0001.tif", "other.part", ".hidden"}
    assert publish.sweep(tmp_path / "missing") == 0
