"""A shoot of eight frames: rendered, exposed, and written into a folder as tether programs write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.demo import camera, dng, scene
from studio_pipeline.demo.dng import Body, Shot
from studio_pipeline.demo.scene import Kind, Scene
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent

STARTED = datetime(2026, 5, 4, 10, 12, 0, tzinfo=UTC)
# EXIF orientation: quarter turns, counter-clockwise, that bring the upright picture onto the sensor.
_QUARTER_TURNS = {1: 0, 3: 2, 6: 1, 8: -1}
_PIECES = 12


@dataclass(frozen=True, slots=True)
class Take:
    """One planned frame: its scene, how the camera was set and held, and how it reaches the folder.

    ``orientation`` is EXIF's: 1, 3, 6 or 8.
    """

    scene: Scene
    after_s: float
    f_number: float = 8.0
    iso: int = 100
    orientation: int = 1
    with_jpeg: bool = False
    in_pieces: bool = False


TAKES = (
    Take(Scene("card"), 0.0),
    Take(Scene("empty"), 21.37),
    Take(Scene(centre_x=0.63), 48.12),
    Take(Scene(centre_x=0.65, size=1.97, exposure_ev=0.1), 53.88, with_jpeg=True),
    Take(Scene(centre_x=0.61, size=1.98, exposure_ev=-0.17), 58.05, f_number=9.0, in_pieces=True),
    Take(Scene(pan=0.17, centre_x=0.57, size=1.95), 71.64),
    Take(Scene(pan=-0.05, centre_x=0.58, size=1.96, exposure_ev=0.17, stand_x=0.93), 83.29, f_number=7.1),
    Take(Scene(centre_x=0.51, size=1.99), 90.46, f_number=16.0, iso=400),
)
_CYCLE_S = 120.0


@dataclass(frozen=True, eq=False)
class DemoFrame:
    """A rendered frame as files. ``alpha``: the person's true coverage, uint8 ``(h, w)``, upright."""

    name: str
    dng: bytes
    jpeg: bytes | None
    kind: Kind
    in_pieces: bool
    alpha: NDArray[np.uint8]


def render_frames(
    seed: int, extent: Extent = scene.FULL, takes: tuple[Take, ...] = TAKES, *, cycles: int = 1
) -> Iterator[DemoFrame]:
    """The shoot's frames in order, the same bytes for the same arguments.

    ``extent`` is upright and even on both sides; up to 2880 wide, where the sitter is twice the picture's
    size. ``cycles``: how often the takes are gone through; numbers and times go on, the noise is new.
    """
    if extent.height % 2 or extent.width % 2 or extent.width > scene.FULL.width:
        raise ValueError(f"an even size up to {scene.FULL} is needed, not {extent}")
    again = (replace(t, after_s=t.after_s + n * _CYCLE_S) for n in range(cycles) for t in takes)
    for number, take in enumerate(again, start=1):
        yield _render(number, take, extent, seed)


def _render(number: int, take: Take, extent: Extent, seed: int) -> DemoFrame:
    body = Body()
    captured_at = STARTED + timedelta(seconds=take.after_s)
    shot = Shot(captured_at, iso=take.iso, f_number=take.f_number, orientation=take.orientation)
    light, alpha = scene.render(take.scene, extent, seed)
    on_sensor = np.rot90(light, _QUARTER_TURNS[take.orientation])
    mosaic = camera.expose(on_sensor, shot, body, np.random.default_rng([seed, 2, number]))
    preview = camera.in_camera_jpeg(mosaic, shot, body, half_size=True)
    raw = dng.write_dng(mosaic, preview, Extent(mosaic.shape[0] // 2, mosaic.shape[1] // 2), shot, body)
    jpeg = None
    if take.with_jpeg:
        exif = Metadata(image=shot.image_entries(body), exif=shot.exif_entries(body)).exif_block()
        jpeg = camera.in_camera_jpeg(mosaic, shot, body, half_size=False, exif=exif)
    coverage = np.rint(alpha * 255).astype(np.uint8)
    return DemoFrame(f"STP_{number:04d}", raw, jpeg, take.scene.kind, take.in_pieces, coverage)


def write_shoot(
    capture_dir: Path,
    seed: int,
    *,
    pause_s: float = 1.5,
    on_frame: Callable[[DemoFrame], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    extent: Extent = scene.FULL,
    cycles: int = 1,
) -> list[Path]:
    """Render the shoot into ``capture_dir`` as a tethered camera would; the files in order of arrival.

    Most files get a temporary name and are renamed when whole; one grows slowly under its final name.

    Raises:
        Refused: one of the names is taken; nothing is ever overwritten.
    """
    written = []
    for frame in render_frames(seed, extent, cycles=cycles):
        raw = capture_dir / f"{frame.name}.DNG"
        if frame.in_pieces:
            _write_in_pieces(raw, frame.dng, pause_s / _PIECES, sleep)
        else:
            _write_and_rename(raw, frame.dng)
        written.append(raw)
        if frame.jpeg is not None:
            written.append(capture_dir / f"{frame.name}.JPG")
            _write_and_rename(written[-1], frame.jpeg)
        if on_frame is not None:
            on_frame(frame)
        sleep(pause_s)
    return written


def _write_and_rename(path: Path, data: bytes) -> None:
    _refuse_taken(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.rename(path)


def _write_in_pieces(path: Path, data: bytes, pause_s: float, sleep: Callable[[float], None]) -> None:
    _refuse_taken(path)
    size = -(-len(data) // _PIECES)
    with path.open("xb") as file:
        for start in range(0, len(data), size):
            file.write(data[start : start + size])
            file.flush()
            sleep(pause_s)


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise Refused(f"{path} is there already; give the demo an empty folder")
