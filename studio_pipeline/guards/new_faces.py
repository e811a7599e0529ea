"""Nobody was invented: the detectors find no face in new area. Its limit is 0."""

from __future__ import annotations

import numpy as np

from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.sides import extension
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult

_GROWN = 0.02  # of the base's short edge: half a face may lie across the seam


class NewFaces:
    """Faces whose centre lies in new area or just inside the base beside it, the person aside."""

    name = "new_faces"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        plan = extension(rendered)
        if plan is None:
            return []
        faces = count_faces(rendered.after, rendered.encoding, _searched(rendered))
        return [GuardResult(name=self.name, edit=plan.edit, value=faces, limit=0, passed=faces == 0)]


def _searched(rendered: Rendered) -> Mask:
    base = rendered.base
    margin = round(_GROWN * min(base.extent.height, base.extent.width))
    searched = np.ones(rendered.zones.shape, np.bool_)
    searched[(base.grown(-margin) & rendered.canvas).within(rendered.canvas)] = False
    # A sitter close to the border has a face of their own.
    rows, columns = rendered.kept.within(rendered.canvas)
    searched[rows, columns] &= inside(rendered.zones[rows, columns], Zone.BACKDROP)
    return searched
