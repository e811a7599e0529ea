"""The list of all that the program can be asked, and what happens when a command fails."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import TyperException

from studio_pipeline import __version__, terminal
from studio_pipeline.cli import bringing, decide, keeping, models, pictures, privacy, session, setup
from studio_pipeline.errors import StudioError

log = logging.getLogger(__name__)
_INTERRUPTED = 130  # what a shell calls a program that Ctrl-C ended

app = typer.Typer(
    name="studio",
    help="Tether, propose, review, deliver: backdrop extended and cleaned, the person never touched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(session.init, session.shoot, session.run, session.status, session.retry),
    *(bringing.reconcile, bringing.merge),
    *(decide.approve, decide.reject, decide.revoke, decide.mark, decide.hand, decide.deliver, decide.verify),
    *(privacy.consent, privacy.purge, privacy.due),
    *(pictures.edit, pictures.mask),
    *(setup.demo, setup.doctor),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(keeping.vault, name="vault")
app.add_typer(setup.presets, name="presets")
app.add_typer(models.models, name="models")


def main() -> None:
    """The console script."""
    sys.exit(call())


def call(arguments: list[str] | None = None) -> int:
    """Run one command, by default what this process was started with; returns the exit code.

    Whatever goes wrong is one clear line on stderr; the traceback of a bug comes with ``--verbose``.
    """
    terminal.never_fail_on_names()
    try:
        code = app(arguments, prog_name="studio", standalone_mode=False) or 0
    except StudioError as error:
        return _failed(str(error))
    except TyperException as error:
        if not str(error):  # a group without a command has printed its help
            return error.exit_code
        context = getattr(error, "ctx", None)
        hint = f"; `{context.command_path} --help` says what there is" if context else ""
        return _failed(error.format_message().rstrip(".") + hint, error.exit_code)
    except Exception as error:
        log.info("where it happened:", exc_info=True)
        if isinstance(error, OSError) and error.strerror:
            named = f": {os.fsdecode(error.filename)}" if error.filename else ""
            return _failed(f"{error.strerror}{named}")
        return _failed(f"unexpected {type(error).__name__}: {error}; `studio --verbose ...` shows where")
    if code == _INTERRUPTED:
        terminal.say("studio: stopped; start again to go on where it was")
    return int(code)


def _failed(text: str, code: int = 1) -> int:
    terminal.say(f"studio: {text}")
    return code


def _version(asked: bool) -> None:
    if asked:
        terminal.show(f"studio-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    terminal.start_logging(verbose)
