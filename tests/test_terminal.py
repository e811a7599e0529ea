"""What the program says: one line for a pipe, progress for a terminal, and nothing that steers it."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline import terminal


class Screen(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


@given(st.binary())
def test_any_file_name_becomes_one_harmless_line(name: bytes) -> None:
    shown = terminal.plain(name.decode("utf-8", "surrogateescape"))
    assert len(shown.splitlines() or [""]) == 1 or any(c in shown for c in "\u2028\u2029")
    assert not any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in shown)


def test_ordinary_names_stay_as_they_are() -> None:
    assert terminal.plain("Größe 📷🏽 ’n a[b].NEF") == "Größe 📷🏽 ’n a[b].NEF"
    assert terminal.plain("a\nb\x1b[31m\udce9") == "a\\x0ab\\x1b[31m\\xe9"


def test_a_table_in_a_pipe_has_one_line_for_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["a", "b"], [["[red]x", "y " * 200], ["line\nbreak", ""]])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(lines) == 4
    assert "[red]x" in lines[2] and lines[2].count("y ") == 200
    assert "line\\x0abreak" in lines[3]


def test_progress_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal.progress("working") as tell:
        tell("3 proposed")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    monkeypatch.setenv("TERM", "xterm")
    with terminal.progress("working") as tell:
        tell("3 proposed \x1b[31m")
    assert "working" in screen.text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("stream", [Screen, None])
def test_a_log_line_cannot_steer_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: type[Screen] | None
) -> None:
    screen = Screen()
    if stream:
        monkeypatch.setattr(sys, "stderr", screen)
    handler = terminal._handler()
    handler.handle(logging.LogRecord("n", logging.WARNING, "p", 1, "%s is bad", ("a\nb\x1b[41m",), None))
    said = screen.text if stream else capsys.readouterr().err
    assert "a\\x0ab\\x1b[41m is bad" in said
    assert "\x1b[41m" not in said


def test_names_the_output_cannot_show_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream := io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    terminal.never_fail_on_names()
    terminal.show("ü 📷")
    stream.flush()
    assert stream.buffer.getvalue() == b"\xfc \\U0001f4f7\n"
