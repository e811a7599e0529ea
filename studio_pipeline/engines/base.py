"""What an inpainting engine is to an edit: capabilities and one call. Edits see this module only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an edit may ask of an engine; engines are chosen by these, never by name."""

    generative: bool
    needs_weights: bool
    long_edge_px: int
    multiple_px: int


class Engine(Protocol):
    """Fills ``fill`` (True = to be filled) of a proxy crop ``(h, w, 3)``, linear Rec.2020 float32.

    What it returns outside ``fill`` is ignored: the gate writes nothing there.
    """

    name: str
    version: int
    licence: str
    capabilities: Capabilities

    def fill(self, crop: Linear, fill: Mask, seed: int) -> Linear: ...
