"""The limits of what may be healed on skin, read from finished pixels, whatever the plan says of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered, results
from studio_pipeline.guards.locked_pixels import changed_pixels
from studio_pipeline.pixels.faces import nearest_face, own_part
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.pixels.metrics import farness, grain_ratio
from studio_pipeline.pixels.retouch import REACH, RING_PX, energies, shift
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.open_skin import gain_on, may_change
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.retouch import RADIUS_MAX, SHARE_MAX, SHIFT_MAX, TEXTURE, SkinPlan
from studio_pipeline.records.spots import Disc

_PIXEL = 0.75  # how far a pixel's own corners reach from where its centre counts
_FEW_PIXELS = 60  # of one face: texture is then said of fewer than can be told


@dataclass(frozen=True, eq=False)
class _Skin:
    """Where one face's own open skin is, and what of it differs from the null render."""

    face: Roi
    window: Roi
    open_skin: Mask
    changed: Mask


class Retouch:
    """Of spots healed on skin: the largest, all together, the strongest shift of colour, and their texture.

    A changed pixel of open skin that is in no spot that is on counts as a spot of its own without a limit.
    """

    name = "retouch"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        out = []
        for plan in rendered.plans:
            if plan.edit == SkinPlan.EDIT:
                out += _of_plan(rendered, plan)
        return out


def _of_plan(rendered: Rendered, plan: Plan) -> list[GuardResult]:
    body = SkinPlan.model_validate(plan.body)
    on = [spot.disc(rendered.scale) for spot in body.on(plan.off)]
    every = [spot.disc(rendered.scale) for spot in (*body.spots, *body.left)]
    all_discs = [Disc(d.y, d.x, d.radius_px + 1) for d in every]
    radius = share = moved = 0.0
    outside = 0
    texture = 1.0
    for number in range(len(rendered.faces)):
        skin = _skin(rendered, number)
        if skin is None:
            continue
        discs = [disc for disc in on if _face_of(rendered, disc) == number]
        spots = covered(discs, skin.window)
        outside += int(
            np.count_nonzero(skin.changed & ~may_change(rendered.plans, skin.window, rendered.scale))
        )
        share = max(share, np.count_nonzero(skin.changed & spots) / max(1, np.count_nonzero(skin.open_skin)))
        radius = max([radius, *(_radius(skin, disc) for disc in discs)])
        moved = max([moved, *(_shift(rendered, disc) for disc in discs)])
        texture = max(texture, _texture(rendered, skin, discs, all_discs), key=farness)
    low, high = TEXTURE
    figures = (
        ("outside_spots", float(outside), 0.0, 0.0, "px"),
        ("spot_radius", 100 * radius, 0.0, 100 * RADIUS_MAX, "% of the face"),
        ("retouched_skin", 100 * share, 0.0, 100 * SHARE_MAX, "% of the skin"),
        ("spot_shift", moved, 0.0, SHIFT_MAX, "ΔE2000"),
        ("spot_texture", texture, low, high, ""),
    )
    return results(plan, figures)


def _window(rendered: Rendered, face: Roi) -> Roi:
    return face.grown(face.extent.height // 4) & rendered.kept


def _face_of(rendered: Rendered, disc: Disc) -> int | None:
    """The number of the face that a disc is judged by: of those it may lie on, the nearest; None outside."""
    faces = rendered.faces
    near = [k for k, face in enumerate(faces) if not (disc.roi & _window(rendered, face)).empty]
    return near[nearest_face(disc.y, disc.x, [faces[k] for k in near])] if near else None


def _skin(rendered: Rendered, number: int) -> _Skin | None:
    face = rendered.faces[number]
    window = _window(rendered, face)
    if window.empty:
        return None
    open_skin = inside(rendered.zones[window.within(rendered.canvas)], Zone.HEALABLE)
    open_skin &= own_part(window, rendered.faces, number)
    return _Skin(face, window, open_skin, changed_pixels(rendered, window) & open_skin)


def _radius(skin: _Skin, disc: Disc) -> float:
    """How far from the disc's middle its changed pixels reach, over the face's height."""
    part = disc.roi & skin.window
    changed = skin.changed[part.within(skin.window)] & disc.mask(part)
    if not changed.any():
        return 0.0
    rows, columns = np.nonzero(changed)
    reach = np.hypot(rows + part.y0 - disc.y, columns + part.x0 - disc.x).max()
    return max(0.0, float(reach) - _PIXEL) / skin.face.extent.height


def _shift(rendered: Rendered, disc: Disc) -> float:
    """Against the base with its shine lowered, where another edit does that: it has a guard of its own."""
    window = disc.roi.grown(math.ceil(REACH * disc.radius_px)) & rendered.kept
    where = window.within(rendered.canvas)
    before, after = (rendered.encoding.decode(codes[where]) for codes in (rendered.before, rendered.after))
    lowered = gain_on(rendered.plans, window, rendered.scale)
    before = np.where(inside(rendered.zones[where], Zone.HEALABLE)[..., None], before * lowered, before)
    return shift(before, after, disc.mask(window), disc.radius_px)


def _texture(rendered: Rendered, skin: _Skin, discs: list[Disc], all_discs: list[Disc]) -> float:
    """Of all the spots of a face together: one alone has too few pixels to tell."""
    inner = outer = 0.0
    pixels = 0
    for disc in discs:
        window = disc.roi.grown(math.ceil(disc.radius_px) + 3) & skin.window
        spot = disc.mask(window)
        ring = disc.mask(window, disc.radius_px + RING_PX) & ~covered(all_discs, window)
        around = ring & skin.open_skin[window.within(skin.window)]
        codes = rendered.after[window.within(rendered.canvas)]
        own, beside = energies(rendered.encoding.decode(codes), spot, around)
        count = int(np.count_nonzero(spot))
        pixels, inner, outer = pixels + count, inner + count * own, outer + count * beside
    return grain_ratio(inner / pixels, outer / pixels) if pixels >= _FEW_PIXELS else 1.0
