"""Work in a process of its own, forked from a warm one, which may be killed at any time."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

_LIMIT_S: Final = 30


@dataclass(frozen=True)
class Ended:
    """What it told until its end, and how it ended."""

    told: list[tuple[str, Any]]
    signal_number: int | None

    @property
    def was_killed(self) -> bool:
        return self.signal_number == signal.SIGKILL

    def said(self, what: str) -> list[Any]:
        return [said for kind, said in self.told if kind == what]


def apart(work: Callable[[Callable[[str, Any], None]], None]) -> Ended:
    """Runs `work` with a function that tells; what it raises is told as "raised"."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work_and_end(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = [json.loads(line) for line in pipe.read().split(b"\n") if line]
    _, status = os.waitpid(child, 0)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return Ended([(what, said) for what, said in told], ended_by)


def _work_and_end(work: Callable[[Callable[[str, Any], None]], None], writing: int) -> NoReturn:
    def tell(what: str, said: Any) -> None:
        data = memoryview(json.dumps([what, said]).encode() + b"\n")
        while data:
            data = data[os.write(writing, data) :]

    try:
        signal.alarm(_LIMIT_S)
        work(tell)
    except BaseException:
        tell("raised", traceback.format_exc())
    finally:
        os._exit(0)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL has no effect")
