"""What sends a frame to a person: an unsure reading, and a master that fails its guards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio_pipeline.errors import GuardFailed, Refused
from studio_pipeline.geometry import Point
from studio_pipeline.pipeline import conductor, delivery
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import State
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import Choice
from studio_pipeline.session.cache import load_reading
from tests.support import shoots


def a_room(path: Path) -> None:
    """Shapes and stripes, nobody in it, and nothing that a plain backdrop would explain."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:480, 0:640]
    picture = np.stack([((x // 37 + y // 53) % 5) * 45 + 20 for _ in range(3)], axis=-1).astype(np.float64)
    picture += rng.normal(0, 6, picture.shape)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path, quality=92)


def test_an_unsure_reading_is_asked_about_and_both_doors_open(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    a_room(session.capture / "room.jpg")
    with shoots.at_work(session) as studio:
        studio.run()
        (unsure,) = studio.catalog.entries()
        assert unsure.state is State.NEEDS_A_PERSON
        assert unsure.reason and unsure.subject is not None and not unsure.subject.sure
        assert unsure.subject.fractions["locked"] == 1.0

        decide = shoots.decisions(session, studio.catalog)
        decide.nobody_here(unsure.id, "ada", shoots.NOW)
        studio.run()
        (nobody,) = studio.catalog.entries()
        assert nobody.subject is not None and nobody.subject.decided_by == "ada"
        assert nobody.subject.fractions["locked"] == 0.0

        corners = [Point(100, 100), Point(100, 300), Point(300, 300), Point(300, 100)]
        decide.repaint(unsure.id, [corners], "ada", shoots.NOW)
        studio.run()
        (painted,) = studio.catalog.entries()
        assert painted.state is State.PROPOSED
        (folder,) = [
            f
            for f in session.cache.glob("??/*/reading-*")
            if painted.subject and load_reading(f).record == painted.subject
        ]
        zones = load_reading(folder).zones
        assert (zones[110:290, 110:290] == Zone.LOCKED).all()
        assert (zones[400:, 400:] == Zone.BACKDROP).all()

        with pytest.raises(Refused, match="outline"):
            decide.repaint(unsure.id, [corners[:2]], "ada", shoots.NOW)
        shoots.approve_all(studio)
        studio.run()
        (delivered,) = studio.catalog.entries()
    assert delivered.state is State.DELIVERED
    record = (session.records / delivered.delivered[0].record).read_text(encoding="utf-8")
    assert '"door": {' in record and '"ada"' in record


def test_a_person_the_detectors_missed_is_locked_until_outlined(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    shoots.put(session, shoots.frames()[1])
    with shoots.at_work(session) as studio:
        studio.run()
        (empty,) = studio.catalog.entries()
        shoots.decisions(session, studio.catalog).somebody_here(empty.id, "ada", shoots.NOW)
        studio.run()
        (asked,) = studio.catalog.entries()
    assert (empty.state, asked.state) == (State.DEVELOPED, State.NEEDS_A_PERSON)
    assert asked.subject is not None and asked.subject.fractions["locked"] == 1.0
    assert asked.proposal is not None and "ada" in asked.reason


def test_a_master_that_fails_a_guard_leaves_nothing_and_goes_back(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
        (approved,) = studio.catalog.entries()
        strict = dataclasses.replace(studio.conductor.order(approved), limits=GuardLimits(new_area_max=0.01))
    with pytest.raises(GuardFailed, match="new_area"):
        delivery.fulfil(strict)
    assert list(session.output.rglob("*")) == []
    assert list(session.cache.rglob(".scratch-*")) == []


def test_an_approval_is_bound_to_what_was_shown(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
        decide = shoots.decisions(session, studio.catalog)
        assert entry.proposal_hash is not None
        other = studio.catalog.proposal(entry.proposal_hash).chosen(Choice(enabled=("heal_spots",)))
        with pytest.raises(Refused, match="changed since"):
            decide.approve(entry.id, entry.proposal_hash, other, "ada", shoots.NOW)
        approved = decide.approve(entry.id, entry.proposal_hash, None, "ada", shoots.NOW)
        studio.run()
        delivered = studio.catalog.entry(entry.id)
        assert delivered is not None and delivered.state is State.DELIVERED
        assert approved.approved_hash == delivered.delivered[0].shown_hash
        revoked = decide.revoke(entry.id, "ada", shoots.NOW)
    assert (revoked.state, revoked.delivered) == (State.PROPOSED, ())
    assert [p.name for p in session.output.iterdir()] == []
    with shoots.opened(session) as catalog:
        verbs = [d.verb.value for d in catalog.decisions(entry.id)]
    assert verbs == ["approve", "revoke"]


def test_into_trash_and_back_keeps_what_was_decided(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    here = shoots.put(session, shoots.portrait())
    trash = session.root / "Trash" / here.name
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
        shoots.decisions(session, studio.catalog).reject(entry.id, "ada", shoots.NOW)
        here.rename(trash)
        studio.run()
        (gone,) = studio.catalog.entries()
        trash.rename(here)
        studio.run()
        (back,) = studio.catalog.entries()
    assert (gone.state, back.state) == (State.WITHDRAWN, State.REJECTED)
    assert back.id == entry.id


def test_a_bad_export_costs_the_export_and_not_the_frame(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    shoots.put(session, shoots.portrait())
    Image.new("CMYK", (960, 640), (9, 9, 9, 9)).save(session.capture / "STP_0003.tif")
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
    assert entry.state is State.PROPOSED
    assert entry.base is not None and entry.base.kind == "raw"
    assert len(entry.unusable) == 1


def test_an_approval_of_a_base_of_another_version_is_void(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        shoots.approve_all(studio)
    newer = conductor.deciding_versions() | {"rawpy": "99.0"}
    monkeypatch.setattr(conductor, "deciding_versions", lambda: newer)
    with shoots.at_work(session) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
    assert (entry.state, entry.approved_hash, entry.stale) == (State.PROPOSED, None, True)
    assert list(session.output.iterdir()) == []
