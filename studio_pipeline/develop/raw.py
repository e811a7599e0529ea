"""RAW files through LibRaw: linear light, with every setting stated; and what LibRaw's refusals mean."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import rawpy
from numpy.typing import NDArray

from studio_pipeline.develop import orientation
from studio_pipeline.develop.container import check_complete, is_camera_raw
from studio_pipeline.develop.source import container
from studio_pipeline.errors import CannotRead, NeedsTiff
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.frame import plan_scale
from studio_pipeline.records.develop import DevelopSettings

LIBRAW_VERSION = ".".join(str(part) for part in rawpy.libraw_version)
# Photosites above this part of their range count as full: a little below it they are not linear any more.
_FULL = 0.99
_HIGHLIGHTS = {"clip": rawpy.HighlightMode.Clip, "blend": rawpy.HighlightMode.Blend}


@dataclass(frozen=True, eq=False)
class RawFile:
    """An opened RAW. Every picture is as the sensor lies, not yet upright.

    ``extent``: the sensor's visible area, and ``top``, ``left`` its place: taken down when the file is
    opened, because LibRaw's own sizes change with what it last rendered. ``orientation``: EXIF, 1..8.
    """

    libraw: Any
    data: bytes
    extent: Extent
    top: int
    left: int
    orientation: int

    def linear(self, settings: DevelopSettings) -> NDArray[np.uint16]:
        """Full size, AHD: linear Rec.2020 ``(h, w, 3)``, camera white balance, 65535 = full."""
        return self._postprocess(settings, half_size=False)

    def linear_reduced(self, settings: DevelopSettings) -> tuple[NDArray[np.uint16], Extent]:
        """The same at plan scale, from one pixel for each cell of the mosaic; and the master's extent."""
        full, stretched = self.extent, self.libraw.sizes.pixel_aspect != 1
        half = self._postprocess(settings, half_size=True)
        if stretched or Extent(*half.shape[:2]) != full.scaled(0.5):
            # No mosaic (a linear DNG), or LibRaw turns or stretches the sensor's grid: reduce the full size.
            half = self.linear(settings)
            full = Extent(*half.shape[:2])
        else:
            _repeat_whole_cells(half, full)
        return _resized(half, full.scaled(plan_scale(full))), full

    def clipped(self, full: Extent) -> NDArray[np.bool_]:
        """Where a photosite within one pixel was full, ``(h, w)``; nowhere if ``full`` is not its grid.

        Floating-point files have no full level, and of a grid that LibRaw turns no photosite has a place.
        """
        sensor = self.libraw.raw_image
        if sensor is None or full != self.extent:
            return np.zeros((full.height, full.width), np.bool_)
        visible = sensor[self.top : self.top + full.height, self.left : self.left + full.width]
        mask = (visible >= self._full_level()).astype(np.uint8)
        if mask.ndim == 3:
            return np.asarray(mask.max(axis=2) > 0, np.bool_)
        return np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0, np.bool_)

    def headroom(self, settings: DevelopSettings) -> float:
        """How many times darker than ``clip`` LibRaw renders the highlight mode.

        Clipping scales the channels so that the weakest still reaches white; keeping highlights scales them
        so that none passes it.
        """
        if settings.highlights == "clip":
            return 1.0
        gains = [gain for gain in self.libraw.camera_whitebalance[:3] if gain > 0]
        return max(gains) / min(gains) if gains else 1.0

    def embedded_jpeg(self) -> bytes | None:
        """The largest JPEG the camera put into the file."""
        try:
            thumbnail = self.libraw.extract_thumb()
        except rawpy.LibRawError:
            return None
        return bytes(thumbnail.data) if thumbnail.format == rawpy.ThumbFormat.JPEG else None

    def _full_level(self) -> int:
        black = max(self.libraw.black_level_per_channel)
        levels = [self.libraw.white_level, *(self.libraw.camera_white_level_per_channel or ())]
        white = min(level for level in levels if level > black)
        return int(black + _FULL * (white - black))

    def _postprocess(self, settings: DevelopSettings, half_size: bool) -> NDArray[np.uint16]:
        """``adjust_maximum_thr`` and auto-bright would make a frame's brightness depend on its content."""
        pixels: NDArray[np.uint16] = self.libraw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
            half_size=half_size,
            use_camera_wb=True,
            output_color=rawpy.ColorSpace.Rec2020,
            output_bps=16,
            user_flip=0,
            gamma=(1, 1),
            no_auto_bright=True,
            adjust_maximum_thr=0,
            highlight_mode=_HIGHLIGHTS[settings.highlights],
        )
        return pixels


def _repeat_whole_cells(half: NDArray[np.uint16], full: Extent) -> None:
    """The last row or column of a sensor with an odd size has no whole cell: it repeats its neighbour."""
    if full.height % 2:
        half[-1] = half[-2]
    if full.width % 2:
        half[:, -1] = half[:, -2]


def _resized(picture: NDArray[np.uint16], target: Extent) -> NDArray[np.uint16]:
    if Extent(*picture.shape[:2]) == target:
        return picture
    size = (target.width, target.height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint16)


@contextmanager
def opened(data: bytes, name: str) -> Iterator[RawFile]:
    """LibRaw on a file's bytes; its errors become ours, in the block as well.

    Raises:
        CannotRead: damaged, or no RAW at all.
        NeedsTiff: a camera's RAW whose format or compression this LibRaw does not know.
    """
    no_raw = f"{name} is not a RAW file; look at what it is, and rename or remove it"
    try:
        with rawpy.imread(io.BytesIO(data)) as libraw:
            sizes = libraw.sizes
            turned = orientation.from_libraw(sizes.flip)
            yield RawFile(
                libraw, data, Extent(sizes.height, sizes.width), sizes.top_margin, sizes.left_margin, turned
            )
    except (
        rawpy.LibRawFileUnsupportedError,
        rawpy.LibRawNotImplementedError,
        rawpy.NotSupportedError,
    ) as error:
        check_complete(data, name)
        if not is_camera_raw(data):
            raise CannotRead(no_raw) from error
        raise NeedsTiff(
            f"{name}: LibRaw {LIBRAW_VERSION} cannot read this kind of RAW; the file is safe. Export a "
            "16-bit TIFF of it from your own converter into the session"
        ) from error
    except rawpy.LibRawError as error:
        check_complete(data, name)
        if container(data) == "other" and not is_camera_raw(data):
            raise CannotRead(no_raw) from error
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise CannotRead(f"{name} is damaged ({said}); copy it from the camera again") from error
