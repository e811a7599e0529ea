"""What is installed: presets, engines, everything else; and the demo that shows it at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import AsJson, Port, user

presets = typer.Typer(no_args_is_help=True, help="Presets: what to propose and what to deliver.")


@presets.command("list")
def presets_list(as_json: AsJson = False) -> None:
    """The presets that ship."""
    from studio_pipeline.records.preset import load, names

    rows = [{"name": name, "title": load(name).title} for name in names()]
    if as_json:
        terminal.print_json(rows)
    else:
        terminal.print_table(["preset", ""], [[r["name"], r["title"]] for r in rows])


@presets.command("show")
def presets_show(
    name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")], as_json: AsJson = False
) -> None:
    """Every key of a preset with its value and meaning."""
    from studio_pipeline.pipeline import settings
    from studio_pipeline.records.preset import load

    preset = load(name)
    if as_json:
        terminal.print_json(preset.model_dump(mode="json"))
    else:
        terminal.print_table(["key", "value", "meaning"], settings.explained(preset))


@presets.command("check")
def presets_check(name: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")]) -> None:
    """Check a preset: every key, every edit's parameters."""
    from studio_pipeline.edits.stack import check
    from studio_pipeline.records.preset import load

    preset = load(name)
    check(preset.edits)
    edits = ", ".join(spec.name for spec in preset.edits) or "no edits"
    terminal.show(f"{name} is good: {edits}; {len(preset.deliverables)} deliverables")


def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; a new temporary folder if left out.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Approve, deliver, verify, then exit.")
    ] = False,
    port: Port = 0,
) -> None:
    """Render a small shoot, tether it in, propose, review."""
    from studio_pipeline.demo.run import run_demo

    run_demo(folder, headless=headless, port=port, user=user(), announce=terminal.announce)


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A session, or where one is to be.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is installed, what is missing, and how to mend it; and how a folder would be watched."""
    from studio_pipeline.pipeline import doctor as check

    findings = check.examine(folder or Path.cwd())
    if as_json:
        terminal.print_json([f.as_json() for f in findings])
    else:
        rows = [[f.mark, f.what, f.found, f.mend] for f in findings]
        terminal.print_table(["", "what", "found", "mend"], rows)
    if any(f.broken for f in findings):
        raise typer.Exit(1)
