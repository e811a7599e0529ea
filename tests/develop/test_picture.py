"""TIFF, JPEG and PNG bases: codes and profile exactly as they stand, or a refusal saying what to export."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from studio_pipeline.develop import develop, picture
from studio_pipeline.errors import CannotRead
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from tests.develop.scenes import as_stored

ICC_TAG, ORIENTATION_TAG = 34675, 274


def noise(dtype: Any = np.uint16, shape: tuple[int, ...] = (80, 96, 3), seed: int = 1) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def tiff(pixels: NDArray[Any], profile: bytes | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    options.setdefault("photometric", "rgb")
    tifffile.imwrite(out, pixels, iccprofile=profile, metadata=None, **options)
    return out.getvalue()


def jpeg(pixels: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def based(
    folder: Path, data: bytes, role: Role = Role.TIFF, *, half: bool = False
) -> tuple[Frame, BaseRecord]:
    path = folder / "picture"
    path.write_bytes(data)
    return develop(path, role, DevelopSettings(), half=half)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "predictor": True},
        {"compression": "packbits"},
        {"tile": (32, 32), "compression": "zlib"},
        {"rowsperstrip": 7},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "lzw"},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_every_lossless_layout_keeps_every_code(tmp_path: Path, dtype: Any, options: dict[str, Any]) -> None:
    pixels = noise(dtype)
    profile = color.named("P3").icc_profile
    frame, record = based(tmp_path, tiff(pixels, profile, **options))
    assert frame.codes.dtype == dtype and frame.codes.dtype.isnative
    assert (frame.codes == pixels).all()
    assert frame.encoding.icc_profile == profile
    assert (record.kind, record.bits, record.profile_name, record.notes) == ("tiff", frame.bits, "P3", ())
    assert (frame.clipped == (pixels == np.iinfo(dtype).max).any(axis=2)).all()


def test_separate_planes_keep_every_code(tmp_path: Path) -> None:
    planes = noise(shape=(3, 80, 96))
    frame, _ = based(tmp_path, tiff(planes, planarconfig="separate"))
    assert (frame.codes == np.moveaxis(planes, 0, -1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, orientation: int) -> None:
    upright = noise(np.uint8)
    stored = np.ascontiguousarray(as_stored(upright, orientation))
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    tag = (ORIENTATION_TAG, "H", 1, orientation, True)
    for data, role in (
        (tiff(stored, extratags=[tag]), Role.TIFF),
        (jpeg(stored, exif=exif, subsampling=0), Role.JPEG),
    ):
        frame, record = based(tmp_path, data, role)
        assert frame.extent == record.extent == Extent(80, 96)
        assert record.orientation == orientation
        near = np.abs(frame.codes.astype(int) - upright).mean()
        assert near == 0 if role is Role.TIFF else near < 40


def test_a_jpeg_is_decoded_and_kept(tmp_path: Path) -> None:
    smooth = cv2.resize(noise(np.uint8, (6, 7, 3)), (96, 80), interpolation=cv2.INTER_CUBIC)
    data = jpeg(smooth)
    frame, record = based(tmp_path, data, Role.JPEG)
    assert (frame.codes == np.asarray(Image.open(io.BytesIO(data)))).all()
    assert (record.kind, record.bits, record.notes) == ("jpeg", 8, ("no profile; taken as sRGB",))
    half, same = based(tmp_path, data, Role.JPEG, half=True)
    assert half.extent == Extent(40, 48) and half.scale == 0.5 and same == record


def test_a_camera_s_adobe_rgb_jpeg_has_no_profile_and_says_so_in_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    frame, record = based(tmp_path, jpeg(noise(np.uint8), exif=exif), Role.JPEG)
    assert frame.encoding is color.named("AdobeRGB")
    assert record.notes == ("no profile; EXIF says Adobe RGB",)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_keeps_all_its_bits(tmp_path: Path, dtype: Any) -> None:
    pixels = noise(dtype, (80, 96, 4))
    _, data = cv2.imencode(".png", pixels[..., [2, 1, 0, 3]])
    frame, record = based(tmp_path, data.tobytes())
    assert (frame.codes == pixels[..., :3]).all() and frame.codes.dtype == dtype
    assert record.kind == "png" and any("alpha" in note for note in record.notes)


def test_alpha_and_grey_are_said(tmp_path: Path) -> None:
    with_alpha = noise(shape=(80, 96, 4))
    frame, record = based(tmp_path, tiff(with_alpha, extrasamples=["unassalpha"]))
    assert (frame.codes == with_alpha[..., :3]).all()
    assert any("alpha" in note for note in record.notes)
    grey = noise(shape=(80, 96))
    frame, record = based(tmp_path, tiff(grey, photometric="minisblack"))
    assert (frame.codes == grey[..., None]).all()
    assert any("grey" in note for note in record.notes)


def test_a_grey_profile_keeps_its_curve(tmp_path: Path) -> None:
    """Grey gamma 1.8 shows darker than sRGB would: the tones must follow the file's own profile."""
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(1.8 * 256).to_bytes(2, "big")
    header = bytearray(color.named("sRGB").icc_profile[:128])
    header[16:20] = b"GRAY"
    profile = bytes(header) + (1).to_bytes(4, "big") + b"kTRC" + (144).to_bytes(4, "big")
    profile += len(curve).to_bytes(4, "big") + curve
    grey = np.full((80, 96), 32768, np.uint16)
    frame, _ = based(tmp_path, tiff(grey, profile, photometric="minisblack"))
    assert frame.linear()[0, 0] == pytest.approx([0.5**1.8] * 3, rel=5e-3)


def test_the_first_full_size_page_is_the_picture(tmp_path: Path) -> None:
    main, other = noise(seed=2), noise(seed=3)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(noise(np.uint8, (20, 24, 3)), photometric="rgb", subfiletype=1)
        writer.write(noise(np.uint16, (64, 64, 3)), photometric="rgb")
        writer.write(main, photometric="rgb")
        writer.write(other, photometric="rgb")
    frame, _ = based(tmp_path, out.getvalue())
    assert (frame.codes == main).all()


def test_a_profile_without_matrix_is_refused_by_name(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for data, role in ((tiff(noise(), lab), Role.TIFF), (jpeg(noise(np.uint8), icc_profile=lab), Role.JPEG)):
        with pytest.raises(CannotRead, match=r"colour profile cannot be used .* export it as"):
            based(tmp_path, data, role)


def _refused() -> dict[str, tuple[bytes, str]]:
    cmyk = io.BytesIO()
    Image.new("CMYK", (80, 80)).save(cmyk, "JPEG")
    indexed = io.BytesIO()
    Image.fromarray(noise(np.uint8)).convert("P").save(indexed, "PNG")
    lossy = io.BytesIO()
    Image.fromarray(noise(np.uint8)).save(lossy, "TIFF", compression="jpeg")
    dng = tiff(noise(), extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    return {
        "float": (tiff(noise().astype(np.float32)), "32-bit float"),
        "32-bit": (tiff(noise(np.uint32)), "32-bit integer"),
        "cmyk": (tiff(noise(np.uint8, (80, 96, 4)), photometric="separated"), "CMYK"),
        "cmyk-jpeg": (cmyk.getvalue(), "CMYK"),
        "lab": (tiff(noise(), photometric="cielab"), "Lab"),
        "palette": (
            tiff(noise(np.uint8, (80, 96)), photometric="palette", colormap=noise(shape=(3, 256))),
            "palette",
        ),
        "palette-png": (indexed.getvalue(), "PNG of kind P"),
        "lossy-tiff": (lossy.getvalue(), "TIFF"),
        "raw": (dng, "RAW file named as a TIFF"),
        "one-pixel": (jpeg(np.zeros((1, 1, 3), np.uint8)), "1×1 pixels; the least that is taken is 64×64"),
        "narrow": (tiff(noise(shape=(63, 200, 3))), "200×63"),
        "text": (b"just some words", "no TIFF, JPEG or PNG"),
        "cut-tiff": (tiff(noise())[:-500], "cut short: 500 bytes are missing"),
        "cut-jpeg": (jpeg(noise(np.uint8))[:-500], "damaged"),
        "cut-head": (tiff(noise(), byteorder=">")[:60], "damaged|cut short"),
        "empty": (b"", "is empty; copy it"),
    }


@pytest.mark.parametrize("kind", list(_refused()))
def test_what_is_refused_says_what_to_do_in_one_line(tmp_path: Path, kind: str) -> None:
    data, says = _refused()[kind]
    with pytest.raises(CannotRead, match=says) as caught:
        based(tmp_path, data)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("picture")


@given(place=st.integers(0, 2000), value=st.integers(0, 255), cut=st.integers(0, 3000))
def test_damage_raises_nothing_but_cannot_read(place: int, value: int, cut: int) -> None:
    smooth = np.repeat(np.repeat(noise(np.uint8, (8, 8, 3)), 8, 0), 8, 1)
    for whole in (tiff(smooth, color.named("sRGB").icc_profile, compression="zlib"), jpeg(smooth)):
        data = bytearray(whole[: len(whole) - cut])
        if place < len(data):
            data[place] = value
        try:
            read = picture.read(bytes(data), "damaged")
        except CannotRead:
            continue
        assert read.codes.ndim == 3 and read.codes.shape[2] == 3
