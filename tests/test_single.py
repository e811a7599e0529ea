"""`studio edit` and `studio mask`: one picture, no session, every original pixel as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline import subject
from studio_pipeline.develop import develop
from studio_pipeline.edits import EDITS, extend_background
from studio_pipeline.geometry import Extent
from studio_pipeline.pipeline import single
from studio_pipeline.pixels import color
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings
from studio_pipeline.records.plan import Tier
from tests.support import shoots
from tests.support.command import done, studio
from tests.support.finished import hashes

Codes = NDArray[Any]
BOTH_SIDES = ("--edit", "extend_background", "--set", "left=120", "--set", "right=120")


@dataclass(frozen=True)
class Picture:
    """A file, and the code values and the profile that are in it."""

    path: Path
    codes: Codes
    icc: bytes


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    """The demo's portrait as every kind of file that comes in."""
    folder = tmp_path_factory.mktemp("pictures")
    raw = folder / "raw.dng"
    raw.write_bytes(shoots.portrait().dng)
    frame, _ = develop(raw, Role.RAW, DevelopSettings(), half=False)
    srgb, adobe = color.named("sRGB"), color.named("AdobeRGB")
    eight = color.convert(frame.codes, frame.encoding, srgb, 8)
    sixteen = color.convert(frame.codes, frame.encoding, adobe, 16)
    tiff, png8, png16, jpeg = (folder / name for name in ("a.tif", "8.png", "16.PNG", "a.jpeg"))
    tifffile.imwrite(tiff, sixteen, photometric="rgb", iccprofile=adobe.icc_profile)
    Image.fromarray(eight).save(png8, icc_profile=srgb.icc_profile)
    single.write(png16, sixteen, adobe)
    Image.fromarray(eight).save(jpeg, "JPEG", quality=95, icc_profile=srgb.icc_profile)
    return {
        "dng": Picture(raw, frame.codes, frame.encoding.icc_profile),
        "tiff": Picture(tiff, sixteen, adobe.icc_profile),
        "png8": Picture(png8, eight, srgb.icc_profile),
        "png16": Picture(png16, sixteen, adobe.icc_profile),
        "jpeg": Picture(jpeg, np.asarray(Image.open(jpeg)), srgb.icc_profile),
    }


def read(path: Path) -> tuple[Codes, bytes]:
    """Codes and profile, by libraries that had no part in writing a PNG's profile or a TIFF's codes."""
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            return tiff.asarray(), bytes(tiff.pages.first.tags.valueof(34675))
    with Image.open(path) as image:
        icc, codes = image.info["icc_profile"], np.asarray(image)
    if path.suffix == ".png":
        import imagecodecs

        codes = imagecodecs.png_decode(path.read_bytes())
    return codes, icc


@pytest.mark.parametrize(
    ("kind", "ending", "bits"),
    [
        ("dng", ".tif", 16),
        ("tiff", ".png", 16),
        ("png8", ".png", 8),
        ("jpeg", ".tif", 8),
    ],
)
def test_every_original_pixel_stays_and_depth_and_profile_too(
    pictures: dict[str, Picture], tmp_path: Path, kind: str, ending: str, bits: int
) -> None:
    given, out = pictures[kind], tmp_path / f"out{ending}"
    before = hashes(given.path.parent)
    answer = done("edit", given.path, "-o", out, *BOTH_SIDES, "--json").json
    codes, icc = read(out)
    height, width = given.codes.shape[:2]
    assert codes.dtype == given.codes.dtype == np.dtype(f"uint{bits}")
    assert codes.shape == (height, width + 240, 3)
    np.testing.assert_array_equal(codes[:, 120:-120], given.codes)
    assert icc == given.icc
    assert codes[:, :120].std() > 0 and codes[:, -120:].std() > 0
    assert hashes(given.path.parent) == before
    assert set(answer) == {"out", "edits", "guards", "warnings", "seconds", "peak_memory_mb"}
    (edit,) = answer["edits"]
    assert edit["name"] == "extend_background" and edit["params"]["left"] == 120
    assert answer["guards"] and all(guard["passed"] for guard in answer["guards"])
    assert {"develop", "subject", "plan", "render", "write"} <= set(answer["seconds"])
    assert answer["peak_memory_mb"] > 100
    assert answer["out"] == str(out)


def test_an_aspect_ratio_as_jpeg_in_place_of_an_older_file(
    pictures: dict[str, Picture], tmp_path: Path
) -> None:
    out = tmp_path / "wide.jpg"
    out.write_text("an older file")
    given = pictures["png16"]
    said = done("edit", given.path, "-o", out, "--edit", "extend_background", "--set", "aspect=16:9")
    codes, icc = read(out)
    assert codes.dtype == np.uint8
    assert abs(codes.shape[1] / codes.shape[0] - 16 / 9) < 0.005
    assert icc == given.icc
    assert said.out.startswith(f"{out} in ")
    assert list(tmp_path.iterdir()) == [out]


def test_a_preset_alone_is_enough(pictures: dict[str, Picture], tmp_path: Path) -> None:
    out = tmp_path / "square.tif"
    answer = done("edit", pictures["png8"].path, "-o", out, "--preset", "headshot-square", "--json").json
    assert [edit["name"] for edit in answer["edits"]] == ["heal_spots", "extend_background"]
    codes, _ = read(out)
    assert codes.shape[0] == codes.shape[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "out.bmp"], "the ending must be one of .tif, .tiff, .png, .jpg, .jpeg"),
        (["-o", "out"], "the ending must be one of"),
        (["-o", "out.tif", "--edit", "glow"], "no edit named 'glow'; there are: heal_spots"),
        (["-o", "out.tif", "--preset", "nope"], "no preset named 'nope'"),
        (
            ["-o", "out.tif", "--edit", "extend_background", "--set", "lft=1"],
            "no key 'lft'; there are: aspect",
        ),
        (["-o", "out.tif", "--edit", "extend_background", "--set", "left"], "write NAME.KEY=VALUE"),
        (["-o", "out.tif", "--edit", "extend_background", "--set", "left=a"], "extend_background.left: "),
        (["-o", "out.tif", "--edit", "extend_background", "--set", "left=-1"], "extend_background.left: "),
        (
            ["-o", "out.tif", "--edit", "extend_background", "--set", "left=10000000"],
            "extend_background.left",
        ),
        (["-o", "out.tif", "--edit", "extend_background", "--set", "aspect=wide"], "4:5 or 16:9"),
        (["-o", "out.tif", "--edit", "extend_background", "--set", "aspect=NaN:1"], "4:5 or 16:9"),
        (["-o", "out.tif", "--set", "left=1"], "say which: NAME.left=1"),
        (["-o", "out.tif", "--set", "glow.left=1"], "'glow' is not among the edits"),
        (["-o", "folder.tif", "--edit", "heal_spots"], "folder.tif is a folder"),
        (["-o", "file/out.tif", "--edit", "heal_spots"], "cannot write file/out.tif: "),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    pictures: dict[str, Picture],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "file").touch()
    assert said in studio("edit", pictures["png8"].path, *arguments).failure
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.tif"]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.write_bytes(b""), "in.tif is empty"),
        (lambda path: path.write_text("no picture"), "in.tif is no TIFF, JPEG or PNG picture"),
        (lambda path: path.mkdir(), "in.tif is a folder, not a picture"),
        (lambda path: None, "in.tif is not there"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, write: Callable[[Path], object], said: str) -> None:
    write(tmp_path / "in.tif")
    assert said in studio("edit", tmp_path / "in.tif", "-o", tmp_path / "out.tif").failure
    assert said in studio("mask", tmp_path / "in.tif", "-o", tmp_path / "out.png").failure
    assert not (tmp_path / "out.tif").exists() and not (tmp_path / "out.png").exists()


def test_where_the_frame_cuts_the_person_nothing_is_invented(
    pictures: dict[str, Picture], tmp_path: Path
) -> None:
    out, bottom = tmp_path / "out.tif", ("--edit", "extend_background", "--set", "bottom=100")
    assert (
        "the frame cuts the person here" in studio("edit", pictures["png8"].path, "-o", out, *bottom).failure
    )
    assert not out.exists()
    answer = studio("edit", pictures["png8"].path, "-o", out, *bottom, "--set", "left=40")
    assert answer.code == 0
    assert answer.err.startswith("extend_background, bottom: the frame cuts the person here")
    height, width = pictures["png8"].codes.shape[:2]
    assert read(out)[0].shape == (height, width + 40, 3)


def test_a_presets_limit_on_new_area_binds_it_and_not_the_person(
    pictures: dict[str, Picture], tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'title = "narrow"\nguards = {new_area_max = 0.1}\n'
        '[[edits]]\nname = "extend_background"\nparams = {left = 240}\n'
    )
    given, out = pictures["png8"].path, tmp_path / "out.tif"
    line = studio("edit", given, "-o", out, "--preset", own).failure
    assert "new_area is 0.25 (at most 0.1)" in line
    assert not out.exists()
    done("edit", given, "-o", out, "--preset", own, "--set", "left=240")


def test_what_a_person_asks_for_is_done_with_a_warning_where_a_guard_frowns(
    pictures: dict[str, Picture], tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'title = "strict"\nguards = {grain_min = 9, grain_max = 10}\n[[edits]]\nname = "extend_background"\n'
    )
    given, out = pictures["png8"].path, tmp_path / "out.tif"
    answer = studio("edit", given, "-o", out, "--preset", own, "--set", "left=120")
    assert answer.code == 0 and out.exists()
    (line,) = answer.err.splitlines()
    assert line.startswith("grain is ") and line.endswith(" (at least 9)")
    again = done("edit", given, "-o", out, "--preset", own, "--set", "left=120", "--json").json
    assert again["warnings"] == [line]
    assert [guard["name"] for guard in again["guards"] if not guard["passed"]] == ["grain"]


def test_a_new_face_is_refused_whoever_asks(
    pictures: dict[str, Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "count_faces", lambda *_: 1)
    line = studio("edit", pictures["png8"].path, "-o", tmp_path / "out.tif", *BOTH_SIDES).failure
    assert "new_faces is 1 (at most 0)" in line
    assert list(tmp_path.iterdir()) == []


def test_edits_of_skin_need_a_person(
    pictures: dict[str, Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnSkin(extend_background.ExtendBackground):
        name = "heal_skin"
        tier = Tier.BOUNDED_RETOUCH

    monkeypatch.setitem(EDITS, "heal_skin", OnSkin())
    out = tmp_path / "out.tif"
    line = studio("edit", pictures["png8"].path, "-o", out, "--edit", "heal_skin").failure
    assert "needs a session and a person's approval" in line
    assert not out.exists()


# --- never an original


def test_a_drawn_area_and_what_is_spared_are_kept_to(pictures: dict[str, Picture], tmp_path: Path) -> None:
    given = pictures["dng"]
    height, width = given.codes.shape[:2]
    area = np.zeros((height, width), np.uint8)
    area[:, : width // 2] = 255
    Image.fromarray(area).save(tmp_path / "left.png")
    heal = ("edit", given.path, "--edit", "heal_spots", "--json", "-o")
    everywhere = done(*heal, tmp_path / "all.tif").json["edits"][0]["items"]
    left = done(*heal, tmp_path / "left.tif", "--area", tmp_path / "left.png").json["edits"][0]
    assert left["items"] and len(left["items"]) != len(everywhere)
    changed = (read(tmp_path / "left.tif")[0] != given.codes).any(axis=2)
    assert changed[:, : width // 2].any() and not changed[:, width // 2 + 12 :].any()
    y0, x0, y1, x1 = left["items"][0]["roi"]
    corners = [[[y0, x0], [y0, x1], [y1, x1], [y1, x0]]]
    (tmp_path / "spare.json").write_text(json.dumps(corners))
    spared = f"heal_spots={tmp_path / 'spare.json'}"
    words = ("--area", tmp_path / "left.png", "--spare", spared, "--again", "2")
    again = done(*heal, tmp_path / "again.tif", *words).json["edits"][0]
    assert left["items"][0]["id"] not in {item["id"] for item in again["items"]}
    assert again["hand"]["tries"] == 2 and again["hand"]["spare"] == corners
    assert studio(*heal, tmp_path / "x.tif", "--area", tmp_path / "no.png").failure.startswith("cannot read")


def test_the_picture_itself_is_never_written_to(tmp_path: Path) -> None:
    given, link = tmp_path / "in.tif", tmp_path / "link.tif"
    given.write_bytes(b"the original")
    link.symlink_to(given)
    os.link(given, tmp_path / "hard.png")
    for out in (given, link, tmp_path / "hard.png", tmp_path / "." / "in.tif"):
        assert "is the picture itself" in studio("edit", given, "-o", out, *BOTH_SIDES).failure
    assert "is the picture itself" in studio("mask", given, "-o", tmp_path / "hard.png").failure
    assert given.read_bytes() == b"the original"


def test_nothing_is_written_into_a_sessions_originals(tmp_path: Path) -> None:
    done("init", tmp_path / "s")
    given = tmp_path / "in.png"
    given.write_bytes(b"")
    out = tmp_path / "s" / "Capture" / "sub" / "out.png"
    assert "holds a session's originals" in studio("edit", given, "-o", out).failure
    assert "holds a session's originals" in studio("mask", given, "-o", out).failure
    assert list((tmp_path / "s" / "Capture").iterdir()) == []


# --- masks


@pytest.fixture(scope="module")
def masked(pictures: dict[str, Picture], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Codes]:
    folder = tmp_path_factory.mktemp("masks")
    for what in single.MASKS:
        done("mask", pictures["png8"].path, "-o", folder / f"{what}.png", "--what", what)
    return {what: np.asarray(Image.open(folder / f"{what}.png")) for what in single.MASKS}


def test_masks_are_8_bit_of_the_pictures_size(masked: dict[str, Codes], pictures: dict[str, Picture]) -> None:
    for mask in masked.values():
        assert mask.dtype == np.uint8
        assert mask.shape == pictures["png8"].codes.shape[:2]
    assert all(set(np.unique(masked[what])) == {0, 255} for what in ("protect", "face", "skin"))
    assert len(np.unique(masked["matte"])) > 20


def test_masks_lie_on_the_sitter(masked: dict[str, Codes]) -> None:
    person = shoots.portrait().alpha
    inside, outside = person == 255, person == 0
    assert (masked["protect"][inside] == 255).mean() > 0.98
    assert (masked["protect"][outside] == 0).mean() > 0.95
    assert (masked["matte"][inside] > 127).mean() > 0.97
    assert (masked["matte"][outside] < 128).mean() > 0.99
    skin, face = masked["skin"] == 255, masked["face"] == 255
    assert 0 < skin.sum() < face.sum() * 2
    assert inside[skin].mean() > 0.98 and inside[face].mean() > 0.6


def test_masks_as_json(pictures: dict[str, Picture], masked: dict[str, Codes], tmp_path: Path) -> None:
    answer = done("mask", pictures["png8"].path, "-o", tmp_path / "m.png", "--json").json
    (face,) = answer["faces"]
    y0, x0, y1, x1 = face["box"]
    assert (masked["face"][y0:y1, x0:x1] == 255).all() and masked["face"].sum() == 255 * (y1 - y0) * (x1 - x0)
    assert 0.5 < face["score"] <= 1
    assert set(answer["zones"]) == {"locked", "healable", "edge", "backdrop"}
    assert sum(answer["zones"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["zones"]["healable"] == pytest.approx((masked["skin"] == 255).mean(), abs=1e-6)
    assert 1 - answer["zones"]["backdrop"] == pytest.approx((masked["protect"] == 255).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "m.png", "--what", "hair"], "no mask 'hair'; there are: protect, face, skin, matte"),
        (["-o", "m.jpg"], "a mask is written as PNG, not .jpg"),
        (["-o", "m"], "a mask is written as PNG"),
    ],
)
def test_unknown_masks_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in studio("mask", "not-looked-for.tif", *arguments).failure


# --- the parts


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("a.CR3", Role.RAW),
        ("a.dng", Role.RAW),
        ("a.TIF", Role.TIFF),
        ("a.png", Role.TIFF),
        ("a.JPG", Role.JPEG),
    ],
)
def test_what_a_name_promises(name: str, role: Role) -> None:
    assert single.role_of(Path(name)) is role


def test_a_canvas_that_no_file_should_have_is_refused_before_it_is_rendered() -> None:
    from studio_pipeline.errors import Refused
    from studio_pipeline.geometry import Roi
    from studio_pipeline.records.plan import Plan
    from studio_pipeline.records.preset import GuardLimits

    def limits(canvas: Roi, name: str, asked: bool = True) -> GuardLimits:
        plan = Plan(
            edit="extend_background", version=1, tier=Tier.BACKDROP_ONLY, engine="classical", seed=1,
            params={}, canvas=canvas,
        )  # fmt: skip
        return single._limits(GuardLimits(), (plan,), Extent(1000, 1000), Path(name), asked)

    assert limits(Roi(0, 0, 1000, 5000), "a.tif").new_area_max == 4
    assert limits(Roi(0, 0, 1000, 5000), "a.tif", asked=False) == GuardLimits()
    assert limits(Roi(0, 0, 1000, 1100), "a.tif") == GuardLimits()
    with pytest.raises(Refused, match=r"70000×1000 pixels, which is more than can be written as \.jpg"):
        limits(Roi(0, 0, 1000, 70_000), "a.jpg")
    assert limits(Roi(0, 0, 1000, 70_000), "a.tif").new_area_max == 69
    with pytest.raises(Refused, match="ask for less"):
        limits(Roi(0, 0, 30_000, 30_000), "a.tif")


def test_a_png_carries_its_profile_where_the_standard_wants_it() -> None:
    """PNG (third edition), 11.3.2.3: iCCP comes before the image data, once."""
    codes = np.zeros((8, 8, 3), np.uint16)
    data = single._png(codes, color.named("P3").icc_profile)
    assert data.count(b"iCCP") == 1
    assert data.index(b"IHDR") < data.index(b"iCCP") < data.index(b"IDAT")
    with Image.open(BytesIO(data)) as image:
        image.load()
        assert image.info["icc_profile"] == color.named("P3").icc_profile


class TestBesideAnotherFrame:
    """`--empty-set` and `--reference`: files of other frames, for the edits that make use of them."""

    @pytest.fixture()
    def empty(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("empty") / "empty.dng"
        path.write_bytes(shoots.frames()[1].dng)
        return path

    def test_the_backdrop_is_matched_to_the_file_that_is_named(
        self, pictures: dict[str, Picture], tmp_path: Path, empty: Path
    ) -> None:
        given, out = pictures["dng"], tmp_path / "out.tif"
        matched = ("--edit", "match_backdrop", "--set", "to=empty set", "--empty-set", empty)
        answer = done("edit", given.path, "-o", out, *matched, "--json").json
        (edit,) = answer["edits"]
        assert edit["changes"] and edit["refusals"] == []
        assert {g["name"]: g["value"] for g in answer["guards"]}["locked_pixels"] == 0
        assert (read(out)[0] != given.codes).any(axis=2).mean() > 0.2

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (
                ("--edit", "heal_spots", "--empty-set"),
                "none of these edits makes use of a frame as empty set",
            ),
            (("--edit", "match_backdrop", "--empty-set"), "a.tif is no empty set: somebody is in it"),
            (("--edit", "match_backdrop"), "no reference is named"),
        ],
    )
    def test_what_does_not_fit_is_one_line(
        self, pictures: dict[str, Picture], tmp_path: Path, arguments: tuple[str, ...], line: str
    ) -> None:
        other = (pictures["tiff"].path,) if arguments[-1] == "--empty-set" else ()
        ran = studio("edit", pictures["dng"].path, "-o", tmp_path / "out.tif", *arguments, *other)
        assert ran.code == 1 and line in ran.err and ran.err.count("\n") == 1
        assert not list(tmp_path.iterdir())
