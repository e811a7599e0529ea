"""Pictures that are no RAW (TIFF, JPEG, PNG): their code values and their profile, exactly as they stand."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, MpoImagePlugin

from studio_pipeline.develop import orientation
from studio_pipeline.develop.container import check_complete, main_page, parsed
from studio_pipeline.develop.source import container
from studio_pipeline.errors import CannotRead
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color, icc
from studio_pipeline.pixels.color import Codes, RgbEncoding

SMALLEST_EDGE_PX = 64
LARGEST_AREA_PX = 500_000_000
EXPORT_AS = "export it as 8- or 16-bit RGB with an sRGB, Adobe RGB, ProPhoto RGB or Display P3 profile"

# Importing the plug-in registers it: phones and some cameras write their JPEGs as MPO.
_FORMATS = ("JPEG", MpoImagePlugin.MpoImageFile.format, "PNG")
_MOSAIC = (32803, 34892)  # colour filter array, linear raw
_DNG_VERSION, _ICC_PROFILE, _ORIENTATION = 50706, 34675, 274
_LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 50000: "Zstandard"}
_EXIF, _INTEROPERABILITY, _COLOR_SPACE = 0x8769, 0xA005, 0xA001


@dataclass(frozen=True, eq=False)
class Picture:
    """``codes`` ``(h, w, 3)`` uint8 or uint16 as stored, not yet upright."""

    kind: Literal["tiff", "jpeg", "png"]
    codes: Codes
    encoding: RgbEncoding
    orientation: int
    notes: tuple[str, ...]

    @property
    def upright(self) -> Codes:
        return orientation.upright(self.codes, self.orientation)


def read(data: bytes, name: str) -> Picture:
    """Decode by what the file is, whatever its ending.

    Raises:
        CannotRead: damaged, too small or too large, or of a kind that has no exact way into a base (CMYK,
            palette, Lab, float, lossy TIFF, a lookup-table profile); the text says what to export instead.
    """
    match container(data):
        case "jpeg":
            return _read_jpeg(data, name)
        case "png":
            return _read_png(data, name)
        case "tiff":
            return _read_tiff(data, name)
    raise CannotRead(f"{name} is no TIFF, JPEG or PNG picture, whatever its name says")


def header(data: bytes, name: str) -> tuple[Extent, int]:
    """The size as stored, and the orientation, without the pixels. Raises CannotRead."""
    if container(data) == "tiff":
        with parsed(data, name) as tiff:
            page = main_page(tiff)
            turned = orientation.valid(page.tags.valueof(_ORIENTATION))
            return Extent(page.imagelength, page.imagewidth), turned
    with pillow(data, name) as image:
        return Extent(image.height, image.width), orientation.valid(image.getexif().get(_ORIENTATION))


@contextmanager
def pillow(data: bytes, name: str) -> Iterator[Image.Image]:
    """A JPEG or PNG opened by Pillow. Raises CannotRead for a damaged one, in the block as well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # medium format is that large
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                yield image
    except Image.DecompressionBombError as error:
        raise CannotRead(f"{name} is too large to be a photograph: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError) as error:
        raise CannotRead(f"{name} is damaged ({error}); copy or export it again") from error


def check_extent(extent: Extent, name: str) -> None:
    if min(extent.height, extent.width) < SMALLEST_EDGE_PX:
        raise CannotRead(
            f"{name} is {extent.width}×{extent.height} pixels; the least that is taken is "
            f"{SMALLEST_EDGE_PX}×{SMALLEST_EDGE_PX}: export it larger, or move it out of the folder"
        )
    if extent.area > LARGEST_AREA_PX:
        raise CannotRead(
            f"{name} is {extent.width}×{extent.height} pixels, more than any camera makes: export it smaller"
        )


def jpeg_encoding(image: Image.Image) -> tuple[RgbEncoding, str]:
    """The profile of an RGB or grey JPEG or PNG, and a note where none is embedded.

    Cameras set to Adobe RGB embed no profile and say so in EXIF (DCF 2.0, option file R03).
    """
    profile = image.info.get("icc_profile")
    if profile:
        return _from_profile(profile, grey=image.mode in ("L", "LA")), ""
    exif = image.getexif()
    interoperability = exif.get_ifd(_INTEROPERABILITY).get(1)
    if interoperability == "R03" or exif.get_ifd(_EXIF).get(_COLOR_SPACE) == 2:
        return color.named("AdobeRGB"), "no profile; EXIF says Adobe RGB"
    return color.named("sRGB"), "no profile; taken as sRGB"


def _read_jpeg(data: bytes, name: str) -> Picture:
    with pillow(data, name) as image:
        check_extent(Extent(image.height, image.width), name)
        if image.mode not in ("RGB", "L"):
            raise CannotRead(f"{name} is a {image.mode} JPEG; {EXPORT_AS}")
        encoding, note = _encoding(image, name)
        turned = orientation.valid(image.getexif().get(_ORIENTATION))
        codes, notes = _three_channels(np.asarray(image))
    return Picture("jpeg", codes, encoding, turned, _notes(note, *notes))


def _read_png(data: bytes, name: str) -> Picture:
    with pillow(data, name) as image:
        check_extent(Extent(image.height, image.width), name)
        if image.mode not in ("RGB", "RGBA", "L", "LA", "I;16"):
            raise CannotRead(f"{name} is a PNG of kind {image.mode}; {EXPORT_AS}")
        encoding, note = _encoding(image, name)
        turned = orientation.valid(image.getexif().get(_ORIENTATION))
        image.load()  # Pillow notices what is missing; OpenCV reads all 16 bits
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise CannotRead(f"{name} is damaged; copy or export it again")
    if stored.ndim == 3:
        stored = stored[..., [2, 1, 0, *range(3, stored.shape[2])]]
    codes, notes = _three_channels(stored)
    return Picture("png", codes, encoding, turned, _notes(note, *notes))


def _read_tiff(data: bytes, name: str) -> Picture:
    check_complete(data, name)
    with parsed(data, name) as tiff:
        page = main_page(tiff)
        _check_tiff(page, name)
        check_extent(Extent(page.imagelength, page.imagewidth), name)
        stored = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and stored.ndim == 3:
            stored = np.moveaxis(stored, 0, -1)
        profile = page.tags.valueof(_ICC_PROFILE)
        turned = orientation.valid(page.tags.valueof(_ORIENTATION))
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    grey = stored.ndim == 2 or stored.shape[2] < 3
    codes, notes = _three_channels(stored)
    if not profile:
        return Picture(
            "tiff", codes, color.named("sRGB"), turned, _notes("no profile; taken as sRGB", *notes)
        )
    try:
        return Picture("tiff", codes, _from_profile(bytes(profile), grey), turned, notes)
    except icc.NotMatrixProfile as error:
        raise CannotRead(f"{name}: its colour profile cannot be used ({error}); {EXPORT_AS}") from error


def _check_tiff(page: tifffile.TiffPage, name: str) -> None:
    if _DNG_VERSION in page.tags or page.photometric in _MOSAIC:
        raise CannotRead(f"{name} is a RAW file named as a TIFF; give it its own ending back")
    if page.photometric not in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.MINISBLACK):
        kind = getattr(page.photometric, "name", str(page.photometric))
        kind = {"SEPARATED": "CMYK", "CIELAB": "Lab", "ICCLAB": "Lab", "PALETTE": "palette"}.get(kind, kind)
        raise CannotRead(f"{name} is a {kind} TIFF; {EXPORT_AS}")
    if page.dtype not in (np.uint8, np.uint16):
        what = f"{page.bitspersample}-bit {'float' if page.dtype and page.dtype.kind == 'f' else 'integer'}"
        raise CannotRead(f"{name} is a {what} TIFF; {EXPORT_AS}")
    if page.compression not in _LOSSLESS:
        kind = getattr(page.compression, "name", str(page.compression))
        raise CannotRead(f"{name} is a TIFF with {kind} compression; export it with LZW, ZIP or none")


def _three_channels(stored: NDArray[Any]) -> tuple[Codes, tuple[str, ...]]:
    """RGB as it is; grey copied to three channels; more channels dropped, and said so."""
    if stored.ndim == 2:
        return np.repeat(stored[..., None], 3, axis=2), ("grey, copied to three channels",)
    if stored.shape[2] == 3:
        return np.ascontiguousarray(stored), ()
    if stored.shape[2] < 3:
        grey, notes = _three_channels(stored[..., 0])
        return grey, (*notes, "its alpha channel is left out")
    return np.ascontiguousarray(stored[..., :3]), ("its alpha and other extra channels are left out",)


def _encoding(image: Image.Image, name: str) -> tuple[RgbEncoding, str]:
    try:
        return jpeg_encoding(image)
    except icc.NotMatrixProfile as error:
        raise CannotRead(f"{name}: its colour profile cannot be used ({error}); {EXPORT_AS}") from error


def _from_profile(profile: bytes, grey: bool) -> RgbEncoding:
    is_grey_profile = grey and profile[16:20] == b"GRAY"
    return color.from_grey_profile(profile) if is_grey_profile else color.from_profile(profile)


def _notes(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)
