"""Looking a vault through: every damage is named, and a whole vault is called whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hot_folder import checking
from hot_folder.checking import Checked, Kind, check
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, keep_all
from tests.hot_folder.samples import Shoot


@pytest.fixture
def filled(shoot: Shoot, drive: Drive) -> Drive:
    """Three frames and their settings, of two runs."""
    for seed in (1, 2, 3):
        shoot.put(f"Capture/day 1/{seed}.NEF", samples.raw(seed))
    shoot.put("Capture/CaptureOne/Settings/1.cos", b"v1")
    keep_all(shoot, drive.vault)
    shoot.put("Capture/CaptureOne/Settings/1.cos", b"version two")
    keep_all(shoot, drive.vault)
    return drive


def findings(checked: Checked) -> list[tuple[str, str]]:
    return [(one.kind.value, one.path.decode()) for one in checked.findings]


def test_a_whole_vault_is_counted_and_nothing_is_found(filled: Drive) -> None:
    told: list[tuple[int, int]] = []
    checked = check(filled.vault, lambda done, of: told.append((done, of)))
    size = sum(map(len, filled.files().values()))
    assert checked == Checked(files=5, size=size, generations=2, findings=())
    assert told == [(number, 5) for number in range(5)]


def test_an_empty_vault_is_whole(drive: Drive) -> None:
    assert check(drive.vault) == Checked(0, 0, 0, ())


def test_each_damage_is_named_once(filled: Drive) -> None:
    day = filled.root / "Capture/day 1"
    (day / "1.NEF").unlink()
    (day / "2.NEF").write_bytes(samples.raw(9))
    (day / "3.NEF").write_bytes(samples.raw(3)[:99])
    (day / "new.NEF").write_bytes(samples.raw(4))
    checked = check(filled.vault)
    assert findings(checked) == [
        ("changed", "Capture/day 1/2.NEF"),
        ("changed", "Capture/day 1/3.NEF"),
        ("missing", "Capture/day 1/1.NEF"),
        ("extra", "Capture/day 1/new.NEF"),
    ]
    assert [one.what for one in checked.findings] == [
        "Capture/day 1/2.NEF has other bytes than were copied",
        f"Capture/day 1/3.NEF has 99 bytes, not {len(samples.raw(3))}",
        "Capture/day 1/1.NEF is missing",
        "Capture/day 1/new.NEF is on no list",
    ]
    assert checked.files == 2


@pytest.mark.parametrize("bit", [0, 1500, 2999])
def test_one_bit_is_enough(filled: Drive, bit: int) -> None:
    path = filled.root / "Capture/day 1/2.NEF"
    status, data = path.stat(), bytearray(path.read_bytes())
    data[bit] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert findings(check(filled.vault)) == [("changed", "Capture/day 1/2.NEF")]


def test_a_file_that_became_a_link_or_a_folder_is_changed(filled: Drive) -> None:
    path = filled.root / "Capture/day 1/2.NEF"
    path.unlink()
    path.mkdir()
    assert findings(check(filled.vault)) == [("changed", "Capture/day 1/2.NEF")]
    path.rmdir()
    if os.name != "nt":
        path.symlink_to(filled.root / "Capture/day 1/1.NEF")
        assert findings(check(filled.vault)) == [("changed", "Capture/day 1/2.NEF")]


def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    filled: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = os.fsencode(filled.root / "Capture/day 1/2.NEF")

    def broken(path: bytes, mode: str) -> object:
        if path == bad:
            raise OSError(5, "Input/output error")
        return open(path, mode)

    monkeypatch.setattr(checking, "open", broken, raising=False)
    (finding,) = check(filled.vault).findings
    assert finding.what == "Capture/day 1/2.NEF cannot be read (Input/output error)"


def test_bytes_that_the_vault_has_once_more_are_not_missing(shoot: Shoot, filled: Drive) -> None:
    """A damaged copy was replaced by a good one beside it, and then taken away by hand."""
    bad = filled.root / "Capture/day 1/2.NEF"
    bad.write_bytes(b"cut short")
    assert keep_all(shoot, filled.vault) == 1
    assert findings(check(filled.vault)) == [("changed", "Capture/day 1/2.NEF")]
    bad.unlink()
    assert findings(check(filled.vault)) == []


def test_what_systems_and_other_programs_leave_on_a_drive_is_no_extra(filled: Drive) -> None:
    for name in (
        ".DS_Store", "Capture/._1.NEF", "Capture/day 1/Thumbs.db", "lost+found/x", ".Trashes/501/y",
        "System Volume Information/z", "Capture/.studio-0123456789abcdef.part",
    ):  # fmt: skip
        path = filled.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"junk")
    assert findings(check(filled.vault)) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("edit", "was changed after it was written"),
        ("remove", "is missing"),
        ("add", "is not in the chain"),
        ("unchain", "is not in the chain"),
        ("tear the chain", "the lists cannot be checked against it"),
    ],
)
def test_a_list_that_was_tampered_with_is_named(filled: Drive, damage: str, said: str) -> None:
    first, second = filled.lists
    chain = filled.root / "ascmhl/ascmhl_chain.xml"
    named = first
    if damage == "edit":
        first.write_bytes(first.read_bytes().replace(b"Capture/day 1/3", b"Capture/day 1/4"))
    elif damage == "remove":
        first.unlink()
    elif damage == "add":
        named = shutil.copy(second, filled.root / "ascmhl/0003_vault.mhl")  # type: ignore[assignment]
    elif damage == "unchain":
        named = second
        text = chain.read_text()
        chain.write_text(text[: text.index('  <hashlist sequencenr="2"')] + "</ascmhldirectory>\n")
    else:
        named = chain
        chain.write_bytes(chain.read_bytes()[:50])
    found = [one for one in check(filled.vault).findings if one.kind is Kind.CHAIN]
    assert [(one.path.decode(), said in one.what) for one in found] == [(f"ascmhl/{Path(named).name}", True)]


def test_a_drive_that_goes_while_it_is_read_is_an_error_and_not_a_thousand_losses(filled: Drive) -> None:
    def go(done: int, of: int) -> None:
        if done == 2:
            filled.unplug()

    with pytest.raises(FileNotFoundError):
        check(filled.vault, go)


def test_what_is_listed_while_the_check_runs_is_no_extra(shoot: Shoot, filled: Drive) -> None:
    def shoot_on(done: int, of: int) -> None:
        if done == 0:
            shoot.put("Capture/late.NEF", samples.raw(50))
            keep_all(shoot, filled.vault)

    (filled.root / "Capture/late.NEF").write_bytes(samples.raw(50))  # copied, and not listed yet
    assert findings(check(filled.vault, shoot_on)) == []


def test_nothing_is_written(filled: Drive) -> None:
    before = filled.everything()
    filled.lists[0].write_bytes(b"damaged")
    damaged = filled.everything()
    assert before != damaged
    check(filled.vault)
    assert filled.everything() == damaged
