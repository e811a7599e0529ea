"""The one function that writes edited pixels, and the check that it wrote nothing else."""

from __future__ import annotations

import numpy as np

from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import noise
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding
from studio_pipeline.pixels.exchange import EdgeLaw
from studio_pipeline.pixels.masks import Mask


def composite(
    before: Codes,
    edited: Linear,
    edit_mask: Mask,
    writable: Mask,
    *,
    encoding: RgbEncoding,
    roi: Roi,
    edit: str,
    dither_seed: int | None,
    edge: EdgeLaw | None = None,
) -> Codes:
    """Write ``edited`` into a copy of ``before`` where ``edit_mask`` is set, and prove it stayed in bounds.

    Args:
        before: codes ``(h, w, 3)`` of the canvas region ``roi``.
        edited: linear Rec.2020 ``(h, w, 3)`` float32; read only inside ``edit_mask``.
        edit_mask: ``(h, w)``, True where the edit wants to write.
        writable: ``(h, w)``, True where the zones and the reviewer allow it.
        dither_seed: written pixels get half a code of dither, addressed by canvas place; None for none.
        edge: pixels that are part person. They are written by their law, whatever ``edited`` holds there.

    Returns:
        New codes, same type. Pixels outside ``edit_mask`` are the same code values, never converted.

    Raises:
        LockedPixelsChanged: a pixel outside ``writable`` would differ; nothing is returned.
    """
    bits, dither = 8 * before.dtype.itemsize, None
    free = edit_mask if edge is None else edit_mask & ~edge.mask
    if dither_seed is not None and free.any():
        dither = noise.uniform(roi, dither_seed)
    if free.all():
        after = encoding.encode(edited, bits, dither)
    else:
        after = before.copy()
        some = None if dither is None else dither[free]
        after[free] = encoding.encode(edited[free], bits, some)
    if edge is not None:
        after[edge.mask] = edge.applied(before[edge.mask], encoding)
    if writable.all():
        return after
    strayed = (after != before).any(axis=2) & ~writable
    if strayed.any():
        y, x = np.argwhere(strayed)[0]
        first = (int(y) + roi.y0, int(x) + roi.x0)
        raise LockedPixelsChanged(edit, int(np.count_nonzero(strayed)), first)
    return after
