import io
from fractions import Fraction
from typing import BinaryIO

import exifread
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline import deliver
from studio_pipeline.deliver import FORMATS, base, ifd, metadata
from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.errors import CannotRead
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.records.preset import OutputRecipe

TOLD = Metadata(
    image=(ifd.ascii_entry(271, "Studio"), ifd.ascii_entry(272, "One"), ifd.ascii_entry(315, "Zoë Müller")),
    exif=(
        ifd.rational(33434, 0.008),
        ifd.short(34855, 200),
        ifd.ascii_entry(36867, "2026:05:04 10:11:12"),
        ifd.ascii_entry(37521, "07"),
        ifd.ascii_entry(0xA431, "0042"),
    ),
    gps=(ifd.ascii_entry(1, "N"), ifd.rational(2, 47, 22, 5.25)),
)


def recipe(format: str = "tiff16", **changes: object) -> OutputRecipe:
    return OutputRecipe.model_validate({"name": "out", "format": format, **changes})


def picture(bits: int, height: int = 90, width: int = 70) -> NDArray[np.uint8] | NDArray[np.uint16]:
    rng = np.random.default_rng(1)
    if bits == 8:
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    return rng.integers(0, 65536, (height, width, 3), np.uint16)


def written(codes: NDArray[np.uint16], out: OutputRecipe, space: str = "ProPhoto") -> io.BytesIO:
    file = io.BytesIO()
    deliver.save(file, codes, color.named(space), out, TOLD)
    file.seek(0)
    return file


def test_a_tiff_holds_the_masters_own_codes_and_profile() -> None:
    codes = picture(16, height=300)
    file = written(codes, recipe())
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        assert np.array_equal(page.asarray(), codes)
        assert page.iccprofile == color.named("ProPhoto").icc_profile
        assert page.tags["Orientation"].value == 1
    assert np.array_equal(FORMATS["tiff16"].read(file), codes)


def test_an_8_bit_base_stays_honest_in_16_bits() -> None:
    codes = picture(8)
    finished, _ = deliver.finish(codes, color.named("sRGB"), recipe(), 16)
    assert np.array_equal(finished, codes.astype(np.uint16) * 257)
    back, _ = deliver.finish(finished, color.named("sRGB"), recipe("jpeg"), 8)
    assert np.array_equal(back, codes)


def test_16_bits_round_to_the_nearest_of_8() -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)[..., None].repeat(3, 2)
    assert np.array_equal(base.at_depth(codes, 8), np.rint(codes / 257).astype(np.uint8))


def test_a_jpeg_has_full_chroma_profile_and_exif() -> None:
    file = written(picture(16), recipe("jpeg", space="sRGB"))
    with Image.open(file) as image:
        assert image.info["icc_profile"] == color.named("sRGB").icc_profile
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
        assert image.size == (70, 90)


@pytest.mark.parametrize("form", list(FORMATS))
def test_exif_is_carried_and_true_of_the_new_file(form: str) -> None:
    file = written(picture(16), recipe(form, space="sRGB"))
    tags = exifread.process_file(file, details=False)
    assert tags["Image Make"].values == "Studio"
    assert tags["Image Orientation"].values == [1]
    assert tags["EXIF ExposureTime"].values[0] == Fraction(1, 125)
    assert tags["EXIF SubSecTimeOriginal"].values == "07"
    assert tags["EXIF BodySerialNumber"].values == "0042"
    assert ("EXIF ExifImageWidth" in tags) is (form == "jpeg"), "a TIFF says its size itself"
    if form == "jpeg":
        assert [tags[f"EXIF ExifImage{side}"].values for side in ("Width", "Length")] == [[70], [90]]
    assert tags["EXIF ColorSpace"].values == [1]
    assert [float(v) for v in tags["GPS GPSLatitude"].values] == [47, 22, 5.25]
    file.seek(0)
    with Image.open(file) as image:
        assert image.getexif().get_ifd(34665)[36867] == "2026:05:04 10:11:12"


@pytest.mark.parametrize("form", list(FORMATS))
def test_what_was_read_from_a_deliverable_writes_the_same_again(form: str) -> None:
    file = written(picture(16), recipe(form))
    once = metadata.read(file)
    assert once.gps == TOLD.gps
    assert set(TOLD.exif) <= set(once.exif)
    assert set(TOLD.image) <= set(once.image)
    assert written(picture(16), recipe(form)).getvalue() == file.getvalue(), "the same input, other bytes"


@pytest.mark.parametrize("form", list(FORMATS))
def test_verify_expects_exactly_what_a_reader_finds(form: str) -> None:
    out = recipe(form, space="P3", long_edge_px=40)
    codes = picture(16)
    expected = deliver.expected_codes(codes, color.named("ProPhoto"), out)
    assert np.array_equal(FORMATS[form].read(written(codes, out)), expected)
    assert expected.shape == (40, 31, 3)


def test_reducing_keeps_the_mean_of_light_and_cannot_ring() -> None:
    codes = picture(16, 128, 96)
    encoding = color.named("AdobeRGB")
    small, target = deliver.finish(codes, encoding, recipe(long_edge_px=16), 16)
    before, after = encoding.decode(codes), target.decode(small)
    assert small.shape == (16, 12, 3)
    np.testing.assert_allclose(after.mean((0, 1)), before.mean((0, 1)), rtol=2e-4)
    step = np.zeros((64, 64, 3), np.uint16)
    step[:, 31:] = 40000
    assert deliver.finish(step, encoding, recipe(long_edge_px=20), 16)[0].max() <= 40001


def test_nothing_is_enlarged() -> None:
    codes = picture(16)
    assert deliver.finish(codes, color.named("P3"), recipe(long_edge_px=5000), 16)[0] is codes
    assert base.reduced(Extent(3000, 2000), 1500) == Extent(1500, 1000)


def test_strips_do_not_show() -> None:
    codes = picture(16, 200, 50)
    whole = color.convert(codes, color.named("ProPhoto"), color.named("sRGB"), 8)
    assert np.array_equal(
        deliver.finish(codes, color.named("ProPhoto"), recipe("jpeg", space="sRGB"), 8)[0], whole
    )


def test_the_pixel_hash_sees_values_depth_and_shape() -> None:
    codes = picture(16)
    other = codes.copy()
    other[-1, -1, 2] ^= 1
    hashes = {base.pixels_sha256(c) for c in (codes, other, codes.reshape(70, 90, 3), codes.astype(np.uint8))}
    assert len(hashes) == 4
    assert base.pixels_sha256(codes[::-1][::-1].astype(">u2")) == base.pixels_sha256(codes)


@pytest.mark.parametrize("form", list(FORMATS))
@pytest.mark.parametrize("content", [b"", b"II*\0", b"\xff\xd8\xff\xe0 and no more", b"text"])
def test_a_damaged_deliverable_is_one_clear_error(form: str, content: bytes) -> None:
    with pytest.raises(CannotRead, match=r"can be read|not a"):
        FORMATS[form].read(io.BytesIO(content))


def test_a_grey_jpeg_is_not_taken_for_a_deliverable() -> None:
    file: BinaryIO = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    with pytest.raises(CannotRead, match="RGB"):
        FORMATS["jpeg"].read(file)


def test_two_formats_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="tiff16"):
        deliver._by_key([FORMATS["tiff16"], FORMATS["tiff16"]])


@pytest.mark.parametrize("content", [b"", b"nothing of a picture", b"II*\0\x08\0\0\0\xff\xff" + bytes(40)])
def test_damaged_exif_holds_nothing_up(content: bytes) -> None:
    assert metadata.read(io.BytesIO(content)) == Metadata()


def test_exif_of_a_cr3_is_found_in_its_boxes() -> None:
    def box(name: bytes, entries: tuple[ifd.Entry, ...]) -> bytes:
        body = ifd.header(8) + ifd.pack(entries, 8)
        return (len(body) + 8).to_bytes(4, "big") + name + body

    boxes = box(b"CMT1", TOLD.image) + box(b"CMT2", TOLD.exif) + box(b"CMT4", TOLD.gps)
    head = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"
    assert metadata.read(io.BytesIO(head + boxes + bytes(99))) == TOLD
    assert metadata.read(io.BytesIO(head)) == Metadata()


def test_exif_of_a_raf_is_that_of_its_jpeg() -> None:
    jpeg = written(picture(8), recipe("jpeg")).getvalue()
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"0") + (160).to_bytes(4, "big") + len(jpeg).to_bytes(4, "big")
    assert metadata.read(io.BytesIO(head.ljust(160, b"\0") + jpeg)) == metadata.read(io.BytesIO(jpeg))


def test_a_serial_that_only_dng_knows_is_carried() -> None:
    block = ifd.header(8) + ifd.pack([ifd.ascii_entry(271, "Studio"), ifd.ascii_entry(0xC62F, "77")], 8)
    assert metadata.read(io.BytesIO(block)).exif == (ifd.ascii_entry(0xA431, "77"),)
