"""Lay the camera's own JPEG over our rendering of its RAW, and say which pixels can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding

LONG_EDGE_PX = 320
SMALLEST_JPEG_PX = 320  # long edge; smaller ones are icons, letter-boxed and blurred
_BORDER = 0.03
_DARKEST_CODE, _BRIGHTEST_CODE = 4, 248  # JPEG codes beyond are cut off by its range or its gamut
_DARKEST, _BRIGHTEST = 1e-4, 0.98  # and these of the sensor
_FLAT = 0.01  # gradient of sqrt(luminance) per pixel at which a pixel counts half
_FARTHEST = 0.06  # scale and shift, as a share: more is another picture, not another crop


class BadMatch(Exception):
    """There is nothing to match, or the match is no good; the text says which."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Pixels of both pictures, ``(n, 3)`` linear Rec.2020 float64, with the trust ``(n,)`` each deserves.

    ``usable``: clipped in neither picture.
    """

    sensor: NDArray[np.float64]
    jpeg: NDArray[np.float64]
    trust: NDArray[np.float64]
    usable: NDArray[np.bool_]


def pair(
    sensor: NDArray[np.uint16], clipped: NDArray[np.bool_], jpeg: Codes, encoding: RgbEncoding
) -> Samples:
    """Samples of both, upright, on a small common grid. Arguments as for ``match.fit``. Raises BadMatch."""
    if max(jpeg.shape[:2]) < SMALLEST_JPEG_PX:
        raise BadMatch(f"the embedded JPEG is too small to match ({jpeg.shape[1]}×{jpeg.shape[0]})")
    grid = Extent(*jpeg.shape[:2]).scaled(min(1.0, LONG_EDGE_PX / max(jpeg.shape[:2])))
    codes = np.rint(_resized(jpeg, grid)).astype(np.uint8)
    theirs = encoding.decode(codes)
    ours = _resized(_same_framing(sensor, grid).astype(np.float32) / np.float32(65535), grid)
    full = _resized(_same_framing(clipped, grid).astype(np.float32), grid)
    warp = _alignment(color.luminance(ours), color.luminance(theirs))
    ours, full = _blurred(_moved(ours, warp)), _moved(full, warp)
    theirs = _blurred(theirs)
    in_range = ((codes > _DARKEST_CODE) & (codes < _BRIGHTEST_CODE)).all(axis=2)
    usable = in_range & (full == 0) & ((ours > _DARKEST) & (ours < _BRIGHTEST)).all(axis=2)
    trust = _flatness(ours) * _flatness(theirs) * ~_outside_gamut(codes)
    edge_y, edge_x = (max(2, round(edge * _BORDER)) for edge in (grid.height, grid.width))
    inner = (slice(edge_y, -edge_y), slice(edge_x, -edge_x))
    return Samples(
        ours[inner].reshape(-1, 3).astype(np.float64),
        theirs[inner].reshape(-1, 3).astype(np.float64),
        trust[inner].ravel().astype(np.float64),
        usable[inner].ravel(),
    )


def _same_framing(picture: NDArray[np.generic], grid: Extent) -> NDArray[np.generic]:
    """The middle of the sensor that has the JPEG's aspect: cameras crop to 16:9 or 1:1 about the centre."""
    height, width = picture.shape[:2]
    wanted_h = min(height, round(width * grid.height / grid.width))
    wanted_w = min(width, round(height * grid.width / grid.height))
    top, left = (height - wanted_h) // 2, (width - wanted_w) // 2
    return picture[top : top + wanted_h, left : left + wanted_w]


def _resized(picture: NDArray[np.generic], grid: Extent) -> NDArray[np.float32]:
    size = (grid.width, grid.height)
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _moved(picture: NDArray[np.float32], warp: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _blurred(picture: Linear) -> Linear:
    """Enough to forget the camera's sharpening and noise reduction."""
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.2), 0, 1).astype(np.float32)


def _alignment(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The small affine that lays our picture over theirs (Evangelidis and Psarakis 2008), else the identity.

    Both are compared by rank, so that neither exposure nor the look's curve matters.
    """
    identity = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    none = np.full(ours.shape, 255, np.uint8)
    try:
        _, warp = cv2.findTransformECC(
            _ranked(theirs), _ranked(ours), identity.copy(), cv2.MOTION_AFFINE, stop, none, 5
        )
    except cv2.error:  # nothing to hold on to: an empty backdrop
        return identity
    moved = np.abs(warp - identity)
    near = moved[:, :2].max() < _FARTHEST and moved[:, 2].max() < _FARTHEST * max(ours.shape)
    return np.asarray(warp, np.float32) if near else identity


def _outside_gamut(codes: Codes) -> NDArray[np.bool_]:
    """Colours that the JPEG's own space could not hold: one channel cut off, another far from it."""
    low, high = codes.min(axis=2), codes.max(axis=2)
    return np.asarray(((low <= _DARKEST_CODE) & (high > 32)) | ((high >= _BRIGHTEST_CODE) & (low < 208)))


def _ranked(luminance: NDArray[np.float32]) -> NDArray[np.float32]:
    grey = np.rint(np.sqrt(np.clip(luminance, 0, 1)) * 255).astype(np.uint8)
    return np.asarray(cv2.equalizeHist(grey), np.float32)


def _flatness(picture: Linear) -> NDArray[np.float32]:
    """1 on flat ground, near 0 on edges, where a pixel's difference is sharpening or misplacement."""
    root = np.sqrt(color.luminance(picture).clip(0, 1))
    down, across = (cv2.Sobel(root, cv2.CV_32F, dx, 1 - dx, scale=0.125) for dx in (0, 1))
    return np.asarray(1 / (1 + (down**2 + across**2) / _FLAT**2), np.float32)
