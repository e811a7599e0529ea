"""The vault by commands: asked for, named later, looked through, and asked to give back."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.safekeeping import ONE_DRIVE
from studio_pipeline.session.folder import VAULT_MARKER, open_session
from tests.support.command import done, studio
from tests.support.finished import hashes

ASKED = "Vault, a folder on a second drive for a copy of every original"


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is worked on here, so none have to be warmed up and waited for."""
    monkeypatch.setattr(studio_module, "lanes", lambda cores, with_models=False: [])
    monkeypatch.setattr(studio_module.Studio, "deliver", lambda self, progress=None: None)


def picture(folder: Path, name: str, grey: int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(path)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return path


@pytest.fixture
def monday(tmp_path: Path) -> Path:
    """A session with two frames and their settings, all of it in its vault."""
    root = tmp_path / "monday"
    done("init", root, "--vault", tmp_path / "vault")
    picture(root / "Capture", "first.jpg", 90)
    picture(root / "Capture", "second.jpg", 160)
    settings = root / "Capture/CaptureOne/Settings153/first.jpg.cos"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(b"settings")
    os.utime(settings, (0, 0))
    done("run", root)
    return root


# --- init


def test_init_makes_the_vault_once_and_says_when_one_drive_holds_both(tmp_path: Path) -> None:
    answer = done("init", tmp_path / "s", "--vault", tmp_path / "drives" / "vault")
    assert answer.err == ONE_DRIVE + "\n"
    marker = tmp_path / "drives" / "vault" / VAULT_MARKER
    text = marker.read_text(encoding="utf-8")
    assert open_session(tmp_path / "s").vault_shares_drive
    done("init", tmp_path / "t", "--vault", marker.parent)  # one vault for many sessions
    assert marker.read_text(encoding="utf-8") == text


def test_a_vault_that_cannot_be_made_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = studio("init", tmp_path / "s", "--vault", tmp_path / "file" / "vault").failure
    assert "cannot make the vault" in said and "choose another folder" in said
    assert not (tmp_path / "s").exists()
    with pytest.raises(Refused):
        open_session(tmp_path / "s")


def test_without_a_terminal_nobody_is_asked_and_a_line_says_what_is_at_risk(tmp_path: Path) -> None:
    answer = done("init", tmp_path / "s")
    assert ASKED not in answer.out + answer.err
    (line,) = answer.err.splitlines()
    assert line.startswith("no vault: every original exists only once; `studio vault set ")
    assert not open_session(tmp_path / "s").no_vault


def test_no_vault_is_a_choice_and_no_warning(tmp_path: Path) -> None:
    assert done("init", tmp_path / "s", "--no-vault").err == ""
    assert open_session(tmp_path / "s").no_vault
    assert done("run", tmp_path / "s").err == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("typed", "options", "asked", "vault"),
    [
        ("VAULT\n", [], True, True),
        ("\n", [], True, False),
        ("", ["--no-vault"], False, False),
        ("", ["--vault", "VAULT"], False, True),
    ],
)
def test_at_a_terminal_the_vault_is_asked_for_once(
    tmp_path: Path, typed: str, options: list[str], asked: bool, vault: bool
) -> None:
    code, shown = at_a_terminal(
        ["init", str(tmp_path / "s"), *(o.replace("VAULT", str(tmp_path / "v")) for o in options)],
        typed.replace("VAULT", str(tmp_path / "v")),
    )
    assert code == 0, shown
    assert shown.count("Vault, a folder on a second drive") == int(asked)
    session = open_session(tmp_path / "s")
    assert session.vault == ((tmp_path / "v") if vault else None)
    assert session.no_vault == (not vault)
    assert ("exists only once" in shown) is False


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_at_the_question_makes_nothing(tmp_path: Path, key: str) -> None:
    code, shown = at_a_terminal(["init", str(tmp_path / "s")], key)
    assert code == 130 and "studio: stopped" in shown
    assert not (tmp_path / "s").exists()


def at_a_terminal(arguments: list[str], typed: str) -> tuple[int, str]:
    """Run the installed program at a pseudo-terminal; its exit code, and all that it showed."""
    import pty

    program = shutil.which("studio", path=str(Path(sys.executable).parent))
    assert program is not None
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_the_terminal,
    ) as running:
        os.close(theirs)
        shown, until_s = b"", time.monotonic() + 60
        while running.poll() is None:
            assert time.monotonic() < until_s, shown
            if select.select([ours], [], [], 0.5)[0]:
                with contextlib.suppress(OSError):  # the last of them closed the terminal
                    shown += os.read(ours, 4096)
            elif typed and b"exist once" in shown:  # it has come to rest: it waits for an answer
                os.write(ours, typed.encode())
        with contextlib.suppress(OSError):
            while select.select([ours], [], [], 0)[0] and (part := os.read(ours, 4096)):
                shown += part
        code = running.returncode
    os.close(ours)
    return code, " ".join(shown.decode().split())


def _own_the_terminal() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background has it ignored
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


# --- set


def test_a_session_gets_a_vault_later_another_and_none(tmp_path: Path) -> None:
    root = tmp_path / "s"
    done("init", root)
    picture(root / "Capture", "first.jpg", 90)
    done("run", root)
    answer = done("vault", "set", root, tmp_path / "one")
    assert f"the vault is {tmp_path / 'one'}; `studio run {root}` copies all that is there" in answer.out
    assert answer.err == ONE_DRIVE + "\n"
    for name in ("one", "two"):
        done("vault", "set", root, tmp_path / name)
        done("run", root)
        assert (tmp_path / name / "Capture/first.jpg").exists()
    assert "no vault from now on" in done("vault", "set", root, "--no-vault").out
    assert done("run", root).err == ""
    assert (tmp_path / "two/Capture/first.jpg").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "s"], "name the vault's folder, or give --no-vault"),
        (["set", "s", "v", "--no-vault"], "name the vault's folder, or give --no-vault"),
        (["set", "s", "s/v"], "lies inside the session"),
        (["set", "s", "."], "the session lies inside the vault"),
        (["set", "nowhere", "v"], "is not a session; make it one with `studio init"),
        (["check", "nowhere"], "nowhere is neither a session nor a vault"),
        (["check", "s"], "this session has no vault; `studio vault set"),
        (["restore", "s"], "this session has no vault; `studio vault set"),
        (["restore", "new"], "is not a session: name the vault that has its originals, --vault VAULT"),
        (["restore", "new", "--vault", "nowhere"], "is not there: connect its drive"),
    ],
)
def test_mistakes_about_a_vault_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done("init", "s")
    done("vault", "set", "s", "elsewhere")  # so that the lock's file is there
    done("vault", "set", "s", "--no-vault")
    before = hashes(tmp_path)
    assert said in studio("vault", *arguments).failure
    assert hashes(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_the_vault_is_not_exchanged_under_a_running_shoot(monday: Path, tmp_path: Path) -> None:
    with open_session(monday).locked():
        said = studio("vault", "set", monday, tmp_path / "other").failure
    assert said == f"{monday} is already being worked on by another studio process"
    assert open_session(monday).vault == tmp_path / "vault"


# --- check


def test_a_whole_vault_passes_by_its_session_and_by_itself(monday: Path, tmp_path: Path) -> None:
    for folder in (monday, tmp_path / "vault"):
        answer = done("vault", "check", folder)
        assert answer.out == f"the vault {tmp_path / 'vault'}: 3 files as they were copied, 0.0 GB, 1 lists\n"
    size = sum(len(path.read_bytes()) for path in (tmp_path / "vault/Capture").rglob("*") if path.is_file())
    assert done("vault", "check", monday, "--json").json == {
        "vault": str(tmp_path / "vault"), "valid": True, "files": 3, "bytes": size, "generations": 1,
        "missing": [], "changed": [], "extra": [], "chain": [], "absent": [],
    }  # fmt: skip


def test_every_damage_and_every_frame_that_exists_only_once_is_named(monday: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    (vault / "Capture/first.jpg").write_bytes(b"rotten")
    (vault / "Capture/second.jpg").unlink()
    (vault / "Capture/third.jpg").write_bytes(b"whence?")
    (listed,) = (vault / "ascmhl").glob("*.mhl")
    listed.write_bytes(listed.read_bytes().replace(b"transfer", b"flatten"))
    picture(monday / "Capture", "fourth.jpg", 200)
    done("vault", "set", monday, "--no-vault")
    done("run", monday)
    done("vault", "set", monday, vault)

    answer = studio("vault", "check", monday)
    assert answer.code == 1
    assert answer.out.splitlines()[:-1] == [
        f"chain: the list ascmhl/{listed.name} was changed after it was written",
        "changed: Capture/first.jpg has 6 bytes, not " + str((monday / "Capture/first.jpg").stat().st_size),
        "missing: Capture/second.jpg is missing",
        "extra: Capture/third.jpg is on no list",
        *(f"not in the vault: Capture/{name}.jpg" for name in ("first", "second", "fourth")),
    ]
    found = studio("vault", "check", monday, "--json").json
    assert not found["valid"]
    assert [row["path"] for row in found["absent"]] == [
        f"Capture/{n}.jpg" for n in ("first", "second", "fourth")
    ]
    assert found["changed"][0]["path_b64"] == "Q2FwdHVyZS9maXJzdC5qcGc="
    assert studio("vault", "check", vault).code == 1


def test_a_vault_that_is_not_connected_is_not_called_empty(monday: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    for command in ("check", "restore"):
        said = studio("vault", command, monday).failure
        assert said == f"the vault {tmp_path / 'vault'} is not there: connect its drive"


# --- restore


def test_what_a_session_lacks_comes_back_and_a_second_time_nothing_changes(monday: Path) -> None:
    before = hashes(monday / "Capture")
    shutil.rmtree(monday / "Capture")
    assert done("vault", "restore", monday).out == "3 restored, 0 were there, 0 could not be restored\n"
    assert hashes(monday / "Capture") == before
    assert done("vault", "restore", monday).out == "0 restored, 2 were there, 0 could not be restored\n"
    assert hashes(monday / "Capture") == before
    assert done("run", monday).err == ONE_DRIVE + "\n"


def test_what_was_restored_beside_and_what_could_not_be_is_said(monday: Path, tmp_path: Path) -> None:
    (monday / "Capture/first.jpg").write_bytes(b"something else")
    (monday / "Capture/second.jpg").unlink()
    (tmp_path / "vault/Capture/second.jpg").write_bytes(b"rotten")
    answer = studio("vault", "restore", monday)
    assert answer.code == 1
    beside, summary = answer.out.splitlines()
    assert beside.startswith(
        "other bytes lie at Capture/first.jpg, and stay; the original was laid beside them"
    )
    assert summary == "1 restored, 0 were there, 1 could not be restored"
    (why,) = answer.err.splitlines()
    assert why.startswith("Capture/second.jpg was not restored: its copy Capture/second.jpg in the vault has")
    assert (monday / "Capture/first.jpg").read_bytes() == b"something else"
    assert not (monday / "Capture/second.jpg").exists()


def test_a_lost_session_comes_back_and_is_one_again(monday: Path, tmp_path: Path) -> None:
    before, vault = hashes(monday / "Capture"), tmp_path / "vault"
    monday.rename(tmp_path / "lost")
    answer = done("vault", "restore", monday, "--vault", vault)
    assert answer.out.splitlines() == [
        "3 restored, 0 were there, 0 could not be restored",
        f"`studio init {monday} --vault {vault}` makes a session of it",
    ]
    assert hashes(monday / "Capture") == before
    kept = hashes(vault / "Capture")
    done("init", monday, "--vault", vault)
    picture(monday / "Capture", "third.jpg", 30)
    settings = monday / "Capture/CaptureOne/Settings153/first.jpg.cos"
    settings.write_bytes(b"newer settings")
    os.utime(settings, (1, 1))
    done("run", monday)
    after = hashes(vault / "Capture")
    assert {name: after[name] for name in kept} == kept and len(after) == len(kept) + 2, "nothing twice"
    assert done("vault", "check", monday).code == 0

    before = hashes(monday / "Capture")
    monday.rename(tmp_path / "lost again")
    done("vault", "restore", monday, "--vault", vault)
    assert hashes(monday / "Capture") == before, "of both of its lives"


def test_from_a_vault_of_several_sessions_each_gets_its_own(monday: Path, tmp_path: Path) -> None:
    vault, tuesday = tmp_path / "vault", tmp_path / "tuesday"
    done("init", tuesday, "--vault", vault)
    picture(tuesday / "Capture", "first.jpg", 30)
    done("run", tuesday)
    before = {root.name: hashes(root / "Capture") for root in (monday, tuesday)}
    for root in (monday, tuesday):
        root.rename(tmp_path / f"lost {root.name}")
        done("vault", "restore", root, "--vault", vault)
        assert hashes(root / "Capture") == before[root.name]
    said = studio("vault", "restore", tmp_path / "new", "--vault", vault).failure
    assert said == "the vault has no session 'new'; --session takes one of: monday, tuesday"
    done("vault", "restore", tmp_path / "new", "--vault", vault, "--session", "tuesday")
    assert hashes(tmp_path / "new/Capture") == before["tuesday"]


def test_a_vault_is_not_restored_into_itself(monday: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    for folder in (vault, vault / "new", tmp_path):
        said = studio("vault", "restore", folder, "--vault", vault).failure
        assert "lie one inside the other" in said
    assert not (vault / "new").exists()
