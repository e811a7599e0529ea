"""RAW files to measure with: the demo's set and camera at any size, the same light in each, new noise."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from studio_pipeline.geometry import Extent

_SEED = 7
_STARTED = datetime(2026, 5, 4, 10, 12, tzinfo=UTC)
_SITTER = 0.96  # of the demo's own enlargement: 24 MP wide, she is at the most her picture bears
_MOST_PX = 5760.0  # wide, over the enlargement


def extent_of(megapixels: float) -> Extent:
    """3:2 with even sides; 24 is 4000 × 6000."""
    height = max(320, 8 * round((megapixels * 1e6 / 1.5) ** 0.5 / 8))
    return Extent(height, height * 3 // 2)


def write_frames(folder: Path, count: int, extent: Extent) -> list[Path]:
    """``count`` Bayer DNG files in ``folder``; the same bytes for the same arguments.

    Rendered in a process of its own, so that its memory and its libraries' threads are no part of what is
    measured afterwards.
    """
    paths = [folder / f"BENCH_{number:04d}.DNG" for number in range(1, count + 1)]
    child = multiprocessing.get_context("spawn").Process(target=_write, args=(paths, extent))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise RuntimeError(f"the frames could not be rendered (exit code {child.exitcode})")
    return paths


def _write(paths: list[Path], extent: Extent) -> None:
    import numpy as np

    from studio_pipeline.demo import camera, dng, scene
    from studio_pipeline.demo.dng import Body, Shot
    from studio_pipeline.demo.scene import Scene

    size = min(_SITTER, _MOST_PX / extent.width)
    light, _ = scene.render(Scene(size=size), extent, _SEED)
    body, half = Body(), Extent(extent.height // 2, extent.width // 2)
    for number, path in enumerate(paths):
        shot = Shot(_STARTED + timedelta(seconds=3 * number))
        mosaic = camera.expose(light, shot, body, np.random.default_rng([_SEED, number]))
        preview = camera.in_camera_jpeg(mosaic, shot, body, half_size=True)
        path.write_bytes(dng.write_dng(mosaic, preview, half, shot, body))
