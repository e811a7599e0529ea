"""What every part gets: the frames, the peers' figures, and how much is to be measured."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.geometry import Extent


@dataclass(frozen=True)
class Bench:
    """``frames``: DNG files of ``extent``, no two alike. ``raw_peers``: seconds others take for one.

    ``runs``: how often what is short is repeated, for a median. ``interval_s``: between a shoot's frames.
    """

    scratch: Path
    extent: Extent
    frames: tuple[Path, ...]
    raw_peers: dict[str, float]
    runs: int
    interval_s: float
    quality_px: int

    def folder(self) -> Path:
        """A fresh folder on the drive that is measured on."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def beside(self, *names: str) -> dict[str, float]:
        """The peers of that name that were measured."""
        return {name: self.raw_peers[name] for name in names if name in self.raw_peers}
