"""What lowering light does to the colour of skin beside its lightness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.color import Linear, to_lab


def chroma_shift(before: Linear, after: Linear) -> NDArray[np.float32]:
    """CIEDE2000 ``(h, w)`` of two linear Rec.2020 pictures, as if both had the first one's lightness."""
    from skimage.color import deltaE_ciede2000

    one, other = to_lab(before), to_lab(after)
    other[..., 0] = one[..., 0]
    return np.asarray(deltaE_ciede2000(one, other), np.float32)
