"""A session with a vault, at work: copied, said when it is not, and never a reason to stop or to wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hot_folder import Vault, VaultKeeper
from studio_pipeline.pipeline import safekeeping
from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.safekeeping import VaultHealth, beside, examined, health
from studio_pipeline.pipeline.studio import Studio, at_work
from studio_pipeline.session.folder import Session, create, set_vault
from tests.support import shoots
from tests.support.command import done


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is worked on here, so none have to be warmed up and waited for."""
    monkeypatch.setattr(studio_module, "lanes", lambda cores, with_models=False: [])


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return create(tmp_path / "s", shoots.cleanup_preset(), "test", tmp_path / "vault", shoots.NOW)


def put(session: Session, name: str, grey: int) -> bytes:
    """A small picture that has lain in Capture for a while; returns its bytes."""
    path = session.capture / name
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(path)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return path.read_bytes()


def run(session: Session) -> VaultHealth:
    """`studio run` without the work on pictures; what the page would say at its end."""
    with at_work(session, only=frozenset()) as working:
        working.run()
        found = health(session, working.keeper)
        assert working.problems() == found.lines
        return found


@contextmanager
def shooting(session: Session) -> Iterator[Studio]:
    """`studio shoot` without the work on pictures, in a thread."""
    stop = threading.Event()
    with at_work(session, only=frozenset()) as working:
        thread = threading.Thread(target=working.shoot, args=(stop,))
        thread.start()
        try:
            yield working
        finally:
            stop.set()
            thread.join()


def until(condition: Any, seconds: float = 20) -> None:
    until_s = time.monotonic() + seconds
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.02)
    assert condition()


def test_run_copies_and_says_what_it_could_not(session: Session, tmp_path: Path) -> None:
    vault, away = tmp_path / "vault", tmp_path / "away"
    first = put(session, "first.jpg", 90)
    assert run(session) == VaultHealth(vault, False, shares_drive=True)
    assert (vault / "Capture/first.jpg").read_bytes() == first
    assert examined(session) == VaultHealth(vault, False, shares_drive=True, copied=1)

    vault.rename(away)
    second = put(session, "second.jpg", 160)
    not_there = f"the vault {vault} is not there: connect its drive"
    found = run(session)
    assert (found.pending, found.problem) == (2, f"2 originals may exist only once: {not_there}")
    assert not vault.exists()
    assert examined(session).problem == not_there

    away.rename(vault)
    told = "1 original may exist only once, not in the vault yet; `studio run` copies them"
    assert examined(session) == VaultHealth(vault, False, True, 1, copied=1, problem=told)
    assert run(session).problem is None
    assert (vault / "Capture/second.jpg").read_bytes() == second
    assert examined(session).problem is None


def test_status_says_it_in_text_and_in_json(session: Session, tmp_path: Path) -> None:
    put(session, "first.jpg", 90)
    (tmp_path / "vault").rename(tmp_path / "away")
    run(session)
    (tmp_path / "away").rename(tmp_path / "vault")
    told = "1 original may exist only once, not in the vault yet; `studio run` copies them"
    assert done("status", session.root).out.splitlines()[-2:] == [told, safekeeping.ONE_DRIVE]
    assert done("status", session.root, "--json").json["vault"] == {
        "path": str(tmp_path / "vault"),
        "chosen_none": False,
        "shares_drive": True,
        "copied": 0,
        "pending": 1,
        "problem": told,
    }


def test_a_missing_vault_is_a_line_and_no_failure_of_run(session: Session, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    answer = done("run", session.root)
    assert answer.out == "nothing to do\n"
    assert answer.err == f"the vault {tmp_path / 'vault'} is not there: connect its drive\n"


def test_shoot_copies_while_it_works(session: Session, tmp_path: Path) -> None:
    first = put(session, "first.jpg", 90)
    with shooting(session) as working:
        until((tmp_path / "vault/Capture/first.jpg").exists)
        until(lambda: working.keeper is not None and working.keeper.pending == 0)
        assert (tmp_path / "vault/Capture/first.jpg").read_bytes() == first
        assert working.problems() == [safekeeping.ONE_DRIVE]


def test_a_session_without_a_vault_is_red_until_that_is_chosen(tmp_path: Path) -> None:
    session = create(tmp_path / "s", shoots.cleanup_preset(), "test", None, shoots.NOW)
    told = f"no vault: every frame exists only once; `studio vault set {session.root} VAULT` gives it one"
    assert run(session) == VaultHealth(None, False, problem=told)
    assert examined(session) == run(session)
    assert done("status", session.root).out.splitlines()[-1] == told
    chosen = set_vault(session, None)
    assert run(chosen) == examined(chosen) == VaultHealth(None, True)
    assert run(chosen).lines == []
    assert told not in done("status", session.root).out


def test_a_vault_that_is_named_later_gets_all_that_was_taken_in_before(tmp_path: Path) -> None:
    session = create(tmp_path / "s", shoots.cleanup_preset(), "test", None, shoots.NOW)
    first = put(session, "first.jpg", 90)
    run(session)
    assert run(set_vault(session, tmp_path / "late")).problem is None
    assert (tmp_path / "late/Capture/first.jpg").read_bytes() == first


class Waiting:
    """Stands for a keeper at work, for what is said of it."""

    def __init__(self, pending: int, pending_s: float, problem: str | None = None) -> None:
        self.pending, self.pending_s, self.problem, self.shares_drive = pending, pending_s, problem, False


@pytest.mark.parametrize(
    ("keeper", "problem"),
    [
        (Waiting(0, 0), None),
        (Waiting(3, 5), None),
        (Waiting(3, 60), "3 originals may exist only once: still being copied to the vault"),
        (Waiting(1, 5, "it is full"), "1 original may exist only once: it is full"),
        (Waiting(0, 0, "it is away"), "it is away"),
    ],
)
def test_a_copy_may_take_a_moment_and_no_more_without_a_word(
    session: Session, keeper: Any, problem: str | None
) -> None:
    assert health(session, keeper).problem == problem


# --- a mount that hangs, and does not even fail


@contextmanager
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A vault whose file system does not answer until the test is over."""
    reached, released, check = threading.Event(), threading.Event(), Vault.check

    def hang(self: Vault) -> tuple[int, int]:
        reached.set()
        released.wait()
        return check(self)

    monkeypatch.setattr(Vault, "check", hang)
    try:
        yield reached
    finally:
        released.set()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("finish", [True, False])
def test_a_hanging_vault_is_given_up_and_said(
    session: Session, monkeypatch: pytest.MonkeyPatch, finish: bool
) -> None:
    put(session, "first.jpg", 90)
    silent = f"the vault {session.vault} does not answer: check its drive or network"
    said: list[str] = []
    with at_work(session, only=frozenset()) as working, hanging(monkeypatch) as reached:
        assert working.keeper is not None
        started_s = time.monotonic()
        with beside(working.keeper, said.append, finish=finish, patience_s=0.3):
            working.intake.step()
            assert reached.wait(10)
        assert 0.3 <= time.monotonic() - started_s < 10
        assert said == [silent]
        assert health(session, working.keeper).problem is not None
        assert silent in str(health(session, working.keeper).problem)


@pytest.mark.timeout(60)
def test_a_slow_vault_is_waited_for_as_long_as_it_gets_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(session, "first.jpg", 90)
    keep = Vault.keep

    def slowly(self: Vault, root: bytes, wanted: Any, tell: Any) -> bool:
        for _ in range(10):
            time.sleep(0.1)
            tell()
        return keep(self, root, wanted, tell)

    monkeypatch.setattr(Vault, "keep", slowly)
    with at_work(session, only=frozenset()) as working:
        with beside(working.keeper, finish=True, patience_s=0.5):
            working.intake.step()
        assert health(session, working.keeper).problem is None
        assert health(session, working.keeper).pending == 0


@pytest.mark.timeout(60)
def test_status_does_not_wait_for_a_hanging_vault(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging(monkeypatch):
        started_s = time.monotonic()
        found = examined(session, patience_s=0.3)
        assert time.monotonic() - started_s < 10
    assert found.problem == f"the vault {session.vault} does not answer: check its drive or network"


def test_an_interrupted_block_does_not_wait_for_all_to_be_copied(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        put(session, f"{n}.jpg", 50 * n)
    with at_work(session, only=frozenset()) as working:
        working.intake.step()
        step, steps = VaultKeeper.step, []

        def slow_step(self: VaultKeeper) -> bool:
            steps.append(1)
            time.sleep(0.3)
            return step(self)

        monkeypatch.setattr(VaultKeeper, "step", slow_step)
        with pytest.raises(KeyboardInterrupt), beside(working.keeper, finish=True):
            until(lambda: bool(steps))
            raise KeyboardInterrupt
        assert len(steps) == 1
