"""Covariant healing: texture from a source, light from around (T. Georgiev, Adobe, 2004-2005).

The difference between target and source is carried across the flaw by Laplace's equation, and the source is
added back: low frequencies follow the surroundings, every finer one comes from the source untouched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask

_STRANGE, _FLOOR = 5.0, 1e-3  # deviations, and light
_FOUR_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def laplace(values: NDArray[np.float32], inside: Mask) -> NDArray[np.float32]:
    """Replace ``values`` where ``inside`` by the membrane that the pixels around hold up.

    Solves the 5-point Laplace equation, exactly (sparse factorisation): Dirichlet at every pixel outside the
    mask, no flow through the border of the array. Meant for flaws: some ten thousand pixels at most.

    Args:
        values: ``(h, w, c)`` float32, any unit; read only outside ``inside``.
        inside: ``(h, w)``, True where values are unknown.

    Returns:
        A new array, equal to ``values`` outside the mask, and everywhere where nothing is outside it.
    """
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    out = values.astype(np.float32)
    unknowns = int(np.count_nonzero(inside))
    if unknowns in (0, inside.size):
        return out
    height, width = inside.shape
    number = np.full(inside.shape, -1, np.int32)
    number[inside] = np.arange(unknowns, dtype=np.int32)
    y, x = np.nonzero(inside)

    degree = np.zeros(unknowns)
    known = np.zeros((unknowns, values.shape[2]))
    rows, columns = [number[y, x]], [number[y, x]]
    for dy, dx in _FOUR_NEIGHBOURS:
        ny, nx = y + dy, x + dx
        here = np.nonzero((ny >= 0) & (ny < height) & (nx >= 0) & (nx < width))[0]
        beside = number[ny[here], nx[here]]
        degree[here] += 1
        fixed = here[beside < 0]
        known[fixed] += values[ny[fixed], nx[fixed]]
        rows.append(here[beside >= 0])
        columns.append(beside[beside >= 0])
    entries = np.concatenate([degree, np.full(sum(map(len, rows[1:])), -1.0)])
    place = (np.concatenate(rows), np.concatenate(columns))
    matrix = csc_array((entries, place), shape=(unknowns, unknowns))
    # Symmetric and diagonally dominant, and every part has a known pixel beside it: no pivoting is needed.
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    out[inside] = factors.solve(known)
    return out


def unlike(difference: NDArray[np.float32], known: Mask) -> Mask:
    """Pixels of ``known`` ``(h, w)`` whose ``difference`` ``(h, w, c)`` is far from that of most of them.

    By the median and the median deviation of each channel, which a few strange pixels do not move.
    """
    values = difference[known]
    if not len(values):
        return np.zeros_like(known)
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    far = np.abs(difference - middle) > _STRANGE * spread + _FLOOR * (1 + np.abs(middle))
    return np.asarray(known & far.any(axis=2), np.bool_)


def heal(target: Linear, source: Linear, inside: Mask) -> Linear:
    """``target`` with its flaw healed from ``source``.

    Args:
        target: ``(h, w, 3)`` float32 in any tone that light adds up in (linear, here Rec.2020).
        source: the same shape, clean; aligned so that its pixels go to the same places.
        inside: ``(h, w)``, True where the flaw is. The border pixels of the window should be outside it.

    Returns:
        A new array, equal to ``target`` outside the mask. Values may leave 0..1 slightly; encoding clips.
    """
    healed = target.copy()
    healed[inside] = (source + laplace(target - source, inside))[inside]
    return healed
