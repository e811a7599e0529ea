"""What the program says, and how: plain lines for files and pipes, colour and progress for a terminal."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """One line that cannot steer the terminal, whatever a file is called: escaped as `status` does it."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def show(text: str) -> None:
    """One line on stdout."""
    typer.echo(plain(text))


def say(text: str) -> None:
    """One line on stderr."""
    typer.echo(plain(text), err=True)


def is_asked_by_a_person() -> bool:
    """Whether somebody sits at a terminal and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> str:
    """One line from the terminal; empty for Enter alone. Ctrl-C and Ctrl-D interrupt the command."""
    try:
        return input(f"{question}: ").strip()
    except EOFError:
        raise KeyboardInterrupt from None


def never_fail_on_names() -> None:
    """Escape what the output's encoding lacks: a file's name is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def start_logging(verbose: bool) -> None:
    """Warnings, or all that happens, on stderr."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", handlers=[_handler()])


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=True))


def print_table(header: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(plain(str(cell))) for cell in row))
    # A file or a pipe has no width: one row, one line.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, silence elsewhere. Yields a function that says how far it is."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as spinner:
        yield lambda text: spinner.update(f"{what}: {plain(text)}")


def announce(url: str) -> None:
    """Print the page's address, and open it where there is a screen to open it on."""
    import webbrowser

    show(f"review page: {url}")
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


class _Plain(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return plain(super().formatMessage(record))


def _handler() -> logging.Handler:
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.highlighter import NullHighlighter
        from rich.logging import RichHandler

        console = Console(stderr=True)
        handler: logging.Handler = RichHandler(
            console=console, show_path=False, highlighter=NullHighlighter()
        )
    else:
        handler = logging.StreamHandler()  # lines as they are, not wrapped
    handler.setFormatter(_Plain("%(message)s"))
    return handler
