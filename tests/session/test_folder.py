"""The session folder: made once, opened again as it was, and honest about damage."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.errors import Refused
from studio_pipeline.records.base import digest
from studio_pipeline.records.preset import Preset, load
from studio_pipeline.session import folder, keys
from studio_pipeline.session.folder import create, open_session, set_vault
from tests.support import shoots


def made(root: Path, vault: Path | None = None, preset: Preset | None = None, name: str = "test") -> Path:
    create(root, preset or load("cleanup-only"), name, vault, shoots.NOW)
    return root


def settings(root: Path) -> Path:
    return root / ".studio" / "session.toml"


def test_a_session_opens_as_it_was_made(tmp_path: Path) -> None:
    preset = Preset(title='a "title" \\ with\ttabs, ü 📷 and \x7f', propose="picked")
    session = create(tmp_path / "s", preset, 'my "preset" 📷', tmp_path / "Tresor 📷\x7f", shoots.NOW)
    assert open_session(tmp_path / "s") == session
    assert session.preset == preset
    assert session.preset_name == 'my "preset" 📷'
    assert session.vault == (tmp_path / "Tresor 📷\x7f").resolve()
    assert {p.name for p in session.root.iterdir()} == {*folder.FOLDERS, ".studio"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_settings_file(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"key = {folder._toml(text)}") == {"key": text}


def test_two_sessions_never_have_one_id(tmp_path: Path) -> None:
    one, two = (open_session(made(tmp_path / name)) for name in "ab")
    assert one.id != two.id and re.fullmatch("[0-9a-f]{16}", one.id)


def test_the_preset_is_frozen_whatever_later_releases_add(tmp_path: Path) -> None:
    """A key that did not exist when the session was made is not taken for tampering."""
    root = made(tmp_path / "s")
    text = settings(root).read_text(encoding="utf-8")
    frozen = json.loads(json.loads(re.search(r"^frozen = (.*)$", text, re.M)[1]))  # type: ignore[index]
    del frozen["guards"]["healed_area_max"]
    text = re.sub(r'sha256 = ".*"', f'sha256 = "{digest(frozen)}"', text)
    text = re.sub(r"frozen = .*", lambda _: f"frozen = {folder._toml(json.dumps(frozen))}", text)
    settings(root).write_text(text, encoding="utf-8")
    assert open_session(root).preset == load("cleanup-only")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("match-embedded", "neutral"), "was edited; restore the file"),
        (lambda text: text.replace("sha256 = ", "sha = "), "is damaged ('sha256')"),
        (lambda text: text[: len(text) // 2], "cannot read"),
        (lambda text: "", "is damaged ('preset')"),
        (lambda text: text.replace("[preset]", "preset = 3\n[other]"), "is damaged"),
        (lambda text: re.sub("frozen = .*", 'frozen = "{"', text), "is damaged"),
        (
            lambda text: re.sub(
                "sha256 = .*\nfrozen = .*", f'sha256 = "{digest({})}"\nfrozen = "{{}}"', text
            ),
            "is damaged (1 validation error for Preset)",
        ),
    ],
)
def test_damaged_settings_are_refused_in_one_line(tmp_path: Path, damage: object, said: str) -> None:
    assert callable(damage)
    root = made(tmp_path / "s")
    settings(root).write_text(damage(settings(root).read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        open_session(root)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_no_session_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a session; make it one with `studio init"):
        open_session(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(Refused):
        open_session(tmp_path / "file")
    with pytest.raises(Refused, match="cannot make a session"):
        made(tmp_path / "file")


def test_a_session_is_not_made_twice(tmp_path: Path) -> None:
    root = made(tmp_path / "s")
    before = settings(root).read_bytes()
    with pytest.raises(Refused, match="already is a session"):
        made(root)
    assert settings(root).read_bytes() == before


@pytest.mark.parametrize("vault", ["s", "s/vault", "s/Capture/x", "link/vault"])
def test_the_vault_lies_outside(tmp_path: Path, vault: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(Refused, match="lies inside the session"):
        made(tmp_path / "s", tmp_path / vault)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("vault", [".", "..", "link"])
def test_the_session_lies_outside_its_vault(tmp_path: Path, vault: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Refused, match="the session lies inside the vault"):
        made(tmp_path / "s", tmp_path / vault)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_to_have_one_copy_only_is_a_choice_that_is_kept(tmp_path: Path) -> None:
    for name, chosen in (("a", True), ("b", False)):
        session = create(tmp_path / name, load("cleanup-only"), "x", None, shoots.NOW, no_vault=chosen)
        assert session.no_vault is open_session(session.root).no_vault is chosen
    with_vault = create(tmp_path / "c", load("cleanup-only"), "x", tmp_path / "v", shoots.NOW, no_vault=True)
    assert not with_vault.no_vault
    text = settings(tmp_path / "a").read_text(encoding="utf-8")
    settings(tmp_path / "a").write_text(text.replace("no_vault = true\n", ""), encoding="utf-8")
    assert not open_session(tmp_path / "a").no_vault, "an earlier release asked nobody"


def test_a_vault_that_is_set_later_changes_nothing_else(tmp_path: Path) -> None:
    session = open_session(made(tmp_path / "s", name='my "preset" 📷'))
    for vault in (tmp_path / "Tresor 📷", None, tmp_path / "second"):
        changed = set_vault(session, vault)
        assert changed == open_session(session.root)
        assert (changed.vault, changed.no_vault) == (vault, vault is None)
        same = ("root", "id", "preset", "preset_name")
        assert [getattr(changed, key) for key in same] == [getattr(session, key) for key in same]
    assert (tmp_path / "second" / folder.VAULT_MARKER).is_file()
    assert 'created = "2026-05-04T12:00:00+00:00"' in settings(session.root).read_text(encoding="utf-8")


def test_a_vault_that_cannot_be_set_leaves_the_session_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(made(tmp_path / "s", tmp_path / "v"))
    before = settings(session.root).read_bytes()
    with session.locked(), pytest.raises(Refused, match="already being worked on"):
        set_vault(open_session(session.root), tmp_path / "w")
    for bad in (session.root / "v", tmp_path):
        with pytest.raises(Refused, match="lies inside"):
            set_vault(session, bad)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(Refused, match="No space left on device"):
        patch.setattr(Path, "replace", full)
        set_vault(session, tmp_path / "w")
    assert settings(session.root).read_bytes() == before
    assert open_session(session.root) == session


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_vault_whose_name_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not UTF-8"):
        made(tmp_path / "s", tmp_path / os.fsdecode(b"caf\xe9"))


def test_a_making_that_failed_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(Refused, match="No space left on device"):
        patch.setattr(folder, "_write_settings", full)
        made(tmp_path / "s")
    session = open_session(made(tmp_path / "s"))
    signature = keys.sign(session.hidden, b"m")
    assert keys.signed_by_session(session.hidden, b"m", signature)


def test_one_process_works_on_a_session(tmp_path: Path) -> None:
    root = made(tmp_path / "s")
    second = open_session(root).locked()
    with open_session(root).locked(), pytest.raises(Refused, match="already being worked on"), second:
        pass
    with open_session(root).locked():
        pass
