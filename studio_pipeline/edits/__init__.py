"""Edits: one file each, plan and render, and the one list that names them."""

from __future__ import annotations

from studio_pipeline.edits.base import Edit
from studio_pipeline.edits.clean_backdrop import CLEAN_BACKDROP
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND
from studio_pipeline.edits.frame_portrait import FRAME_PORTRAIT
from studio_pipeline.edits.heal_lint import HEAL_LINT
from studio_pipeline.edits.heal_skin import HEAL_SKIN
from studio_pipeline.edits.heal_spots import HEAL_SPOTS
from studio_pipeline.edits.match_backdrop import MATCH_BACKDROP
from studio_pipeline.edits.reduce_shine import REDUCE_SHINE
from studio_pipeline.edits.tame_flyaways import TAME_FLYAWAYS

# A new edit is one file and one line here; the order is the order of `presets check`.
_EDITS: tuple[Edit, ...] = (
    HEAL_SPOTS,
    CLEAN_BACKDROP,
    EXTEND_BACKGROUND,
    FRAME_PORTRAIT,
    MATCH_BACKDROP,
    HEAL_SKIN,
    REDUCE_SHINE,
    TAME_FLYAWAYS,
    HEAL_LINT,
)
EDITS: dict[str, Edit] = {edit.name: edit for edit in _EDITS}
if len(EDITS) != len(_EDITS):
    raise RuntimeError("two edits share a name")
