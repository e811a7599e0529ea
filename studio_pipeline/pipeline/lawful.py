"""Where recorded changes lie beyond what the recorded plans may write: for ``verify``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits import EDITS
from studio_pipeline.edits.base import writable_zones
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import proof
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.exchange import EdgeLaw, Lights, edge_law, unlawful
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.loose import loose, on_clothes
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, inside
from studio_pipeline.records.deliverable import DeliveryRecord
from studio_pipeline.records.lint import discs_on
from studio_pipeline.records.open_skin import may_change
from studio_pipeline.records.strands import strokes_on
from studio_pipeline.session.folder import Session

_TILE_PX = 512


def strayed(record: DeliveryRecord, zones: ZoneMap, canvas: Roi, before: Codes, after: Codes) -> Mask:
    """Where the recorded changes lie outside the zones that the recorded edits may write, or on open skin
    outside the spots and the shine that are on.
    """
    plans = record.proposal.active
    allowed = {zone for plan in plans for zone in writable_zones(EDITS[plan.edit], plan)}
    changed, there = (before != after).any(axis=2), on_canvas(zones, canvas)
    out = np.asarray(changed & ~inside(there, *allowed), np.bool_)
    skin = changed & inside(there, Zone.HEALABLE)
    for tile in canvas.tiles(_TILE_PX) if skin.any() else ():
        at = tile.within(canvas)
        if skin[at].any():
            out[at] |= skin[at] & ~may_change(plans, tile, 1.0)
    return out


def on_canvas(zones: ZoneMap, canvas: Roi) -> ZoneMap:
    out = np.full((canvas.extent.height, canvas.extent.width), int(Zone.NEW), np.uint8)
    whole = Roi(0, 0, *zones.shape)
    out[(whole & canvas).within(canvas)] = zones[(whole & canvas).within(whole)]
    return out


def freed(session: Session, record: DeliveryRecord, zones: ZoneMap, base: Frame) -> Mask:
    """``(h, w)`` of the base: where the strands and the lint that were approved may have been taken away."""
    strokes = [s for plan in record.proposal.active for s in strokes_on(plan, base.scale)]
    discs = [d for plan in record.proposal.active for d in discs_on(plan, base.scale)]
    found = np.zeros(zones.shape, np.bool_)
    if not strokes and not discs:
        return found
    matte = _matte(session, record)
    for tile in base.roi.tiles(_TILE_PX):
        at = tile.within(base.roi)
        found[at] = loose(strokes, zones[at], matte, base.roi, tile)
        found[at] |= on_clothes(discs, zones[at], matte, base.roi, tile)
    return found


def _matte(session: Session, record: DeliveryRecord) -> NDArray[np.uint8]:
    matte = proof.load_matte(session.records, record.matte_file)
    if proof.zones_sha256(matte) != record.proposal.matte_sha256:
        raise Refused("the matte is not the one that was approved")
    return matte


def unlawful_edges(
    session: Session,
    record: DeliveryRecord,
    zones: ZoneMap,
    base: Frame,
    kept: Roi,
    after: Codes,
    freed: Mask,
) -> Mask:
    """Edge pixels of what is ``kept`` of the base that hold what no exchange of the plans leads to.

    Without those that are ``freed``, which hold backdrop in place of a stray hair.
    """
    exchanges = [plan.exchange.lights() for plan in record.proposal.active if plan.exchange is not None]
    found = np.zeros(after.shape[:2], np.bool_)
    if not exchanges:
        return found
    matte = _matte(session, record)
    for tile in kept.tiles(_TILE_PX):
        where, here = tile.within(base.roi), tile.within(kept)
        edge = inside(zones[where], Zone.EDGE) & ~freed[where]
        if edge.any():
            laws = [_law(lights, matte, base, tile) for lights in exchanges]
            found[here] = unlawful(base.codes[where], after[here], edge, laws, base.encoding)
    return found


def _law(lights: Lights, matte: NDArray[np.uint8], base: Frame, tile: Roi) -> Callable[[Mask], EdgeLaw]:
    return lambda mask: edge_law(lights, matte, base.linear, base.roi, tile, base.scale, mask)
