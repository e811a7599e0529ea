"""The child side of the supervisor: take one job, run it, answer, wait for the next."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from studio_pipeline.errors import StudioError

WITHDRAWN = "withdrawn"
"""Sent while a job runs: its result is not wanted any more."""


def main(pipe: Connection, preload: Sequence[str], address_space_bytes: int | None, niceness: int) -> None:
    """Run jobs from ``pipe`` until it closes. A job is (function path, arguments, whether it heeds a
    withdrawal); see ``resolve``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _limit_address_space(address_space_bytes)
    _be_nice(niceness)
    for module in preload:
        importlib.import_module(module)
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        if message == WITHDRAWN:  # of the job that has just ended
            continue
        function, arguments, heeds = message
        if heeds:
            arguments["cancelled"] = partial(_withdrawn, pipe)
        try:
            answer = ("done", resolve(function)(**arguments))
        except StudioError as error:
            answer = ("failed", (type(error).__name__, str(error)))
        except MemoryError:
            answer = ("failed", ("SetAside", "not enough memory for this file"))
        except OSError as error:
            answer = (
                "failed",
                ("TryAgain", f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")),
            )
        except (
            Exception
        ) as error:  # a bug in one frame must not stop the shoot; the text goes to the log and the page
            import traceback

            answer = ("broke", (type(error).__name__, f"{error}", traceback.format_exc()))
        with contextlib.suppress(BrokenPipeError, OSError):
            pipe.send(answer)


def _withdrawn(pipe: Connection) -> bool:
    """While a job runs, nothing comes but its withdrawal, or the end of the parent."""
    try:
        return pipe.poll()
    except (EOFError, OSError):
        return True


def resolve(path: str) -> Any:
    """``package.module:function`` to the function."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _limit_address_space(limit_bytes: int | None) -> None:
    if limit_bytes is None or sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):  # macOS refuses; the watchdog in the parent still holds
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _be_nice(niceness: int) -> None:
    if niceness <= 0:
        return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(niceness)
