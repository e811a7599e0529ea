"""The real command line, run in this process: arguments in, exit code and text out."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio_pipeline.cli import call


@dataclass(frozen=True)
class Answer:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def failure(self) -> str:
        """The one line of a command that failed as it should: no more, no traceback, nothing on stdout."""
        assert self.code != 0, self
        assert self.out == "", self
        (line,) = self.err.splitlines()
        assert line.startswith("studio: "), self
        assert "unexpected" not in line, self
        return line.removeprefix("studio: ")


def studio(*arguments: str | Path) -> Answer:
    """Run ``studio`` with these arguments. Its streams are no terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = call([str(argument) for argument in arguments])
    return Answer(code, _text(out), _text(err))


def done(*arguments: str | Path) -> Answer:
    """The same for a command that must succeed."""
    answer = studio(*arguments)
    assert answer.code == 0, answer
    return answer


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")
