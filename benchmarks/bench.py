"""What every part gets: the frames, the peers' figures, and how much is to be measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.geometry import Extent


@dataclass(frozen=True)
class Bench:
    """``warm_up`` and ``frames`` are DNG files of ``extent``, no two alike.

    ``raw_peers``: seconds that others take for one of them. ``runs``: how often what is short is repeated,
    for a median. ``shoot``, ``interval_s``: how many frames a shoot has, and the time between them.
    ``known_files``: how many a scan looks through; ``burst_s``: how long frames come at twenty a second.
    ``quality_px``: the long edge at which extensions are scored; ``sheets``: where contact sheets go, if any;
    ``only``: the sets and portraits that are scored, all when empty; ``gmic``: whether G'MIC is a peer;
    ``sizes_mp``: of the pictures whose extension is timed; ``full_peers``: time inpainting at full size;
    ``composites``, ``demo_frames``: how many pictures protection is measured on; ``composite_scale``: their
    size; ``heal_draws``: how often flaws are put on each face in each tone; ``same_pigment``: with the same
    pigment in every tone, not the same contrast.
    """

    scratch: Path
    extent: Extent
    warm_up: tuple[Path, ...]
    frames: tuple[Path, ...]
    raw_peers: dict[str, float]
    runs: int
    shoot: int
    interval_s: float
    known_files: int
    burst_s: float
    quality_px: int
    sheets: Path | None = None
    only: tuple[str, ...] = ()
    gmic: bool = True
    sizes_mp: tuple[float, ...] = (6, 12, 24, 60)
    full_peers: bool = False
    composites: int = 240
    demo_frames: int = 300
    composite_scale: float = 1.0
    heal_draws: int = 4
    same_pigment: bool = False

    def folder(self) -> Path:
        """A fresh folder on the drive that is measured on."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Of these names those that are to be scored."""
        return [name for name in names if not self.only or name in self.only]

    def beside(self, *names: str) -> dict[str, float]:
        """The peers of that name that were measured."""
        return {name: self.raw_peers[name] for name in names if name in self.raw_peers}
