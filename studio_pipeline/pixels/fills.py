"""Backdrop in place of a thing: the light of the set, and its texture in pieces from clean places nearby."""

from __future__ import annotations

import math

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.light import LightGrid, Tone, fill_unseen, fit_surface, read_cells
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.texture import Piece, clean_windows

_CELLS = 112  # along the long edge
_SMOOTH_CELLS = 0.6
_PIECE = 0.05  # of the long edge
_TRIES = 48
_OUTSIDE = 0.02  # of the long edge: how far an area that touches the border is drawn beyond it


def light_under(tone: Tone, readable: Mask, scale: float) -> LightGrid | None:
    """The backdrop's light everywhere, tone ``(rows, columns, 3)``; None where too little can be read."""
    cell = max(4, round(Extent(*readable.shape).long_edge / _CELLS))
    cells, weights = read_cells(tone, readable, cell)
    if np.count_nonzero(weights > 0.3) < 12:
        return None
    surface = fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    filled = fill_unseen(cells, weights, surface)
    beyond = cv2.GaussianBlur(filled - surface, (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE)
    cell_px = cell / scale
    return LightGrid(surface + beyond, 0.5 * cell_px, 0.5 * cell_px, cell_px)


def pieces_for(residual: Tone, clean: Mask, area: Mask, rng: np.random.Generator) -> list[Piece]:
    """Pieces that cover ``area``, each the candidate that agrees best with what already lies there.

    Args:
        residual: ``(h, w, 3)`` tone less light.
        clean: ``(h, w)``, True where texture may be copied from.
        area: ``(h, w)``, True where it is needed.
    """
    size = max(12, round(_PIECE * Extent(*area.shape).long_edge))
    places = clean_windows(clean, Extent(size, size), max(1, size // 8))
    while len(places) < 4 and size >= 12:
        size //= 2
        places = clean_windows(clean, Extent(size, size), max(1, size // 8))
    if len(places) < 4:
        return []
    ys, xs = np.nonzero(area)
    overlap = max(3, size // 3)
    drawn, known = residual.copy(), clean & ~area
    used = np.zeros(len(places))
    pieces = []
    for y0 in range(int(ys.min()) - overlap, int(ys.max()) + 1, size - overlap):
        for x0 in range(int(xs.min()) - overlap, int(xs.max()) + 1, size - overlap):
            roi = Roi(y0, x0, y0 + size, x0 + size)
            target = roi & Roi.of(Extent(*area.shape))
            if target.empty or not area[target.within(Roi.of(Extent(*area.shape)))].any():
                continue
            pieces.append(_piece(roi, target, places, used, residual, drawn, known, overlap, rng))
    return pieces


def _piece(
    roi: Roi,
    target: Roi,
    places: np.ndarray[tuple[int, int], np.dtype[np.int64]],
    used: np.ndarray[tuple[int], np.dtype[np.float64]],
    residual: Tone,
    drawn: Tone,
    known: Mask,
    overlap: int,
    rng: np.random.Generator,
) -> Piece:
    size = roi.extent.height
    away = np.hypot(places[:, 0] - roi.y0, places[:, 1] - roi.x0)
    likely = np.exp(-away / (3.0 * size)) / (1 + 4 * used) + 1e-9
    picks = rng.choice(len(places), min(_TRIES, len(places)), replace=False, p=likely / likely.sum())
    at, inner = target.within(Roi.of(Extent(*known.shape))), target.within(roi)
    thin = (slice(None, None, max(1, size // 32)),) * 2
    seen, wanted = known[at][thin], drawn[at][thin]
    costs = []
    for y, x in places[picks]:
        window = residual[y : y + size, x : x + size][inner][thin]
        unlike = float(np.square(window[seen] - wanted[seen]).mean()) if seen.any() else 0.0
        costs.append(unlike)
    best = picks[int(np.argmin(np.array(costs) * (1 + used[picks])))]
    y, x = (int(v) for v in places[best])
    used[np.abs(places - places[best]).max(axis=1) < size // 2] += 1
    fresh = ~known[at]
    drawn[at][fresh] = residual[y : y + size, x : x + size][inner][fresh]
    known[at] = True
    return Piece(roi, Point(y, x), (overlap,) * 4)


def outlines(mask: Mask, scale: float) -> tuple[tuple[Point, ...], ...]:
    """A mask's outer contours in master pixels; at the picture's border they go on beyond it."""
    beyond = math.ceil(_OUTSIDE * max(mask.shape))
    contours, _ = cv2.findContours(
        np.pad(mask, beyond, mode="edge").astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    found = []
    for contour in contours:
        corners = cv2.approxPolyDP(contour, 0.7, True).reshape(-1, 2) - beyond
        if len(corners) > 2:
            places = np.rint((corners + 0.5) / scale - 0.5).astype(int)
            found.append(tuple(Point(int(y), int(x)) for x, y in places))
    return tuple(found)
