"""A camera for rendered light: a Bayer mosaic with its noise, and the JPEG such a camera makes of it."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.demo.dng import Body, Mosaic, Shot
from studio_pipeline.pixels import color

Light = NDArray[np.float32]

# IEC 61966-2-1: linear sRGB to XYZ under D65.
_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_SITES = (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 2))  # RGGB
_HIGHLIGHT_POWER, _TOE_POWER, _SATURATION = 1.7, 1.12, 1.06
_QUALITY = 92


def expose(light: Light, shot: Shot, body: Body, rng: np.random.Generator) -> Mosaic:
    """Sensor codes of linear sRGB light ``(h, w, 3)``, even sizes, 1.0 = the green sites' full scale.

    Shot noise (Gaussian, as large as the square root of the electrons) and read noise; full scale holds
    ``full_well_e`` electrons at ISO 100 and half as many with each doubling.
    """
    native = cv2.transform(np.ascontiguousarray(light), _srgb_to_camera(body, shot).astype(np.float32))
    signal = np.empty(light.shape[:2], np.float32)
    for (dy, dx), channel in _SITES:
        signal[dy::2, dx::2] = native[dy::2, dx::2, channel]
    full_e = np.float32(body.full_well_e * 100 / shot.iso)
    electrons = np.maximum(signal, 0) * full_e
    electrons += rng.standard_normal(signal.shape, np.float32) * np.sqrt(electrons + body.read_noise_e**2)
    codes = electrons * np.float32((body.white - body.black) / full_e) + np.float32(body.black)
    return np.asarray(np.clip(np.rint(codes), 0, body.white).astype(np.uint16))


def in_camera_jpeg(mosaic: Mosaic, shot: Shot, body: Body, *, half_size: bool, exif: bytes = b"") -> bytes:
    """The camera's own JPEG (sRGB): white balance, matrix, tone curve; half size averages each 2x2 cell."""
    from PIL import Image

    level = (mosaic.astype(np.float32) - body.black) / (body.white - body.black)
    if half_size:
        green = (level[0::2, 1::2] + level[1::2, 0::2]) / 2
        native = np.dstack([level[0::2, 0::2], green, level[1::2, 1::2]])
    else:
        codes = np.clip(level * 65535, 0, 65535).astype(np.uint16)
        native = cv2.demosaicing(codes, cv2.COLOR_BayerRGGB2RGB_EA).astype(np.float32) / 65535
    native = np.minimum(native, np.array(shot.neutral, np.float32))  # what is clipped is white
    to_srgb = _saturate() @ np.linalg.inv(_srgb_to_camera(body, shot))
    light = np.clip(cv2.transform(native, to_srgb.astype(np.float32)), 0, 1)
    table = np.rint(_srgb_encode(tone(np.linspace(0, 1, 65536))) * 255).astype(np.uint8)
    picture = table[np.rint(light * 65535).astype(np.uint16)]
    file = io.BytesIO()
    profile = color.named("sRGB").icc_profile
    Image.fromarray(picture).save(
        file, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=profile, exif=exif
    )
    return file.getvalue()


def tone(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The camera's tone curve, linear 0..1 to linear 0..1: a soft shoulder and a little toe."""
    return np.asarray((1 - (1 - light) ** _HIGHLIGHT_POWER) ** _TOE_POWER)


def untone(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light that ``tone`` shows as ``shown``."""
    return np.asarray(1 - (1 - shown ** (1 / _TOE_POWER)) ** (1 / _HIGHLIGHT_POWER))


def _srgb_to_camera(body: Body, shot: Shot) -> NDArray[np.float64]:
    """Linear sRGB to camera RGB, scaled so that white falls on the shot's neutral."""
    matrix = np.array(body.xyz_to_camera).reshape(3, 3) @ _SRGB_TO_XYZ
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True) * np.array(shot.neutral)[:, None])


def _saturate() -> NDArray[np.float64]:
    return np.asarray(_SATURATION * np.eye(3) + (1 - _SATURATION) * _SRGB_TO_XYZ[1])


def _srgb_encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)
