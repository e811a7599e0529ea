import io
from pathlib import Path

import exifread
import numpy as np
import pytest
import rawpy
from PIL import Image

from studio_pipeline.demo import shoot
from studio_pipeline.demo.scene import Scene
from studio_pipeline.demo.shoot import TAKES, DemoFrame, Take, render_frames, write_shoot
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent

SMALL = Extent(384, 576)
SEED = 7


@pytest.fixture(scope="module")
def frames() -> list[DemoFrame]:
    return list(render_frames(SEED, SMALL))


def test_eight_frames_with_a_card_and_an_empty_set(frames: list[DemoFrame]) -> None:
    assert [frame.name for frame in frames] == [f"STP_{n:04d}" for n in range(1, 9)]
    kinds = [frame.kind for frame in frames]
    assert (kinds.count("card"), kinds.count("empty"), kinds.count("portrait")) == (1, 1, 6)
    assert sum(frame.jpeg is not None for frame in frames) == 1
    assert sum(frame.in_pieces for frame in frames) == 1


def test_every_frame_is_a_raw_that_libraw_opens_upright(frames: list[DemoFrame]) -> None:
    for frame in frames:
        with rawpy.imread(io.BytesIO(frame.dng)) as raw:
            assert raw.raw_pattern.tolist() == [[0, 1], [3, 2]], "RGGB"
            assert raw.extract_thumb().format is rawpy.ThumbFormat.JPEG
            codes = raw.postprocess(half_size=True, use_camera_wb=True, no_auto_bright=True)
        assert codes.shape == (SMALL.height // 2, SMALL.width // 2, 3)
        assert frame.alpha.shape == (SMALL.height, SMALL.width)
        if frame.kind == "portrait":
            inside = frame.alpha[::2, ::2] == 255
            red_over_blue = codes[..., 0].astype(float) - codes[..., 2]
            assert red_over_blue[inside].mean() > 20 + red_over_blue[~inside].mean(), "the suit is orange"


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_camera_held_turned_records_the_same_picture(orientation: int) -> None:
    still, turned = render_frames(
        SEED, SMALL, (Take(Scene(), 0.0), Take(Scene(), 0.0, orientation=orientation))
    )
    with rawpy.imread(io.BytesIO(still.dng)) as a, rawpy.imread(io.BytesIO(turned.dng)) as b:
        upright = orientation == 3
        assert (b.raw_image.shape == a.raw_image.shape) == upright
        with Image.open(io.BytesIO(b.extract_thumb().data)) as thumb:
            assert (thumb.width > thumb.height) == upright, "the preview lies as the sensor does"
        first, second = (
            raw.postprocess(half_size=True, use_camera_wb=True, no_auto_bright=True).astype(float)
            for raw in (a, b)
        )
    assert np.abs(first - second).mean() < 5, "of 255: noise, and edges on other sites of the mosaic"
    assert np.abs(first - second[:, ::-1]).mean() > 15


def test_times_are_distinct_and_in_order(frames: list[DemoFrame]) -> None:
    times = []
    for frame in frames:
        tags = exifread.process_file(io.BytesIO(frame.dng), details=False)
        times.append(f"{tags['EXIF DateTimeOriginal']}.{tags['EXIF SubSecTimeOriginal']}")
    assert times == sorted(set(times))


def test_raw_and_jpeg_of_a_pair_tell_of_one_exposure(frames: list[DemoFrame]) -> None:
    (pair,) = [frame for frame in frames if frame.jpeg is not None]
    assert pair.jpeg is not None
    raw, jpeg = (exifread.process_file(io.BytesIO(data), details=False) for data in (pair.dng, pair.jpeg))
    same = ("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", "EXIF BodySerialNumber", "Image Orientation")
    assert [str(raw[name]) for name in same] == [str(jpeg[name]) for name in same]
    with Image.open(io.BytesIO(pair.jpeg)) as image:
        assert image.size == (SMALL.width, SMALL.height)


def test_the_same_seed_gives_the_same_bytes_and_another_another(frames: list[DemoFrame]) -> None:
    takes = TAKES[2:4]
    once, again, other = (list(render_frames(seed, SMALL, takes)) for seed in (SEED, SEED, SEED + 1))
    assert [(f.dng, f.jpeg) for f in once] == [(f.dng, f.jpeg) for f in again]
    assert all(a.dng != b.dng for a, b in zip(once, other, strict=True))


def test_cycling_goes_on_with_numbers_and_times_and_repeats_no_file() -> None:
    frames = list(render_frames(SEED, SMALL, TAKES[1:3], cycles=2))
    assert [frame.name for frame in frames] == [f"STP_{n:04d}" for n in range(1, 5)]
    assert [frame.kind for frame in frames] == ["empty", "portrait"] * 2
    times = [
        str(exifread.process_file(io.BytesIO(f.dng), details=False)["EXIF DateTimeOriginal"]) for f in frames
    ]
    assert times == sorted(set(times))
    assert len({frame.dng for frame in frames}) == 4


@pytest.mark.parametrize("extent", [Extent(384, 575), Extent(2000, 3000)])
def test_sizes_a_mosaic_cannot_have_are_refused(extent: Extent) -> None:
    with pytest.raises(ValueError, match="even size"):
        next(render_frames(SEED, extent))


def test_files_arrive_as_tether_programs_write_them(tmp_path: Path, frames: list[DemoFrame]) -> None:
    seen: list[dict[str, int]] = []

    def sleep(_: float) -> None:
        seen.append({path.name: path.stat().st_size for path in tmp_path.iterdir()})

    arrived: list[str] = []
    written = write_shoot(
        tmp_path, SEED, on_frame=lambda f: arrived.append(f.name), sleep=sleep, extent=SMALL
    )
    assert arrived == [frame.name for frame in frames]
    assert [path.name for path in written] == [path.name for path in sorted(written)]
    assert len(written) == 9
    for frame in frames:
        assert (tmp_path / f"{frame.name}.DNG").read_bytes() == frame.dng
    growing = [sizes["STP_0005.DNG"] for sizes in seen if "STP_0005.DNG" in sizes]
    assert len(set(growing)) >= 10, "one file grows under its final name"
    whole = len(frames[2].dng)
    assert {sizes["STP_0003.DNG"] for sizes in seen if "STP_0003.DNG" in sizes} == {whole}
    assert {path.suffix for path in tmp_path.iterdir()} == {".DNG", ".JPG"}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "STP_0001.DNG").write_bytes(b"a frame of somebody's")
    with pytest.raises(Refused, match="empty folder"):
        write_shoot(tmp_path, SEED, sleep=lambda _: None, extent=SMALL)
    assert (tmp_path / "STP_0001.DNG").read_bytes() == b"a frame of somebody's"
    assert len(list(tmp_path.iterdir())) == 1


def test_full_size_is_about_six_megapixels_and_needs_more_width_for_16x9() -> None:
    full = shoot.scene.FULL
    assert 5.5e6 <= full.area <= 6.5e6
    assert 1.4 < full.width / full.height < 16 / 9
    assert np.gcd(full.width, full.height) % 2 == 0
