from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hot_folder.scanner import Listing, ListingFailed, look, scan
from tests.hot_folder.samples import Shoot, raw


def tree(session: Path, *names: str) -> bytes:
    for name in names:
        path = session / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return os.fsencode(session)


def listed(session: bytes, folder: bytes = b"Capture") -> dict[bytes, set[bytes]]:
    return {
        listing.folder: {found.path for found in listing.files}
        for listing in scan(session, folder)
        if isinstance(listing, Listing)
    }


def test_the_whole_tree_is_listed_without_what_is_ignored(tmp_path: Path) -> None:
    session = tree(
        tmp_path,
        "Capture/a.NEF",
        "Capture/day 1/b.NEF",
        "Capture/x.NEF/inside.NEF",
        "Capture/CaptureOne/Settings/a.cos",
        "Capture/.hidden/c.NEF",
        "Capture/@eaDir/d.NEF",
        "Capture/.a.NEF.Xy12ab",
        "Capture/tmpfileAb12Cd",
        "Capture/e.NEF.part",
    )
    assert listed(session) == {
        b"Capture": {b"Capture/a.NEF"},
        b"Capture/day 1": {b"Capture/day 1/b.NEF"},
        b"Capture/x.NEF": {b"Capture/x.NEF/inside.NEF"},
    }


def test_a_scan_and_a_look_agree(tmp_path: Path) -> None:
    session = tree(
        tmp_path, "Capture/a.NEF", "Capture/sub/b.NEF", "Capture/.c.NEF", "Capture/CaptureOne/d.NEF"
    )
    (tmp_path / "Capture/link.NEF").symlink_to("a.NEF")
    found = {
        f.path: f
        for listing in scan(session, b"Capture")
        if isinstance(listing, Listing)
        for f in listing.files
    }
    paths = [b"Capture/a.NEF", b"Capture/sub/b.NEF", b"Capture/.c.NEF", b"Capture/CaptureOne/d.NEF"]
    for path in [
        *paths,
        b"Capture/link.NEF",
        b"Capture/missing.NEF",
        b"Capture/a.NEF/below.NEF",
        b"Capture/sub",
    ]:
        assert look(session, path) == found.get(path)


def test_folders_that_are_watched_for_themselves_are_skipped(tmp_path: Path) -> None:
    session = tree(tmp_path, "Capture/a.NEF", "Capture/Trash/b.NEF")
    folders = [listing.folder for listing in scan(session, b"Capture", skip=frozenset({b"Capture/Trash"}))]
    assert folders == [b"Capture"]


class FaultyDisk:
    """os.scandir with a folder that fails, comes back empty, or holds a file that cannot be looked at."""

    def __init__(self, folder: bytes, fault: int | str) -> None:
        self.folder = folder
        self.fault = fault

    @contextmanager
    def __call__(self, path: bytes) -> Iterator[Iterator[os.DirEntry[bytes]]]:
        if not path.endswith(self.folder):
            with os.scandir(path) as entries:
                yield entries
        elif isinstance(self.fault, int):
            raise OSError(self.fault, os.strerror(self.fault))
        elif self.fault == "empty":
            yield iter(())
        else:
            with os.scandir(path) as entries:
                yield self._breaking_off(entries)

    def _breaking_off(self, entries: Iterator[os.DirEntry[bytes]]) -> Iterator[os.DirEntry[bytes]]:
        yield next(entries)
        raise OSError(errno.EIO, os.strerror(errno.EIO))


FAULTS = [errno.ESTALE, errno.EIO, errno.EACCES, errno.ENOENT, errno.ENOTCONN, "breaks off"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_listing_that_fails_is_said_so_and_the_rest_is_listed(tmp_path: Path, fault: int | str) -> None:
    session = tree(tmp_path, "Capture/a.NEF", "Capture/bad/b.NEF", "Capture/bad/c.NEF", "Capture/good/d.NEF")
    results = list(scan(session, b"Capture", scandir=FaultyDisk(b"bad", fault)))
    failed = [result for result in results if isinstance(result, ListingFailed)]
    assert [failure.folder for failure in failed] == [b"Capture/bad"]
    assert "check that its drive is connected" in failed[0].reason
    assert [r.folder for r in results if isinstance(r, Listing)] == [b"Capture", b"Capture/good"]


@pytest.mark.parametrize("fault", [*FAULTS, "empty"])
@pytest.mark.parametrize("folder", [b"Capture", b"Capture/bad"])
def test_a_faulty_listing_is_never_a_deletion(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch, folder: bytes, fault: int | str
) -> None:
    for seed, name in enumerate(("a.NEF", "bad/b.NEF", "bad/c.NEF", "good/d.NEF")):
        shoot.put(f"Capture/{name}", raw(seed))
    shoot.intake.step()
    known = shoot.journal.last_seq()
    from hot_folder import intake

    disk = FaultyDisk(folder, fault)
    with monkeypatch.context() as broken:
        broken.setattr(intake, "scan", partial(scan, scandir=disk))
        # The files are out of sight for lstat too, as on a drive that is gone.
        real_lstat = os.lstat
        broken.setattr(
            os, "lstat", lambda path: real_lstat(path + b".gone") if folder in path else real_lstat(path)
        )
        for _ in range(4):
            report = shoot.pass_time(60)
            assert any(problem.path == folder for problem in report.problems)
    shoot.pass_time(60)
    assert shoot.journal.last_seq() == known
