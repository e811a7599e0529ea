"""Small shoots for end-to-end tests: real DNG files of the demo, in a real session."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from studio_pipeline.demo.shoot import TAKES, DemoFrame, render_frames
from studio_pipeline.geometry import Extent
from studio_pipeline.pipeline.conductor import lanes
from studio_pipeline.pipeline.decide import Decisions
from studio_pipeline.pipeline.studio import Studio
from studio_pipeline.pipeline.studio import at_work as start
from studio_pipeline.pipeline.supervisor import Supervisor
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import EditSpec, Preset, load
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session, create

SMALL = Extent(640, 960)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@cache
def frames() -> tuple[DemoFrame, ...]:
    """Grey card, empty set, and two portraits, the second with a JPEG."""
    return tuple(render_frames(7, SMALL, TAKES[:4]))


def portrait() -> DemoFrame:
    return frames()[2]


def new_session(root: Path, preset: Preset | str = "banner-16x9") -> Session:
    named = load(preset) if isinstance(preset, str) else preset
    return create(root, named, preset if isinstance(preset, str) else "test", None, NOW, no_vault=True)


def cleanup_preset() -> Preset:
    """One edit, one small deliverable: for tests that are about something else."""
    preset = load("cleanup-only")
    edits = (EditSpec(name="heal_spots"),)
    return preset.model_copy(update={"edits": edits, "deliverables": preset.deliverables[:1]})


def put(session: Session, frame: DemoFrame, name: str | None = None) -> Path:
    """Write a frame's DNG as if it had lain there for a while."""
    path = session.capture / f"{name or frame.name}.DNG"
    path.write_bytes(frame.dng)
    return path


def decisions(studio_session: Session, catalog: Catalog) -> Decisions:
    return Decisions(studio_session, catalog, "testhost", "test")


def approve_all(studio: Studio) -> list[Entry]:
    """Approve every proposal as it stands."""
    decide = decisions(studio.session, studio.catalog)
    proposed = [e for e in studio.catalog.entries() if e.state.value == "proposed"]
    return [decide.approve(e.id, None, None, "tester", NOW) for e in proposed]


@contextmanager
def opened(session: Session) -> Iterator[Catalog]:
    catalog = Catalog(session.databases / "catalog.sqlite")
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def at_work(session: Session) -> Iterator[Studio]:
    """As ``pipeline.studio.at_work``, with workers that stay warm from test to test."""
    with start(session, workers=_workers()) as studio:
        yield studio


@cache
def _workers() -> Supervisor:
    supervisor = Supervisor(lanes(2)).__enter__()
    atexit.register(supervisor.__exit__)
    return supervisor


def work(session: Session) -> None:
    """`studio run`, in this process."""
    with at_work(session) as studio:
        studio.run()
