"""A frame's whole way: from a file in Capture/ to a proved deliverable in Output/."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from studio_pipeline.develop import develop, load_frame
from studio_pipeline.edits import stack
from studio_pipeline.pipeline import report, stages
from studio_pipeline.pipeline.keys import base_key, reading_key
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import Role, State
from studio_pipeline.session.cache import CaptureCache, load_reading
from studio_pipeline.versions import deciding_versions
from tests.support import shoots
from tests.support.finished import Finished, hashes


def test_every_frame_ends_where_it_belongs(finished: Finished) -> None:
    ends = {n: (e.state.value, e.subject.kind if e.subject else None) for n, e in finished.entries.items()}
    assert ends == {
        "STP_0001": ("developed", "grey-card"),
        "STP_0002": ("developed", "empty-set"),
        "STP_0003": ("delivered", "portrait"),
        "STP_0004": ("delivered", "portrait"),
    }


def test_nothing_in_capture_changed(finished: Finished) -> None:
    assert hashes(finished.session.capture) == finished.captured_before


def test_raw_and_jpeg_of_one_exposure_are_one_capture(finished: Finished) -> None:
    roles = [m.role for m in finished.entries["STP_0004"].members]
    assert sorted(roles) == [Role.JPEG, Role.RAW]


def test_the_deliverable_is_the_base_with_new_backdrop_around_it(finished: Finished) -> None:
    """Every pixel outside the plans' own areas is the developed RAW's, code for code."""
    entry, session = finished.portrait, finished.session
    delivered = tifffile.imread(finished.deliverable("tiff"))
    assert entry.base is not None and entry.proposal_hash is not None
    raw = session.root / entry.base_member.path.decode()
    frame, _ = develop(raw, Role.RAW, session.preset.develop, half=False, look=entry.base.look)
    with shoots.opened(session) as catalog:
        proposal = catalog.proposal(entry.proposal_hash)
    canvas = proposal.canvas
    assert abs(canvas.extent.width / canvas.extent.height - 16 / 9) < 0.01
    assert delivered.shape == (canvas.extent.height, canvas.extent.width, 3)
    inside = delivered[frame.roi.within(canvas)]
    source = stages.Source(
        str(raw).encode(),
        Role.RAW,
        entry.id,
        base_key(entry.base_member.sha256, session.preset.develop, deciding_versions()),
        session.preset.develop,
        session.cache,
    )
    reading = load_reading(CaptureCache(session.cache, entry.id).reading(reading_key(source.base_key, None)))
    changed = (inside != frame.codes).any(axis=2)
    assert not (changed & (reading.zones != Zone.BACKDROP)).any()
    assert changed.mean() < 0.02


def test_a_tile_shown_before_approval_is_the_delivered_pixels(finished: Finished) -> None:
    entry, session = finished.portrait, finished.session
    delivered = tifffile.imread(finished.deliverable("tiff"))
    products = CaptureCache(session.cache, entry.id)
    assert entry.base_key is not None and entry.proposal_hash is not None
    frame, _ = load_frame(products.base(entry.base_key, half=False))
    reading = load_reading(products.reading(reading_key(entry.base_key, None)))
    with shoots.opened(session) as catalog:
        proposal = catalog.proposal(entry.proposal_hash)
    beside = {
        role: stages.beside_of(session, one, deciding_versions())
        for plan in proposal.active
        for role, key in plan.sources.items()
        for one in finished.entries.values()
        if one.base_key == key
    }
    sources = stages.sources_of(proposal.active, beside, half=False)
    canvas = proposal.canvas
    for tile in list(canvas.tiles(301))[::3]:
        shown = stack.render(proposal.active, frame, reading, tile, sources)
        np.testing.assert_array_equal(shown, delivered[tile.within(canvas)])


def test_a_second_run_changes_nothing(finished: Finished) -> None:
    before = hashes(finished.session.output)
    with shoots.opened(finished.session) as catalog:
        revision, _ = catalog.changed_since(0)
    shoots.work(finished.session)
    with shoots.opened(finished.session) as catalog:
        assert catalog.changed_since(0)[0] == revision
    assert hashes(finished.session.output) == before


def test_status_has_the_shape_that_others_build_on(finished: Finished) -> None:
    answer = report.status(finished.session, list(finished.entries.values()), shoots.NOW)
    assert set(answer) == {"session", "captures", "counts", "last_frame_age_s"}
    assert answer["counts"] == {"developed": 2, "delivered": 2}
    row = next(c for c in answer["captures"] if c["name"] == "STP_0003")
    assert row["files"][0]["path"] == "Capture/STP_0003.DNG"
    (proposal,) = row["proposals"]
    assert {"id", "hash", "tier", "edits", "guards"} <= set(proposal)
    assert proposal["tier"] == "backdrop only"
    assert {"name", "passed", "value", "limit"} <= set(proposal["guards"][0])
    assert all({"name", "version", "params", "engine"} <= set(e) for e in proposal["edits"])
    assert {d["path"] for d in row["deliverables"]} == {"Output/STP_0003.tif", "Output/STP_0003.jpg"}


def test_an_exported_tiff_becomes_the_base_and_an_approval_stale(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
        (approved,) = studio.catalog.entries()
        raw_base = approved.base
        assert approved.state is State.APPROVED
        frame, _ = develop(session.capture / "STP_0003.DNG", Role.RAW, session.preset.develop, half=False)
        brighter = np.minimum(frame.codes.astype(np.uint32) * 9 // 8, 65535).astype(np.uint16)
        icc = frame.encoding.icc_profile
        tifffile.imwrite(session.capture / "STP_0003.tif", brighter, photometric="rgb", iccprofile=icc)
        studio.run()
        (entry,) = studio.catalog.entries()
    assert entry.id == approved.id
    assert entry.base is not None and entry.base != raw_base and entry.base.kind == "tiff"
    assert (entry.state, entry.stale, entry.approved_hash) == (State.PROPOSED, True, None)
    assert entry.reason == "approved on another base"


def test_work_stopped_at_any_point_goes_on_where_it_was(tmp_path: Path) -> None:
    """Closing in the middle (as Ctrl-C does) loses nothing and repeats nothing that was finished."""
    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        while not studio.catalog.entries() or studio.catalog.entries()[0].base is None:
            studio.intake.step()
            studio.conductor.step(0.2)
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
    assert entry.state is State.DELIVERED
    assert len(list(session.output.iterdir())) == 2


def test_the_cache_costs_only_time(tmp_path: Path) -> None:
    import shutil

    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
    shutil.rmtree(session.cache)
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
    assert entry.state is State.DELIVERED


def test_a_session_has_one_worker(finished: Finished) -> None:
    from studio_pipeline.errors import Refused
    from studio_pipeline.session.folder import open_session

    again = open_session(finished.session.root)
    with finished.session.locked(), pytest.raises(Refused, match="already being worked on"), again.locked():
        pass


def test_two_bodies_with_one_file_name_are_two_captures_and_two_deliverables(tmp_path: Path) -> None:
    """And our own deliverables, lying in Output, are nobody's export."""
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    for folder, frame in (("A", shoots.frames()[2]), ("B", shoots.frames()[3])):
        (session.capture / folder).mkdir()
        (session.capture / folder / "DSC_0001.DNG").write_bytes(frame.dng)
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
        studio.run()
        studio.run()
        entries = studio.catalog.entries()
    assert [(e.name, e.state) for e in entries] == [("DSC_0001", State.DELIVERED)] * 2
    assert all(e.base is not None and e.base.kind == "raw" for e in entries)
    marked = {f"DSC_0001-{e.id[:8]}.tif" for e in entries}
    names = {p.name for p in session.output.iterdir()}
    assert len(names) == 2 and "DSC_0001.tif" in names and names & marked


def test_a_late_raw_gives_its_jpeg_s_capture_another_id(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    frame = shoots.frames()[3]
    assert frame.jpeg is not None
    (session.capture / "STP_0004.JPG").write_bytes(frame.jpeg)
    with shoots.at_work(session) as studio:
        studio.run()
        (first,) = studio.catalog.entries()
        shoots.put(session, frame)
        studio.run()
        (entry,) = studio.catalog.entries()
    assert first.base is not None and first.base.kind == "jpeg"
    assert entry.id == entry.base_member.sha256 != first.id
    assert entry.base is not None and entry.base.kind == "raw"
    assert entry.state is State.PROPOSED
