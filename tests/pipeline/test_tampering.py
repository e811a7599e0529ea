"""Files and records that somebody changed: what ``verify`` says of each, and where it says it was."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline import deliver
from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import heat, proof, verify
from studio_pipeline.pixels import color
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.base import digest
from studio_pipeline.records.deliverable import DeliveryRecord
from studio_pipeline.records.preset import OutputRecipe
from studio_pipeline.session import keys
from studio_pipeline.session.folder import open_session
from tests.support.finished import Finished

TIFF, JPEG = "STP_0003.tif", "STP_0003.jpg"
PAINTED = Roi(200, 700, 240, 760)
Picture = NDArray[Any]


class Copy:
    """The finished session without its cache, free to be tampered with."""

    def __init__(self, finished: Finished, root: Path) -> None:
        shutil.copytree(finished.session.root, root, ignore=shutil.ignore_patterns("cache"))
        (root / ".studio" / "cache").mkdir()
        self.finished, self.root, self.session = finished, root, open_session(root)

    def file(self, name: str) -> Path:
        return self.root / "Output" / name

    def check(self, name: str, picture: Path | None = None) -> verify.Verdict:
        return verify.verify(self.file(name), self.session, self.finished.originals(), picture)

    def record_path(self, name: str) -> Path:
        return self.session.records / f"{sha256(self.file(name))}.json"

    def record(self, name: str) -> DeliveryRecord:
        return proof.read_record(self.session.hidden, self.record_path(name))[0]

    def edit_record(
        self, path: Path, change: Callable[[dict[str, Any]], None], to: Path | None = None
    ) -> None:
        stored = json.loads(path.read_text())
        change(stored["record"])
        path.unlink()
        (to or path).write_text(json.dumps(stored))

    def sign_again(self, name: str, **changes: object) -> None:
        """As who holds the session's key may."""
        record = self.record(name)
        proof.write_record(self.session.hidden, self.session.records, record.model_copy(update=changes))

    def deliver_also(self, recipe: OutputRecipe, name: str) -> None:
        """The same master by another recipe, with its record."""
        master = tifffile.imread(self.file(TIFF))
        with self.file(name).open("w+b") as file:
            deliver.save(file, master, color.named("ProPhoto"), recipe, Metadata())
        changes = {"recipe": recipe, "file_name": name.encode(), "file_sha256": sha256(self.file(name))}
        record = self.record(TIFF).model_copy(
            update={**changes, "encoder": deliver.FORMATS[recipe.format].encoder()}
        )
        proof.write_record(self.session.hidden, self.session.records, record)


@pytest.fixture()
def copy(finished: Finished, tmp_path: Path) -> Copy:
    return Copy(finished, tmp_path / "session")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def flip(path: Path, y: int, x: int) -> None:
    """The lowest bit of one red value of a TIFF of ours."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        offsets, rows, width = page.dataoffsets, page.rowsperstrip, page.shape[1]
    with path.open("r+b") as file:
        file.seek(offsets[y // rows] + ((y % rows) * width + x) * 6)
        (low,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([low ^ 1]))


def place_in(zone: Zone, copy: Copy, name: str = TIFF) -> tuple[int, int]:
    """A pixel of a zone, in the file's pixels: all new backdrop is above it or at its left."""
    record = copy.record(name)
    zones = proof.load_zones(copy.session.records, record.zones_file)
    y, x = np.argwhere(zones == zone)[1000]
    return int(y) - record.proposal.canvas.y0, int(x) - record.proposal.canvas.x0


class TestOneBit:
    @pytest.mark.parametrize("zone", [Zone.LOCKED, Zone.BACKDROP])
    def test_it_is_named_with_its_place(self, copy: Copy, zone: Zone) -> None:
        y, x = place_in(zone, copy)
        flip(copy.file(TIFF), y, x)
        verdict = copy.check(TIFF)
        assert not verdict.valid
        assert verdict.locked_pixels_changed == (1 if zone is Zone.LOCKED else 0)
        assert (verdict.boxes, verdict.places) == ([[y, x, y + 1, x + 1]], 1)
        assert any(
            reason.startswith("pixels were changed after delivery: 1 pixels") for reason in verdict.reasons
        )

    def test_it_is_seen_on_the_picture(self, copy: Copy, tmp_path: Path) -> None:
        y, x = place_in(Zone.LOCKED, copy)
        flip(copy.file(TIFF), y, x)
        verdict = copy.check(TIFF, tmp_path / "heat.png")
        picture = np.asarray(Image.open(tmp_path / "heat.png"))
        assert verdict.picture == str(tmp_path / "heat.png")
        assert tuple(picture[y, x]) == heat.OUTSIDE
        assert tuple(picture[y - 8, x]) == heat.OUTSIDE  # the frame around it
        assert picture.shape[1] == tifffile.imread(copy.file(TIFF)).shape[1]

    def test_in_a_reduced_file_it_is_named_as_well(self, copy: Copy) -> None:
        recipe = OutputRecipe(name="small", format="tiff16", long_edge_px=700)
        copy.deliver_also(recipe, "small.tif")
        assert copy.check("small.tif").reasons == []
        flip(copy.file("small.tif"), 120, 340)
        verdict = copy.check("small.tif")
        assert verdict.boxes == [[120, 340, 121, 341]]
        assert verdict.locked_pixels_changed is None
        assert any(
            "does not show the recorded pixels: 1 pixels in rows 120 to 120" in r for r in verdict.reasons
        )


class TestRecords:
    def test_one_with_another_hash_in_it_was_edited(self, copy: Copy) -> None:
        """The file is changed, and its record made to name the new bytes."""
        path = copy.record_path(TIFF)
        y, x = place_in(Zone.LOCKED, copy)
        flip(copy.file(TIFF), y, x)
        named = sha256(copy.file(TIFF))
        copy.edit_record(
            path, lambda record: record.update(file_sha256=named), path.with_name(f"{named}.json")
        )
        verdict = copy.check(TIFF)
        assert "the record was edited after it was signed" in verdict.reasons
        assert verdict.boxes == [[y, x, y + 1, x + 1]]

    def test_one_that_was_copied_to_the_name_of_a_changed_file_is_not_its_record(self, copy: Copy) -> None:
        """The same pixels in another profile, and with another turn: a change that no pixel shows."""
        record, codes = copy.record_path(TIFF), tifffile.imread(copy.file(TIFF))
        tifffile.imwrite(copy.file(TIFF), codes, photometric="rgb", extratags=[(274, "H", 1, 3, True)])
        shutil.copy(record, copy.record_path(TIFF))
        assert "changed outside: the file is not the one that was delivered" in copy.check(TIFF).reasons

    def test_one_that_cannot_be_read_does_not_stand_in_the_way_of_the_others(self, copy: Copy) -> None:
        y, x = place_in(Zone.LOCKED, copy)
        flip(copy.file(TIFF), y, x)
        (copy.session.records / "conflict copy.json").write_text("{")
        assert copy.check(TIFF).boxes == [[y, x, y + 1, x + 1]]

    def test_its_own_that_cannot_be_read_is_the_reason_and_no_namesakes_stands_in(self, copy: Copy) -> None:
        """The file is untouched: another delivery of that name says nothing against it."""
        copy.deliver_also(OutputRecipe(name="web", format="tiff16", long_edge_px=700), "web.tif")
        record = copy.record("web.tif").model_copy(update={"file_name": b"web/" + TIFF.encode()})
        proof.write_record(copy.session.hidden, copy.session.records, record)
        copy.record_path(TIFF).write_text("{")
        with pytest.raises(Refused, match="cannot be read"):
            copy.check(TIFF)

    def test_one_that_cannot_be_read_is_named_where_no_other_is_left(self, copy: Copy) -> None:
        for path in copy.session.records.glob("*.json"):
            path.write_text("{")
        with pytest.raises(Refused, match="cannot be read"):
            copy.check(TIFF)

    @pytest.mark.parametrize("key", ["capture_name", "delivered_at", "platform"])
    def test_any_edited_word_is_noticed(self, copy: Copy, key: str) -> None:
        copy.edit_record(copy.record_path(TIFF), lambda record: record.update({key: "2020-01-01T00:00:00Z"}))
        assert "the record was edited after it was signed" in copy.check(TIFF).reasons

    def test_one_that_another_key_signed_is_no_record_of_this_session(
        self, copy: Copy, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        keys.make(tmp_path / "other")
        path = copy.record_path(TIFF)
        stored = json.loads(path.read_text())
        message = digest(stored["record"]).encode("ascii")
        stored["signature"] = base64.b64encode(keys.sign(tmp_path / "other", message)).decode()
        path.write_text(json.dumps(stored))
        assert "the record was edited after it was signed" in copy.check(TIFF).reasons

    def test_an_approval_that_was_laid_on_another_proposal(self, copy: Copy) -> None:
        record = copy.record(TIFF)
        copy.sign_again(TIFF, decision=record.decision.model_copy(update={"shown_hash": "0" * 64}))
        assert copy.check(TIFF).reasons == ["the approval belongs to another proposal"]


class TestForgedZones:
    """A map that calls the person backdrop, so that a change of her would look allowed."""

    @staticmethod
    def forge(copy: Copy) -> str:
        zones = proof.load_zones(copy.session.records, copy.record(TIFF).zones_file)
        return proof.keep_zones(copy.session.records, np.full_like(zones, Zone.BACKDROP))

    def test_under_the_name_of_the_true_one(self, copy: Copy) -> None:
        true = copy.record(TIFF).zones_file
        forged = self.forge(copy)
        shutil.copyfile(copy.session.records / forged, copy.session.records / true)
        (reason,) = copy.check(TIFF).reasons
        assert true in reason and "was changed after it was written" in reason

    def test_with_the_record_made_to_name_it(self, copy: Copy) -> None:
        forged = self.forge(copy)
        copy.edit_record(copy.record_path(TIFF), lambda record: record.update(zones_file=forged))
        reasons = copy.check(TIFF).reasons
        assert "the record was edited after it was signed" in reasons
        assert "the zones are not those that were approved" in reasons

    def test_and_signed_by_who_has_the_key(self, copy: Copy) -> None:
        copy.sign_again(TIFF, zones_file=self.forge(copy))
        assert "the zones are not those that were approved" in copy.check(TIFF).reasons

    def test_and_the_proposal_made_to_name_it(self, copy: Copy) -> None:
        zones = proof.load_zones(copy.session.records, forged := self.forge(copy))
        proposal = copy.record(TIFF).proposal.model_copy(update={"zones_sha256": proof.zones_sha256(zones)})
        copy.sign_again(TIFF, zones_file=forged, proposal=proposal)
        assert "the approval belongs to another proposal" in copy.check(TIFF).reasons


def test_recorded_changes_that_reach_the_person_are_named(copy: Copy) -> None:
    """Signed by who has the key: pixel and record agree, and still nobody may have written there."""
    record = copy.record(TIFF)
    changes = proof.load_changes(copy.session.records, record.changes_file)
    y, x = place_in(Zone.LOCKED, copy)
    canvas = np.zeros((*changes.mask.shape, 3), np.uint16)
    canvas[changes.mask] = changes.values
    mask = changes.mask.copy()
    mask[y, x] = True
    canvas[y, x] = tifffile.imread(copy.file(TIFF))[y, x] ^ 1
    forged = proof.keep_changes(copy.session.records, proof.Changes(changes.canvas, mask, canvas[mask]))
    copy.sign_again(TIFF, changes_file=forged)
    verdict = copy.check(TIFF)
    assert verdict.locked_pixels_changed == 2  # in the record, and in the file that does not show it
    assert any(reason.startswith("the record itself changes 1 pixels") for reason in verdict.reasons)


def painted(codes: Picture, size: float = 1.0) -> Picture:
    """As with a soft brush, somewhat lighter."""
    out = codes.astype(np.float32)
    roi = Roi(*(round(v * size) for v in (PAINTED.y0, PAINTED.x0, PAINTED.y1, PAINTED.x1)))
    top = np.iinfo(codes.dtype).max
    out[roi.y0 : roi.y1, roi.x0 : roi.x1] += 0.06 * top
    return np.clip(out, 0, top).astype(codes.dtype)


def near(box: list[int], roi: Roi, px: int) -> bool:
    return all(abs(a - b) <= px for a, b in zip(box, (roi.y0, roi.x0, roi.y1, roi.x1), strict=True))


class TestWorkedOnElsewhere:
    def test_a_tiff(self, copy: Copy) -> None:
        codes = painted(tifffile.imread(copy.file(TIFF)))
        tifffile.imwrite(copy.file(TIFF), codes, photometric="rgb", compression="zlib")
        verdict = copy.check(TIFF)
        assert "changed outside: the file is not the one that was delivered" in verdict.reasons
        assert verdict.boxes == [[PAINTED.y0, PAINTED.x0, PAINTED.y1, PAINTED.x1]]

    def test_a_tiff_that_came_back_with_8_bits(self, copy: Copy) -> None:
        codes = (painted(tifffile.imread(copy.file(TIFF))).astype(np.uint32) * 255 + 32767) // 65535
        tifffile.imwrite(copy.file(TIFF), codes.astype(np.uint8), photometric="rgb")
        verdict = copy.check(TIFF)
        assert verdict.boxes == [[PAINTED.y0, PAINTED.x0, PAINTED.y1, PAINTED.x1]]

    @pytest.mark.parametrize("quality", [95, 85, 75])
    def test_a_jpeg(self, copy: Copy, quality: int, tmp_path: Path) -> None:
        codes = painted(np.asarray(Image.open(copy.file(JPEG))))
        Image.fromarray(codes).save(copy.file(JPEG), "JPEG", quality=quality)
        verdict = copy.check(JPEG, tmp_path / "heat.png")
        assert verdict.places == 1 and near(verdict.boxes[0], PAINTED, 9)
        assert verdict.locked_pixels_changed is None
        assert any("does not show the recorded pixels" in reason for reason in verdict.reasons)
        picture = np.asarray(Image.open(tmp_path / "heat.png"))
        assert tuple(picture[220, 730]) == heat.OUTSIDE

    @pytest.mark.parametrize("quality", [95, 85, 75])
    def test_a_jpeg_that_was_only_saved_again(self, copy: Copy, quality: int) -> None:
        with Image.open(copy.file(JPEG)) as picture:
            picture.load()
            picture.save(copy.file(JPEG), quality=quality)
        verdict = copy.check(JPEG)
        assert any("it was encoded anew" in r and "and not worked on" in r for r in verdict.reasons)
        assert (verdict.valid, verdict.boxes) == (False, [])

    def test_a_file_that_was_reduced_and_worked_on(self, copy: Copy) -> None:
        codes = painted(np.asarray(Image.open(copy.file(JPEG))))
        half = cv2.resize(codes, (codes.shape[1] // 2, codes.shape[0] // 2), interpolation=cv2.INTER_AREA)
        Image.fromarray(half).save(copy.file(JPEG), "JPEG", quality=90)
        verdict = copy.check(JPEG)
        assert any(reason.startswith("changed outside: the file is") for reason in verdict.reasons)
        assert verdict.places == 1 and near(verdict.boxes[0], Roi(100, 350, 120, 380), 9)

    def test_a_file_that_was_cropped(self, copy: Copy) -> None:
        codes = tifffile.imread(copy.file(TIFF))
        tifffile.imwrite(copy.file(TIFF), codes[:, 100:], photometric="rgb")
        verdict = copy.check(TIFF)
        assert any(reason.startswith("changed outside: the file is") for reason in verdict.reasons)
        assert verdict.boxes == [] and verdict.locked_pixels_changed is None

    def test_places_are_listed_the_largest_first_and_only_a_few(self, copy: Copy) -> None:
        codes = tifffile.imread(copy.file(TIFF))
        for number in range(12):
            y, x = 20 + 120 * (number // 6), 20 + 120 * (number % 6)
            codes[y : y + 2 + number, x : x + 2 + number] ^= 8
        tifffile.imwrite(copy.file(TIFF), codes, photometric="rgb")
        verdict = copy.check(TIFF)
        assert verdict.places == 12 and len(verdict.boxes) == 8
        sizes = [y1 - y0 for y0, _, y1, _ in verdict.boxes]
        assert sizes == sorted(sizes, reverse=True) and sizes[0] == 13


class TestAnotherEncoder:
    """The same master as another build of the encoder rounds it: nothing may be said against the file."""

    def test_it_is_said_and_nobody_accused(self, copy: Copy) -> None:
        record = copy.record(JPEG)
        codes = np.asarray(Image.open(copy.file(JPEG)))
        rounded = codes.astype(np.int16)
        rounded[::7, ::5] += 2
        with Image.open(copy.file(JPEG)) as picture:
            tables = {key: [max(1, v) for v in table] for key, table in picture.quantization.items()}  # type: ignore[attr-defined]
        Image.fromarray(np.clip(rounded, 0, 255).astype(np.uint8)).save(
            copy.file(JPEG), "JPEG", qtables=tables, subsampling=0
        )
        named = {"file_sha256": sha256(copy.file(JPEG)), "encoder": "libjpeg 6b"}
        proof.write_record(copy.session.hidden, copy.session.records, record.model_copy(update=named))
        (reason,) = copy.check(JPEG).reasons
        assert reason.startswith("unverifiable: encoder: the file is the one that was delivered")
        assert "libjpeg 6b" in reason and record.encoder in reason

    def test_but_a_file_that_was_worked_on_is_named(self, copy: Copy) -> None:
        record = copy.record(JPEG)
        codes = painted(np.asarray(Image.open(copy.file(JPEG))))
        Image.fromarray(codes).save(copy.file(JPEG), "JPEG", quality=95, subsampling=0)
        named = {"file_sha256": sha256(copy.file(JPEG)), "encoder": "libjpeg 6b"}
        proof.write_record(copy.session.hidden, copy.session.records, record.model_copy(update=named))
        verdict = copy.check(JPEG)
        assert near(verdict.boxes[0], PAINTED, 9)


def test_the_picture_of_a_proved_file_tells_new_area_from_the_person(copy: Copy, tmp_path: Path) -> None:
    verdict = copy.check(TIFF, tmp_path / "heat.png")
    assert verdict.valid and verdict.boxes == []
    picture = np.asarray(Image.open(tmp_path / "heat.png")).astype(int)
    new = -copy.record(TIFF).proposal.canvas.x0
    assert new > 50
    grey = picture.max(axis=2) - picture.min(axis=2)
    assert (grey[:400, : new - 2] > 15).all()
    y, x = place_in(Zone.LOCKED, copy)
    assert grey[y, x] == 0


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_developed(
    copy: Copy, tmp_path: Path
) -> None:
    from studio_pipeline.errors import Refused

    with pytest.raises(Refused, match="no such folder"):
        copy.check(TIFF, tmp_path / "nowhere" / "heat.png")
