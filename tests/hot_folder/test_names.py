from __future__ import annotations

import pytest

from hot_folder.names import (
    described_name,
    is_export_folder,
    is_ignored_file,
    is_ignored_folder,
    reexport_base_of,
    role_of,
    stem_of,
)
from hot_folder.records import Role


@pytest.mark.parametrize(
    "name",
    [
        b"tmpfileA1b2C3",
        b".IMG_0001.CR3.x7Tq2a",
        b"IMG_0001.CR3.part",
        b"IMG_0001.CR3.tmp",
        b"IMG_0001.CR3.crdownload",
        b"~IMG_0001.CR3",
        b"._IMG_0001.CR3",
        b"Thumbs.db",
    ],
)
def test_unfinished_and_system_files_are_ignored(name: bytes) -> None:
    assert is_ignored_file(name)


@pytest.mark.parametrize(
    "name", [b"IMG_0001.CR3", b"tmpfile.jpg", b"tmpfileABCDEFG", b"part.NEF", b"\xff\xfe.NEF"]
)
def test_pictures_are_not_ignored(name: bytes) -> None:
    assert not is_ignored_file(name)


@pytest.mark.parametrize(
    "name",
    [
        b"CaptureOne",
        b"captureone",
        b".Trashes",
        b"@eaDir",
        b"$RECYCLE.BIN",
        b"System Volume Information",
        b"__MACOSX",
    ],
)
def test_host_and_system_folders_are_ignored(name: bytes) -> None:
    assert is_ignored_folder(name)
    assert not is_ignored_folder(b"x" + name.lstrip(b"."))


@pytest.mark.parametrize(
    ("name", "role", "stem"),
    [
        (b"IMG_0001.CR3", Role.RAW, b"IMG_0001"),
        (b"IMG_0001.cr3", Role.RAW, b"IMG_0001"),
        (b"IMG_0001.xmp", Role.SIDECAR, b"IMG_0001"),
        (b"IMG_0001.CR3.xmp", Role.SIDECAR, b"IMG_0001"),
        (b"take.2.xmp", Role.SIDECAR, b"take.2"),
        (b"a.b.tif", Role.TIFF, b"a.b"),
        (b"clip.mov", Role.OTHER, b"clip"),
        (b"noending", Role.OTHER, b"noending"),
        (b".NEF", Role.OTHER, b".NEF"),
        (b"\xff\x00.jpeg", Role.JPEG, b"\xff\x00"),
    ],
)
def test_role_and_stem(name: bytes, role: Role, stem: bytes) -> None:
    assert (role_of(name), stem_of(name)) == (role, stem)


def test_a_sidecar_may_name_one_file() -> None:
    assert described_name(b"IMG_0001.CR3.xmp") == b"IMG_0001.CR3"
    assert described_name(b"IMG_0001.xmp") is None
    assert described_name(b"take.2.xmp") is None


@pytest.mark.parametrize(
    "name",
    [
        b"IMG_0001 1.tif",
        b"IMG_0001 12.jpg",
        b"IMG_0001-2.tif",
        b"IMG_0001-Edit.tif",
        b"IMG_0001-Edit-2.tif",
        b"IMG_0001 copy.tif",
        b"IMG_0001 (1).tif",
    ],
)
def test_numbered_reexports(name: bytes) -> None:
    assert reexport_base_of(name) == b"IMG_0001"


@pytest.mark.parametrize("name", [b"IMG_0001.tif", b"IMG_0001 1.CR3", b"DSC_0002.tif", b"2024-0612.jpg"])
def test_other_names_are_no_reexports(name: bytes) -> None:
    assert reexport_base_of(name) is None


def test_export_folders_are_known_by_name() -> None:
    assert all(map(is_export_folder, [b"Output", b"EXPORT", b"tiffs", b"Exports 2024", b"retouch"]))
    assert not any(map(is_export_folder, [b"BodyB", b"outputter", b"day 1"]))
