"""`make bench`: python -m benchmarks [PART ...]."""

from __future__ import annotations

import importlib
import json as json_module
import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Report, load, machine
from benchmarks.frames import extent_of, write_frames


class Part(StrEnum):
    """Each is a module of that name with a ``measure(bench)``."""

    INGEST = "ingest"
    FRAME = "frame"
    PACE = "pace"
    STAGES = "stages"
    EXTENSION = "extension"
    PORTRAITS = "portraits"
    BLOCKS = "blocks"
    EXTENDING = "extending"
    FACES = "faces"
    REFUSALS = "refusals"
    PROTECTION = "protection"
    ENGINES = "engines"
    AROUND = "around"
    HEALING = "healing"
    SHINE = "shine"
    LINT = "lint"
    STRAYS = "strays"


WARM_UP_FRAMES = 3
_NEEDS_FRAMES = (Part.INGEST, Part.FRAME, Part.PACE, Part.STAGES)


def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="What to measure; all of it by default.")] = None,
    megapixels: Annotated[float, typer.Option(help="Size of the RAW frames.")] = 24.0,
    frames: Annotated[int, typer.Option(help="Frames of the shoot whose pace is measured.")] = 8,
    interval: Annotated[float, typer.Option(help="Seconds between them.")] = 3.0,
    runs: Annotated[int, typer.Option(help="Repetitions of what is short; medians are shown.")] = 3,
    known_files: Annotated[int, typer.Option(help="Files in the folder that is scanned.")] = 40_000,
    burst: Annotated[float, typer.Option(help="Seconds of twenty frames a second.")] = 60.0,
    quality_px: Annotated[int, typer.Option(help="Long edge at which extensions are scored.")] = 900,
    only: Annotated[list[str] | None, typer.Option(help="Score this set, portrait or group only.")] = None,
    sizes: Annotated[str, typer.Option(help="Megapixels at which extending is timed.")] = "6,12,24,60",
    full_peers: Annotated[bool, typer.Option(help="Time inpainting at full size up to 24 MP.")] = False,
    gmic: Annotated[bool, typer.Option(help="Score G'MIC where it is installed.")] = True,
    sheet: Annotated[Path | None, typer.Option(help="A folder for contact sheets.")] = None,
    composites: Annotated[
        int, typer.Option(help="People before backdrops whose protection is scored.")
    ] = 240,
    demo_frames: Annotated[int, typer.Option(help="Ordinary frames that should not be refused.")] = 300,
    heal_draws: Annotated[int, typer.Option(help="Draws of flaws for each face and skin tone.")] = 4,
    same_pigment: Annotated[
        bool, typer.Option(help="Blemishes of the same pigment in every tone, not of the same contrast.")
    ] = False,
    darktable: Annotated[bool, typer.Option(help="Time darktable-cli where it is installed.")] = True,
    scratch: Annotated[Path | None, typer.Option(help="A folder on the drive to measure on.")] = None,
    markdown: Annotated[bool, typer.Option(help="Print the tables as Markdown.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file too.")] = None,
) -> None:
    """Measure the pipeline beside named peers and print ratios of one run. Nothing fails for being slow."""
    chosen = parts or list(Part)
    report = Report(machine())
    folder = Path(tempfile.mkdtemp(prefix="studio-bench-", dir=scratch))
    try:
        asked: dict[str, Any] = {
            "known_files": known_files,
            "burst_s": burst,
            "quality_px": quality_px,
            "sheets": sheet,
            "only": tuple(only or ()),
            "gmic": gmic,
            "sizes_mp": tuple(map(float, sizes.split(","))),
            "full_peers": full_peers,
            "composites": composites,
            "demo_frames": demo_frames,
            "heal_draws": heal_draws,
            "same_pigment": same_pigment,
        }
        bench = _prepare(folder, chosen, megapixels, frames, runs, interval, darktable, asked)
        size = f"{bench.extent.width} × {bench.extent.height}"
        for name, seconds in bench.raw_peers.items():
            report.figures.append(Figure("peers", name, seconds, note=size))
        for part in chosen:
            typer.echo(f"{part.value} ... (load {load()})", err=True)
            for row in importlib.import_module(f"benchmarks.{part.value}").measure(bench):
                (report.figures if isinstance(row, Figure) else report.scores).append(row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.machine["load_after"] = load()
    report.show(markdown)
    if json is not None:
        json.write_text(json_module.dumps(report.json(), indent=1), encoding="utf-8")


def _prepare(
    folder: Path,
    parts: list[Part],
    megapixels: float,
    frames: int,
    runs: int,
    interval_s: float,
    darktable: bool,
    asked: dict[str, Any],
) -> Bench:
    """Render the frames that the parts need, and time the peers on one of them."""
    extent, paths, raw_peers = extent_of(megapixels), [], {}
    if set(parts) & set(_NEEDS_FRAMES):
        count = WARM_UP_FRAMES + max(frames if Part.PACE in parts else 0, runs)
        typer.echo(f"rendering {count} frames of {extent.width} × {extent.height} ...", err=True)
        (folder / "frames").mkdir()
        paths = write_frames(folder / "frames", count, extent)
        raw_peers = peers.libraw(paths[0], runs)
        if darktable:
            raw_peers |= peers.darktable(paths[0], folder)
    warm_up, rest = tuple(paths[:WARM_UP_FRAMES]), tuple(paths[WARM_UP_FRAMES:])
    return Bench(folder, extent, warm_up, rest, raw_peers, runs, frames, interval_s, **asked)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
