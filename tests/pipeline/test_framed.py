"""A frame that crops at one side and extends at another, from the command and through a session; and the
same of a picture that is turned first."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from studio_pipeline.develop import develop, load_frame
from studio_pipeline.edits import stack
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pipeline import report, verify
from studio_pipeline.pipeline.desk import Desk
from studio_pipeline.pipeline.keys import reading_key
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import Role
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import EditSpec, load
from studio_pipeline.records.proposal import Choice, Proposal
from studio_pipeline.session.cache import CaptureCache, load_reading
from studio_pipeline.session.folder import Session, open_session
from studio_pipeline.subject.reading import Reading
from tests.support import shoots
from tests.support.command import done

WISH = {"aspect": "16:9", "eye_line": 0.52, "head_height": 0.2, "head_centre": 0.7, "most_new": 0.6}


@dataclass(frozen=True)
class Framed:
    session: Session
    entry: Entry
    proposal: Proposal
    base: Frame
    reading: Reading
    tiles: dict[str, np.ndarray]

    @property
    def canvas(self) -> Roi:
        return self.proposal.canvas

    @property
    def delivered(self) -> Path:
        (one,) = self.entry.delivered
        return self.session.root / one.path.decode()

    def originals(self) -> dict[str, bytes]:
        return {m.sha256: m.path for m in self.entry.members}


@pytest.fixture(scope="module", params=["none", 3.0], ids=["upright", "turned"])
def framed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Framed:
    """``base`` and ``reading`` are in the proposal's geometry."""
    preset = load("headshot-framed-4x5")
    edits = (preset.edits[0], EditSpec(name="frame_portrait", params=WISH | {"rotate": request.param}))
    preset = preset.model_copy(update={"edits": edits, "deliverables": preset.deliverables[:1]})
    session = shoots.new_session(tmp_path_factory.mktemp("framed") / "session", preset)
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        decide = shoots.decisions(session, studio.catalog)
        desk = Desk(session, studio.catalog, studio.conductor, decide, now=lambda: shoots.NOW)
        (entry,) = studio.catalog.entries()
        shoots.approve_all(studio)
        studio.run()
        (entry,) = studio.catalog.entries()
        assert entry.proposal_hash is not None and entry.base_key is not None
        proposal = studio.catalog.proposal(entry.proposal_hash)
        top = int(np.ceil(np.log2(proposal.canvas.extent.long_edge)))
        tiles = {
            layer: _picture(desk.tile(entry.id, layer, Choice(enabled=proposal.enabled), top, 1, 0))
            for layer in ("before", "after")
        }
        tiles |= {
            f"small {layer}": _picture(
                desk.tile(entry.id, layer, Choice(enabled=proposal.enabled), top - 1, 0, 0)
            )
            for layer in ("before", "after", "mask")
        }
    products = CaptureCache(session.cache, entry.id)
    base, _ = load_frame(products.base(entry.base_key, half=False))
    reading = load_reading(products.reading(reading_key(entry.base_key, None)))
    turn = proposal.turn
    assert (turn.deg if turn else "none") == request.param
    if turn is not None:
        base, reading = turn.frame(base), reading.turned(turn)
    return Framed(session, entry, proposal, base, reading, tiles)


def _picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_the_canvas_crops_and_extends(framed: Framed) -> None:
    canvas, base = framed.canvas, framed.base.roi
    assert canvas.x0 < 0 and canvas.y0 > 0 and canvas.x1 < base.x1
    assert all(guard.passed for guard in framed.proposal.guards)
    assert {g.name for g in framed.proposal.guards} >= {"locked_pixels", "new_faces", "seam", "new_area"}
    assert framed.proposal.base_extent == framed.base.extent
    shown = report.shown(framed.proposal)
    assert shown["canvas"] == [canvas.y0, canvas.x0, canvas.y1, canvas.x1]


def test_the_deliverable_has_the_base_s_own_code_values(framed: Framed) -> None:
    found, canvas, base = tifffile.imread(framed.delivered), framed.canvas, framed.base
    assert found.shape == (canvas.extent.height, canvas.extent.width, 3)
    kept = canvas & base.roi
    differs = (found[kept.within(canvas)] != base.codes[kept.within(base.roi)]).any(axis=2)
    zones = framed.reading.zones[kept.within(base.roi)]
    assert not (differs & (zones != Zone.BACKDROP)).any() and differs.mean() < 0.02
    again = stack.render(framed.proposal.active, base, framed.reading, canvas)
    np.testing.assert_array_equal(again, found)


def test_it_is_proved(framed: Framed) -> None:
    verdict = verify.verify(framed.delivered, framed.session, framed.originals())
    assert verdict.valid, verdict.reasons
    assert verdict.locked_pixels_changed == 0 and "frame_portrait" in verdict.edits
    kept = framed.reading.zones[(framed.canvas & framed.base.roi).within(framed.base.roi)]
    assert verdict.locked_pixels == np.count_nonzero(kept == Zone.LOCKED)


def test_one_flipped_bit_in_her_is_named_by_its_place_in_the_base(framed: Framed, tmp_path: Path) -> None:
    root = tmp_path / "session"
    shutil.copytree(framed.session.root, root, ignore=shutil.ignore_patterns("cache"))
    path = root / framed.delivered.relative_to(framed.session.root)
    kept = framed.canvas & framed.base.roi
    y, x = np.argwhere(framed.reading.zones[kept.within(framed.base.roi)] == Zone.LOCKED)[500]
    y, x = int(y) + kept.y0, int(x) + kept.x0
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        offsets, rows = page.dataoffsets, page.rowsperstrip
    row, column = y - framed.canvas.y0, x - framed.canvas.x0
    data = bytearray(path.read_bytes())
    data[offsets[row // rows] + ((row % rows) * framed.canvas.extent.width + column) * 6] ^= 1
    path.write_bytes(data)
    verdict = verify.verify(path, open_session(root), framed.originals())
    assert not verdict.valid and verdict.locked_pixels_changed == 1
    assert any(f"rows {y} to {y}, columns {x} to {x}" in reason for reason in verdict.reasons)


def test_before_and_after_lie_on_each_other(framed: Framed) -> None:
    """Where nothing was edited two tiles are the same picture, at 100% and below."""
    tiles, canvas = framed.tiles, framed.canvas
    assert tiles["before"].shape == tiles["after"].shape
    for names, scale, column in ((("before", "after"), 1.0, 512), (("small before", "small after"), 0.5, 0)):
        before, after = (tiles[name].astype(int) for name in names)
        edge = max(0, int(-canvas.x0 * scale) - column) + 2
        assert np.abs(before[:, edge:] - after[:, edge:]).mean() < 0.5
        if edge > 20:
            assert np.abs(before[:, : edge - 20] - after[:, : edge - 20]).mean() > 20
    mask = tiles["small mask"]
    assert mask.shape[:2] == tiles["small after"].shape[:2] and mask[..., 3].any()


def test_a_turn_is_part_of_what_is_approved(framed: Framed) -> None:
    """And of proposals without one nothing is said, so that their hashes stay what they were."""
    proposal, turn = framed.proposal, framed.proposal.turn
    if turn is None:
        assert "turn" not in proposal.model_dump(mode="json", exclude={"guards", "turn"})
        return
    other = proposal.model_copy(update={"turn": replace(turn, deg=2.0)})
    assert other.shown_hash() != proposal.shown_hash()
    (note,) = [n for n in proposal.plans[1].notes if "resampled" in n]
    assert note.startswith("the picture is turned by 3.0° clockwise")
    faces = report.detail(framed.entry, [], 0.5)["subject"]["faces"]
    assert framed.entry.subject is not None
    assert faces == [list(astuple(turn.roi(face.roi))) for face in framed.entry.subject.faces]


def test_what_is_drawn_on_a_turned_picture_is_taken_back(
    framed: Framed, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, told = framed.proposal.turn, []

    class Hears:
        def repaint(self, capture_id: str, polygons: list[list[Point]], *_: object) -> Entry:
            told.extend(polygons[0])
            return framed.entry

    class Knows:
        def entry(self, capture_id: str) -> Entry:
            return framed.entry

    class Sleeps:
        def wake(self) -> None:
            pass

    desk = Desk(framed.session, Knows(), Sleeps(), Hears(), now=lambda: shoots.NOW)  # type: ignore[arg-type]
    desk.repaint(framed.entry.id, [[[100.0, 200.0], [150.0, 250.0], [100.0, 250.0]]], "tester")
    expected = turn.back(100, 200) if turn else (100, 200)
    assert (told[0].y, told[0].x) == tuple(round(v) for v in expected)


@pytest.fixture(scope="module")
def dng(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("one") / "one.dng"
    path.write_bytes(shoots.portrait().dng)
    yield path


def test_studio_edit_crops(dng: Path, tmp_path: Path) -> None:
    out = tmp_path / "framed.tif"
    sets = [word for key in ("aspect=4:5", "head_height=0.6") for word in ("--set", key)]
    answer = done("edit", dng, "-o", out, "--edit", "frame_portrait", *sets, "--json").json
    assert answer["warnings"] == [] and answer["edits"][0]["changes"]
    found = tifffile.imread(out)
    height, width = found.shape[:2]
    assert abs(width - 0.8 * height) <= 0.5 and height < 640
    codes = read_raw(dng)
    places = np.argwhere((codes == found[0, 0]).all(axis=2))
    assert any(np.array_equal(codes[y : y + height, x : x + width], found) for y, x in places.tolist())


def test_studio_edit_turns(dng: Path, tmp_path: Path) -> None:
    out = tmp_path / "turned.tif"
    sets = [word for key in ("aspect=4:5", "head_height=0.6", "rotate=-2") for word in ("--set", key)]
    answer = done("edit", dng, "-o", out, "--edit", "frame_portrait", *sets, "--json").json
    assert any("turned by 2.0° counter-clockwise" in note for note in answer["edits"][0]["notes"])
    height, width = tifffile.imread(out).shape[:2]
    assert abs(width - 0.8 * height) <= 0.5


def read_raw(dng: Path) -> Codes:
    return develop(dng, Role.RAW, load("headshot-framed-4x5").develop, half=False)[0].codes
