"""The vault's lists: chained, one a run, and whole after a kill at any step."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hot_folder import durable, mhl
from hot_folder.checking import Kind, check
from hot_folder.manifest import read_linked, read_links
from hot_folder.wanted import missing
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, copies, keep_all, keeper
from tests.hot_folder.samples import Shoot


def put(shoot: Shoot, *seeds: int) -> None:
    for seed in seeds:
        shoot.put(f"Capture/day {seed % 2}/{seed}.NEF", samples.raw(seed))


def test_each_run_adds_one_generation_and_the_chain_seals_them_all(shoot: Shoot, drive: Drive) -> None:
    for seeds in ((1, 2), (3,), ()):
        put(shoot, *seeds)
        keep_all(shoot, drive.vault)
    links = read_links(os.fsencode(drive.root))
    assert [link.number for link in links] == [1, 2]
    assert [link.name for link in links] == [path.name for path in drive.lists]
    for link, listed in zip(links, drive.lists, strict=True):
        assert mhl.c4(listed.read_bytes()) == link.c4
        assert listed.name.startswith(f"{link.number:04d}_vault_20")
    entries = [entry for path in drive.lists for entry in mhl.read_generation(path.read_bytes()).entries]
    assert {entry.path: entry.size for entry in entries} == {n: len(d) for n, d in drive.files().items()}
    assert set(os.listdir(drive.root / "ascmhl")) == {
        *(path.name for path in drive.lists),
        "ascmhl_chain.xml",
        ".studio-lock",
    }


def test_what_is_found_again_is_listed_as_verified(shoot: Shoot, drive: Drive) -> None:
    """Capture One's settings went back to an earlier version: the copy that is there was read through."""
    for text in (b"v1", b"version two", b"v1"):
        shoot.put("Capture/CaptureOne/Settings/a.cos", text)
        keep_all(shoot, drive.vault)
    assert ['action="verified"' in path.read_text() for path in drive.lists] == [False, False, True]


def test_what_an_earlier_release_listed_is_not_copied_again(shoot: Shoot, drive: Drive) -> None:
    names = [b"plain.NEF", b"two\\nlines \\\\.NEF"] if os.name != "nt" else [b"plain.NEF"]
    real = {name: name.replace(b"\\n", b"\n").replace(b"\\\\", b"\\") for name in names}
    with open(drive.root / "SHA256SUMS", "wb") as sums:
        for seed, (escaped, name) in enumerate(real.items()):
            shoot.put(b"Capture/" + name, samples.raw(seed))
            copy = os.path.join(os.fsencode(drive.root), b"Capture", name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            Path(os.fsdecode(copy)).write_bytes(samples.raw(seed))
            mark = b"\\" if escaped != name else b""
            digest = hashlib.sha256(samples.raw(seed)).hexdigest().encode()
            sums.write(mark + digest + b"  Capture/" + escaped + b"\n")
        sums.write(b"0123abc  torn")
    assert keep_all(shoot, drive.vault) == 0
    assert missing(shoot.journal, drive.vault) == []
    assert check(drive.vault).findings == ()


def test_a_damaged_chain_is_kept_aside_and_nothing_is_lost(shoot: Shoot, drive: Drive) -> None:
    put(shoot, 1)
    keep_all(shoot, drive.vault)
    chain = drive.root / "ascmhl/ascmhl_chain.xml"
    chain.write_bytes(chain.read_bytes()[:100])
    put(shoot, 2)
    assert keep_all(shoot, drive.vault) == 2
    assert (drive.root / "ascmhl/ascmhl_chain.xml.damaged").stat().st_size == 100
    (link,) = read_links(os.fsencode(drive.root))
    assert link.number == 2, "a number that is taken is not given again"
    assert len(drive.files()) == 2
    assert keep_all(shoot, drive.vault) == 0


@pytest.mark.parametrize("damage", ["edited", "torn", "gone"])
def test_a_damaged_generation_costs_a_comparison_and_stays_for_the_check_to_name(
    shoot: Shoot, drive: Drive, damage: str
) -> None:
    put(shoot, 1)
    keep_all(shoot, drive.vault)
    (first,) = drive.lists
    data = first.read_bytes()
    changed = {"edited": data.replace(b"transfer", b"in-place"), "torn": data[:400]}.get(damage)
    first.unlink() if changed is None else first.write_bytes(changed)
    put(shoot, 2)
    assert keep_all(shoot, drive.vault) == (1 if damage == "edited" else 2)
    findings = check(drive.vault).findings
    assert [(one.kind, one.path.decode()) for one in findings] == [(Kind.CHAIN, f"ascmhl/{first.name}")]
    assert ("is missing" if damage == "gone" else "was changed after it was written") in findings[0].what


def test_two_programs_list_their_copies_at_the_same_time(shoot: Shoot, drive: Drive, tmp_path: Path) -> None:
    """As two sessions that are shot at once into one vault."""
    other = Shoot(tmp_path / "other")
    put(shoot, *range(6))
    put(other, *range(10, 16))
    keepers = []
    for session, of in ((shoot, "one"), (other, "two")):
        session.intake.step()
        keepers.append(keeper(session, drive.of(of)))

    def work(one: int) -> None:
        while keepers[one].step():
            session = (shoot, other)[one]
            session.now_s += 20  # so that each copy is listed at once

    threads = [threading.Thread(target=work, args=(one,)) for one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [keeping.problem for keeping in keepers] == [None, None]
    assert len(read_links(os.fsencode(drive.root))) == len(drive.lists) == 2
    checked = check(drive.vault)
    assert (checked.files, checked.findings) == (12, ())
    other.journal.close()


def test_another_programs_generation_is_read_kept_in_the_chain_and_hides_nothing_of_ours(
    shoot: Shoot, drive: Drive
) -> None:
    put(shoot, 1)
    shoot.put("Capture/CaptureOne/Settings/1.cos", b"settings")
    keep_all(shoot, drive.vault)
    (drive.root / "theirs.mov").write_bytes(b"theirs")
    ours = drive.lists[0].read_bytes().replace(b"xxh64", b"xxh128")
    theirs = b"<hash><path size='6'>theirs.mov</path><md5>00</md5></hash></hashes>"
    ours = b"".join(line for line in ours.splitlines(True) if b"sha256" not in line and b"kept" not in line)
    data = ours.replace(b"</hashes>", theirs)
    (drive.root / "ascmhl/0002_theirs.mhl").write_bytes(data)
    links = [*read_links(os.fsencode(drive.root)), mhl.Link(2, "0002_theirs.mhl", mhl.c4(data))]
    (drive.root / "ascmhl/ascmhl_chain.xml").write_bytes(mhl.chain(links))
    put(shoot, 2)
    assert keep_all(shoot, drive.vault) == 1
    assert [link.number for link in read_links(os.fsencode(drive.root))] == [1, 2, 3]
    assert check(drive.vault).findings == ()
    for name in ("Capture/day 1/1.NEF", "theirs.mov"):
        path = drive.root / name
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    (finding,) = check(drive.vault).findings  # of theirs, only that it is there and its size are known
    assert finding.path == b"Capture/day 1/1.NEF"


@pytest.mark.skipif(os.name == "nt", reason="paths are told with other separators there")
def test_what_counts_is_on_the_medium_before_it_counts(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes what was not synced: no name before its bytes, no chain before its generation."""
    put(shoot, 1)
    steps: list[tuple[str, bytes]] = []
    synced: set[int] = set()

    def note(owner: object, function: str, what: Callable[..., tuple[str, bytes]]) -> None:
        do = getattr(owner, function)

        def noted(*arguments: Any, **options: Any) -> Any:
            steps.append(what(*arguments))
            return do(*arguments, **options)

        monkeypatch.setattr(owner, function, noted)

    def named(source: bytes, target: bytes) -> tuple[str, bytes]:
        assert os.stat(source).st_ino in synced, target
        return "name", target

    def sync(descriptor: int) -> tuple[str, bytes]:
        synced.add(os.fstat(descriptor).st_ino)
        return "sync", b""

    note(durable, "sync", sync)
    note(durable, "sync_folder", lambda folder: ("sync folder", folder))
    note(durable, "rename_without_replacing", named)
    note(os, "replace", named)
    note(os, "mkdir", lambda path, *_: ("make", path))
    keep_all(shoot, drive.vault)
    root = os.fsencode(drive.root)
    folder, day = root + b"/ascmhl", root + b"/Capture/day 1"
    ours = [step for step in steps if step[0] != "sync" and isinstance(step[1], bytes)]  # not the lock's
    assert ours == [
        ("make", root + b"/Capture"),
        ("sync folder", root),
        ("make", day),
        ("sync folder", root + b"/Capture"),
        ("name", day + b"/1.NEF"),
        ("sync folder", day),
        ("make", folder),
        ("sync folder", root),
        ("sync folder", folder),
        ("name", folder + b"/ascmhl_chain.xml"),
        ("sync folder", folder),
        ("name", os.fsencode(drive.lists[0])),
        ("sync folder", folder),
    ]


def in_a_child_that_is_killed(before_step: int, root: Path, shoot: Shoot, drive: Drive) -> bool:
    """Keep, in a process that ends before its nth step on files below `root`. False: it had fewer."""
    child = os.fork()
    if child == 0:
        steps, below = 0, os.fsencode(root)

        def kill(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal steps
            writes = event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate", "open")
            if not writes or not isinstance(arguments[0], str | bytes):
                return
            if event == "open" and isinstance(arguments[2], int) and not arguments[2] & os.O_ACCMODE:
                return
            if not os.fsencode(arguments[0]).startswith(below):
                return
            if steps == before_step:
                os._exit(9)
            steps += 1

        try:
            sys.addaudithook(kill)
            copies(keeper(shoot, drive.vault))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.parametrize("hard_links", [True, False])
def test_a_kill_at_any_step_leaves_only_whole_files_and_a_chain_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:
        monkeypatch.setattr("hot_folder.durable.os.link", refuse)
    killed = 0
    for step in range(200):
        root = tmp_path / str(step)
        root.mkdir()
        shoot, drive = Shoot(root / "session"), Drive(root / "vault")
        put(shoot, 1)
        keep_all(shoot, drive.vault)
        put(shoot, 2, 3)
        shoot.intake.step()
        if not in_a_child_that_is_killed(step, drive.root, shoot, drive):
            break
        killed += 1
        whole = {samples.raw(seed) for seed in (1, 2, 3)}
        final = {data for name, data in drive.files().items() if not name.endswith(b".part")}
        assert final <= whole | (set() if hard_links else {b""}), step
        vault = os.fsencode(drive.root)
        assert all(read_linked(vault, link)[1] for link in read_links(vault)), step
        assert [one for one in check(drive.vault).findings if one.kind is Kind.CHAIN] == [], step
        keep_all(shoot, drive.vault)
        assert sorted(drive.files().values()) == sorted(whole), step
        assert check(drive.vault).findings == (), step
        assert [name for name in drive.everything() if name.endswith(b".part")] == [], step
        shoot.journal.close()
    assert killed > 15


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "no hard links")
