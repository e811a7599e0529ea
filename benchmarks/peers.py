"""The peers: LibRaw itself, OpenCV's inpainting, G'MIC, darktable; each does its own part only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import timed
from studio_pipeline.geometry import Insets

Picture = NDArray[np.uint8]
"""sRGB ``(h, w, 3)``."""
Extend = Callable[[Picture, Insets], Picture]

HALF, AHD, DARKTABLE, TELEA, NS = "LibRaw half", "LibRaw AHD", "darktable-cli", "Telea", "Navier-Stokes"
GMIC = "G'MIC"
_GMIC_PATCHES = "[1],0,9,10,5,1,0,0"  # all scales, patches of 9, 10 iterations, blended over 5
_RADIUS_PX = 5
_CONTEXT_PX = 64
_PATIENCE_S = 60.0
_TRIAL = 1 / 8


def libraw(raw: Path, runs: int) -> dict[str, float]:
    """Seconds from file to linear 16-bit RGB by LibRaw alone, at half size and in full."""
    return {HALF: timed(lambda: _decode(raw, True), runs), AHD: timed(lambda: _decode(raw, False), runs)}


def _decode(raw: Path, half: bool) -> NDArray[np.uint16]:
    import rawpy

    with rawpy.imread(str(raw)) as opened:
        settings: dict[str, Any] = {"gamma": (1, 1), "no_auto_bright": True, "use_camera_wb": True}
        pixels: NDArray[np.uint16] = opened.postprocess(
            half_size=half,
            output_bps=16,
            demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
            **settings,
        )
    return pixels


def darktable(raw: Path, scratch: Path) -> dict[str, float]:
    """Seconds of `darktable-cli` from RAW to 16-bit TIFF, its default edits; empty where it is missing."""
    program = shutil.which("darktable-cli")
    if program is None:
        return {}
    own = scratch / "darktable"
    own.mkdir(exist_ok=True)
    command = [program, str(raw), str(own / "out.tif"), "--core", "--disable-opencl"]
    command += ["--configdir", str(own), "--cachedir", str(own), "--library", ":memory:"]
    command += ["--conf", "plugins/imageio/format/tiff/bpp=16"]
    seconds = []
    for _ in range(2):  # the first run also makes its configuration
        (own / "out.tif").unlink(missing_ok=True)
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return {DARKTABLE: seconds[-1]}


def inpainting(
    picture: Picture, added: Insets, patience_s: float = _PATIENCE_S
) -> tuple[dict[str, float], str]:
    """Seconds of `cv2.inpaint` for the new area, 8 bit, with a strip of the picture beside it; and a note.

    First at an eighth of the size; the full size only if that would not take longer than ``patience_s``.
    """
    strip = picture if added.top or added.bottom else _beside(picture, added)
    seconds, notes = {}, []
    for name, flag in ((TELEA, cv2.INPAINT_TELEA), (NS, cv2.INPAINT_NS)):
        small = cv2.resize(strip, None, fx=_TRIAL, fy=_TRIAL, interpolation=cv2.INTER_AREA)
        few = Insets(*(round(v * _TRIAL) for v in (added.top, added.left, added.bottom, added.right)))
        trial_s = timed(lambda s=small, f=few, k=flag: inpaint(s, f, k), 1) / _TRIAL**2  # type: ignore[misc]
        if trial_s < patience_s:
            seconds[name] = timed(lambda k=flag: inpaint(strip, added, k), 1)  # type: ignore[misc]
        else:
            seconds[name] = trial_s
            notes.append(f"{name} at 1/8 of the size, × 64")
    return seconds, "; ".join(notes)


def _beside(picture: Picture, added: Insets) -> Picture:
    """The columns that inpainting can look at; for both sides, those of the left and of the right."""
    left = picture[:, :_CONTEXT_PX] if added.left else picture[:, :0]
    right = picture[:, -_CONTEXT_PX:] if added.right else picture[:, :0]
    return np.ascontiguousarray(np.concatenate([left, right], axis=1))


def inpaint(picture: Picture, added: Insets, flag: int) -> Picture:
    """A picture with new area inpainted on its sides."""
    canvas, mask = _with_mask(picture, added)
    return np.asarray(cv2.inpaint(canvas, mask, _RADIUS_PX, flag), np.uint8)


def _with_mask(picture: Picture, added: Insets) -> tuple[Picture, NDArray[np.uint8]]:
    """The canvas, black where it is new, and 255 there."""
    sides = (added.top, added.bottom, added.left, added.right)
    canvas = cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT)
    inside = np.zeros(picture.shape[:2], np.uint8)
    mask = cv2.copyMakeBorder(inside, *sides, cv2.BORDER_CONSTANT, value=(255,))
    return np.asarray(canvas, np.uint8), np.asarray(mask, np.uint8)


def _padded(picture: Picture, added: Insets, how: int) -> Picture:
    sides = (added.top, added.bottom, added.left, added.right)
    return np.asarray(cv2.copyMakeBorder(picture, *sides, how), np.uint8)


EXTENDERS: dict[str, Extend] = {
    TELEA: lambda picture, added: inpaint(picture, added, cv2.INPAINT_TELEA),
    NS: lambda picture, added: inpaint(picture, added, cv2.INPAINT_NS),
    "replicate": lambda picture, added: _padded(picture, added, cv2.BORDER_REPLICATE),
    "reflect": lambda picture, added: _padded(picture, added, cv2.BORDER_REFLECT_101),
}


def extenders(gmic: bool = True) -> dict[str, Extend]:
    """Every way to new area, and G'MIC's patches where it is installed and wanted."""
    return EXTENDERS | {GMIC: _match_patches} if gmic and shutil.which("gmic") else EXTENDERS


def _match_patches(picture: Picture, added: Insets) -> Picture:
    canvas, mask = _with_mask(picture, added)
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        paths = [str(Path(folder) / name) for name in ("picture.png", "mask.png", "out.png")]
        cv2.imwrite(paths[0], canvas[..., ::-1])
        cv2.imwrite(paths[1], mask)
        command = ["gmic", "-v", "0", *paths[:2], "-inpaint_matchpatch[0]", _GMIC_PATCHES, "-o[0]", paths[2]]
        subprocess.run(command, check=True, capture_output=True)
        return np.ascontiguousarray(cv2.imread(paths[2], cv2.IMREAD_COLOR)[..., ::-1], np.uint8)
