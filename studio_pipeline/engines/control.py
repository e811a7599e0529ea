"""Control images: what of a set's structure a model is held to. The one user of controlnet_aux."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.engines.base import EngineRequest, Shown
from studio_pipeline.errors import Refused
from studio_pipeline.pixels.masks import Mask, grow

Codes8 = NDArray[np.uint8]

_PITCH_PX = 64  # the detectors' own grid: a picture of another size would be resampled
_CLEAR_PX = 6  # around who was taken out
_SHIFT = 4  # of OpenCV's fixed-point places: sixteenths of a pixel
ALWAYS = ("canny", "lineart")
"""Made without weights."""
_OF_WEIGHTS = {
    "depth": ("MidasDetector", ("dpt_hybrid-midas-501f0c75.pt",)),
    "mlsd": ("MLSDdetector", ("mlsd_large_512_fp32.pth",)),
    "hed": ("HEDdetector", ("ControlNetHED.pth",)),
    "openpose": ("OpenposeDetector", ("body_pose_model.pth", "hand_pose_model.pth", "facenet.pth")),
}
LINES = ("canny", "lineart", "mlsd", "hed")
"""Kinds that show edges: lines that are carried on are drawn into these."""


def can_make(kind: str, annotators: Path) -> bool:
    """Whether a control image of this kind can be made, with what lies in the annotators' folder."""
    return all(
        (annotators / file).is_file() for _, files in [_OF_WEIGHTS.get(kind, ("", ()))] for file in files
    )


def with_controls(
    request: EngineRequest, kinds: Collection[str], annotators: Path | None = None
) -> EngineRequest:
    """The request with a control image of every kind; those that it has already are kept.

    Each is made at the context's own size. Where somebody was taken out it shows nothing, so that no model is
    asked to draw a limb; ``request.lines`` are drawn into the region, since no detector sees anything there.

    Args:
        annotators: folder with the weights of depth, MLSD, HED and OpenPose, as ControlNet's annotators name
            them.

    Raises:
        Refused: a kind that nobody knows, or whose weights are not there.
    """
    missing = [kind for kind in kinds if kind not in request.controls]
    if not missing:
        return request
    codes = np.rint(255 * np.clip(request.context, 0, 1)).astype(np.uint8)
    made = {kind: _control(kind, codes, request, annotators) for kind in missing}
    return replace(request, controls=dict(request.controls) | made)


def _control(kind: str, codes: Codes8, request: EngineRequest, annotators: Path | None) -> Shown:
    found = _detected(_detector(kind, annotators), codes)
    hidden: Mask = grow(request.taken_out, _CLEAR_PX) if request.taken_out.any() else request.taken_out
    if kind in LINES:
        found[hidden] = 0
        _draw(found, request.lines)
    elif kind == "depth" and hidden.any():  # a hole would be a cliff
        found = np.asarray(cv2.inpaint(found, hidden.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)
    elif hidden.any():
        found[hidden] = 0
    return found.astype(np.float32) / np.float32(255)


def _detected(detector: Callable[[Codes8, int], Any], codes: Codes8) -> Codes8:
    """What a detector sees, pixel on pixel: the picture is widened to its grid, and the rest cut off."""
    height, width = codes.shape[:2]
    down, right = -height % _PITCH_PX, -width % _PITCH_PX
    wide = np.asarray(cv2.copyMakeBorder(codes, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    seen = np.asarray(detector(wide, min(wide.shape[:2])), np.uint8)
    if seen.ndim == 2:
        seen = np.asarray(cv2.merge([seen] * 3), np.uint8)
    if seen.shape[:2] != wide.shape[:2]:
        seen = np.asarray(cv2.resize(seen, wide.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.ascontiguousarray(seen[:height, :width])


def _detector(kind: str, annotators: Path | None) -> Callable[[Codes8, int], Any]:
    import controlnet_aux as aux

    if kind == "canny":
        canny = aux.CannyDetector()
        return lambda codes, size: canny(
            codes, detect_resolution=size, image_resolution=size, output_type="np"
        )
    if kind == "lineart":
        lineart = aux.LineartStandardDetector()
        return lambda codes, size: lineart(codes, detect_resolution=size, output_type="np")
    if kind not in _OF_WEIGHTS:
        known = ", ".join((*ALWAYS, *_OF_WEIGHTS))
        raise Refused(f"there is no control image of the kind {kind!r}; there are: {known}")
    name, files = _OF_WEIGHTS[kind]
    missing = [file for file in files if annotators is None or not (annotators / file).is_file()]
    if missing:
        raise Refused(f"a control image of the kind {kind!r} wants {', '.join(missing)} in a local folder")
    try:
        seeing = getattr(aux, name).from_pretrained(str(annotators), local_files_only=True)
    except Exception as error:  # whatever a reader of pickles raises; torch reads tensors only
        first = str(error).strip().splitlines()[:1]
        raise Refused(f"the weights for {kind!r} in {annotators} cannot be read: {first}") from error
    return lambda codes, size: seeing(codes, detect_resolution=size, image_resolution=size, output_type="np")


def _draw(image: Codes8, lines: NDArray[np.float32]) -> None:
    for y0, x0, y1, x1 in np.rint(lines * (1 << _SHIFT)).astype(int).tolist():
        cv2.line(image, (x0, y0), (x1, y1), (255, 255, 255), 1, cv2.LINE_AA, _SHIFT)
