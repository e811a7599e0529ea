"""Where on open skin the plans may change anything: the gate, the guards and ``verify`` ask here."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.retouch import SkinPlan
from studio_pipeline.records.shine import NOTHING, ShinePlan


def may_change(plans: Iterable[Plan], roi: Roi, scale: float) -> Mask:
    """``(h, w)`` of a region: in the disc of a spot that is on, or where shine that is on is lowered.

    No heal reaches into the disc of a lasting mark that is off, whatever disc beside it does; shine that is
    lowered around it is lowered on it, too.
    """
    out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    plans = list(plans)
    for plan in plans:
        if plan.edit == SkinPlan.EDIT:
            out |= SkinPlan.model_validate(plan.body).healed(plan.off, roi, scale)
    return out | (gain_on(plans, roi, scale)[..., 0] < 1 - NOTHING)


def gain_on(plans: Iterable[Plan], roi: Roi, scale: float) -> NDArray[np.float32]:
    """``(h, w, 1)``: by what the light of a region's open skin is multiplied."""
    out = np.ones((roi.extent.height, roi.extent.width, 1), np.float32)
    for plan in plans:
        if plan.edit == ShinePlan.EDIT:
            out *= ShinePlan.model_validate(plan.body).gain(plan.off, roi, scale)
    return out
