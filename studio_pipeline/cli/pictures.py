"""One picture, without a session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio_pipeline import terminal
from studio_pipeline.cli.common import DEFAULT_PRESET, AsJson, PresetName

Picture = Annotated[Path, typer.Argument(metavar="IN", help="DNG or another RAW, TIFF, PNG, JPEG.")]


def edit(
    source: Picture,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Written as its ending says.")],
    preset: PresetName = DEFAULT_PRESET,
    edits: Annotated[
        list[str] | None, typer.Option("--edit", metavar="NAME", help="Only these edits.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.KEY=VALUE", help="A parameter; KEY=VALUE with one --edit."),
    ] = None,
    areas: Annotated[
        list[str] | None,
        typer.Option("--area", metavar="NAME=FILE", help="Work there: a mask (PNG, white = inside) or JSON."),
    ] = None,
    spares: Annotated[
        list[str] | None,
        typer.Option("--spare", metavar="NAME=FILE", help="Change nothing there; FILE alone with one edit."),
    ] = None,
    again: Annotated[
        int, typer.Option("--again", metavar="N", min=0, help="Another try: added to the seeds.")
    ] = 0,
    empty_set: Annotated[
        Path | None,
        typer.Option("--empty-set", metavar="FILE", help="The same set, from the same place, with nobody."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="A frame to match the backdrop to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Edit one picture, without a session. Edits of skin are refused."""
    from studio_pipeline.edits.base import EMPTY_SET, REFERENCE
    from studio_pipeline.pipeline import hands, settings, single
    from studio_pipeline.records.preset import load

    chosen = load(preset)
    specs = settings.specs(chosen, edits or [], values or [])
    given = {EMPTY_SET: empty_set, REFERENCE: reference}
    beside = {role: path for role, path in given.items() if path is not None}
    by_hand = hands.asked([spec.name for spec in specs], areas or [], spares or [], again)
    with terminal.progress("editing") as tell:
        answer = single.edit(
            source,
            out,
            chosen,
            specs,
            asked=bool(edits or values or areas or spares),
            by_hand=by_hand,
            beside=beside,
            tell=tell,
        )
    if as_json:
        terminal.print_json(answer)
        return
    for warning in answer["warnings"]:
        terminal.say(warning)
    terminal.show(f"{answer['out']} in {sum(answer['seconds'].values()):.1f} s")


def mask(
    source: Picture,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="A PNG; 255 = inside.")],
    what: Annotated[
        str, typer.Option("--what", help="protect (255 = may not change), face, skin or matte.")
    ] = "protect",
    as_json: AsJson = False,
) -> None:
    """Write one mask of one picture."""
    from studio_pipeline.pipeline import single
    from studio_pipeline.records.preset import load

    with terminal.progress("looking"):
        answer = single.mask(source, out, load(DEFAULT_PRESET), what)
    if as_json:
        terminal.print_json(answer)
        return
    faces = "1 face" if len(answer["faces"]) == 1 else f"{len(answer['faces'])} faces"
    terminal.show(f"{answer['out']}: {faces}; {answer['reason'] or 'sure of it'}")
