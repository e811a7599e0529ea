"""The page's counterpart: all a person may ask of a session at work. Called from the server's threads."""

from __future__ import annotations

import contextlib
import io
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Source
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import consent, report, sets, stages
from studio_pipeline.pipeline.choice import measured
from studio_pipeline.pipeline.conductor import Conductor
from studio_pipeline.pipeline.decide import Decisions
from studio_pipeline.pipeline.once import Once
from studio_pipeline.pipeline.report import Json
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.masks import Zone, ZoneMap
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import Allowed
from studio_pipeline.records.develop import BaseRecord
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.hand import Wish
from studio_pipeline.records.proposal import Choice, Proposal
from studio_pipeline.session import cache
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from studio_pipeline.subject.reading import Reading

TILE_PX = 512
_KEPT_PROXIES, _KEPT_FIGURES = 6, 32
_MASTER_WAIT_S = 60.0
# Premultiplied-free RGBA of the mask overlay, by zone.
_OVERLAY = {
    Zone.LOCKED: (214, 48, 49, 110),
    Zone.HEALABLE: (46, 160, 90, 110),
    Zone.EDGE: (232, 185, 35, 130),
}


class Desk:
    """Answers questions from the catalog and the cache, and passes decisions on. Thread-safe."""

    def __init__(
        self,
        session: Session,
        catalog: Catalog,
        conductor: Conductor,
        decisions: Decisions,
        *,
        now: Callable[[], datetime],
        health: Callable[[], Json] = dict,
    ) -> None:
        self._session, self._catalog = session, catalog
        self._conductor, self._decisions, self._now = conductor, decisions, now
        self._health = health
        self._proxies: Once[Rendered] = Once(_KEPT_PROXIES)
        self._figures: Once[Proposal] = Once(_KEPT_FIGURES)
        self._turning = threading.Lock()

    def status(self) -> Json:
        return report.status(self._session, self._catalog.entries(), self._now())

    def capture(self, capture_id: str) -> Json:
        entry = self._entry(capture_id)
        scale = plan_scale(entry.base.extent) if entry.base else 1.0
        beside = sets.by_base(entry.sources, self._catalog.entries())
        decisions = self._catalog.decisions(capture_id)
        return report.detail(entry, decisions, scale, beside, consent.of(self._catalog, entry))

    def shown(self, capture_id: str, choice: Choice) -> Json:
        return report.shown(self._measured(self._entry(capture_id), choice))

    def health(self) -> Json:
        """``alarms`` stay red until their cause is gone, ``notices`` are only said."""
        counts, newest = self._catalog.counts(), self._catalog.newest()
        told = self._health()
        quarantined = counts.get(State.QUARANTINED.value, 0)
        if quarantined:
            files = "1 file is" if quarantined == 1 else f"{quarantined} files are"
            told["notices"] = [*told.get("notices", ()), f"{files} set aside; each says why"]
        return {
            "session": self._session.root.name,
            "preset": self._session.preset_name,
            "jobs": self._conductor.jobs,
            "counts": counts,
            "last_frame_age_s": report.age_s(newest.arrived_at if newest else None, self._now()),
        } | told

    def changes(self, since: int, timeout_s: float) -> tuple[int, list[str]]:
        """Wait for a change after ``since``; the catalog itself is asked, for commands write it too."""
        until = time.monotonic() + timeout_s
        while True:
            newest, changed = self._catalog.changed_since(since)
            if changed or time.monotonic() >= until:
                return newest, changed
            time.sleep(0.1)

    def approve(self, capture_id: str, shown_hash: str, choice: Choice, user: str, via: str) -> Json:
        chosen = self._measured(self._entry(capture_id), choice)
        return self._decided(self._decisions.approve(capture_id, shown_hash, chosen, user, self._now()))

    def reject(self, capture_id: str, user: str, via: str) -> Json:
        return self._decided(self._decisions.reject(capture_id, user, self._now()))

    def revoke(self, capture_id: str, user: str, via: str) -> Json:
        return self._decided(self._decisions.revoke(capture_id, user, self._now()))

    def pick(self, capture_id: str, picked: bool) -> Json:
        return self._decided(self._decisions.pick(capture_id, picked))

    def mark_reference(self, capture_id: str, reference: bool, user: str) -> Json:
        return self._decided(self._decisions.mark_reference(capture_id, reference, user, self._now()))

    def name_people(self, capture_id: str, people: list[str]) -> Json:
        return self._decided(self._decisions.name_people(capture_id, people))

    def say_consent(self, subject: str, allowed: Allowed, user: str) -> Json:
        """Names of captures whose approval is void now, and of those delivered beyond it before."""
        change = self._decisions.say_consent(subject, allowed, user, self._now())
        self._conductor.wake()
        names = {"voided": change.voided, "delivered": change.delivered}
        return {key: [entry.name for entry in entries] for key, entries in names.items()}

    def nobody_here(self, capture_id: str, user: str) -> Json:
        return self._decided(self._decisions.nobody_here(capture_id, user, self._now()))

    def somebody_here(self, capture_id: str, user: str) -> Json:
        return self._decided(self._decisions.somebody_here(capture_id, user, self._now()))

    def repaint(self, capture_id: str, polygons: list[list[list[float]]], user: str) -> Json:
        proposal = self._entry(capture_id).proposal
        if proposal is not None and (turn := proposal.turn) is not None:  # drawn on the turned picture
            polygons = [[list(turn.back(y, x)) for y, x in polygon] for polygon in polygons]
        corners = [[Point(round(y), round(x)) for y, x in polygon] for polygon in polygons]
        return self._decided(self._decisions.repaint(capture_id, corners, user, self._now()))

    def hand(self, capture_id: str, edit: str, wish: Wish, choice: Choice, user: str) -> Json:
        return self._decided(self._decisions.hand(capture_id, edit, wish, choice, user, self._now()))

    def preview(self, capture_id: str, long_edge: int) -> bytes:
        """The proposal where there is one, else the picture as it came."""
        entry = self._entry(capture_id)
        products = self._products(entry)
        path = products.proposed(entry.proposal_hash) if entry.proposal_hash else products.preview
        if not path.exists():
            path = products.preview
        try:
            return _reduced(path, long_edge)
        except FileNotFoundError as error:
            raise Refused(f"{entry.name} has no preview yet") from error

    def small(self, capture_id: str, choice: Choice, long_edge: int) -> bytes:
        """What these switches show, small; made with the proposal for the candidates of a model."""
        entry = self._entry(capture_id)
        proposal = self._proposal(entry).chosen(choice)
        path = self._products(entry).proposed(proposal.shown_hash())
        if not path.exists():
            shown = self._proxy(entry, proposal)
            small = stages.to_jpeg(shown.after, shown.encoding, stages.THUMB_LONG_EDGE_PX)
            cache.write_file(path, small)
        return _reduced(path, long_edge)

    def tile(self, capture_id: str, layer: str, choice: Choice, level: int, col: int, row: int) -> bytes:
        """One deep-zoom tile, as ``review.desk.Desk`` says. Levels above plan scale come from the master."""
        entry = self._entry(capture_id)
        proposal = self._proposal(entry).chosen(choice)
        top = math.ceil(math.log2(max(2, proposal.canvas.extent.long_edge)))
        if not 0 <= level <= top:
            raise KeyError(f"level {level}")
        shrink = 1 << (top - level)
        whole = Extent(
            *(-(-v // shrink) for v in (proposal.canvas.extent.height, proposal.canvas.extent.width))
        )
        place = Roi(row * TILE_PX, col * TILE_PX, (row + 1) * TILE_PX, (col + 1) * TILE_PX) & Roi.of(whole)
        if place.empty or row < 0 or col < 0:
            raise KeyError(f"tile {col}_{row} of level {level}")
        assert entry.base is not None
        if layer == "mask":
            return _overlay(self._zones(entry, proposal, place, whole))
        if 1 / shrink <= plan_scale(entry.base.extent) + 1e-9:
            canvas = self._proxy(entry, proposal)
            codes = _cut(canvas.before if layer == "before" else canvas.after, place, whole)
            return stages.to_jpeg(codes, canvas.encoding, TILE_PX)
        return self._from_master(entry, proposal, layer, place, shrink)

    def _from_master(self, entry: Entry, proposal: Proposal, layer: str, place: Roi, shrink: int) -> bytes:
        frame, reading = self._in_geometry(entry, proposal, self._master(entry))
        full = Roi(*(v * shrink for v in (place.y0, place.x0, place.y1, place.x1)))
        canvas = proposal.canvas
        full = full.shifted(canvas.y0, canvas.x0) & canvas
        if layer == "before":
            codes = stack.null_render(frame, full)
        else:
            sources = self._sources(proposal, half=False)
            codes = stack.render(proposal.active, frame, reading, full, sources)
        return stages.to_jpeg(codes, frame.encoding, max(1, full.extent.long_edge // shrink), quality=93)

    def _proxy(self, entry: Entry, proposal: Proposal) -> Rendered:
        """The canvas at plan scale, before and after, with its zones: what zoomed-out tiles are cut from."""

        def render() -> Rendered:
            look = entry.base.look if entry.base else None
            base = stages.load_base(self._conductor.source(entry), True, look)
            frame, reading = self._in_geometry(entry, proposal, base)
            sources = self._sources(proposal, half=True)
            return stages.rendered(proposal.active, frame, reading, sources=sources)[1]

        return self._proxies.get((entry.id, proposal.shown_hash()), render)

    def _zones(self, entry: Entry, proposal: Proposal, place: Roi, whole: Extent) -> ZoneMap:
        zones = self._proxy(entry, proposal).zones
        return np.asarray(_cut(zones, place, whole, cv2.INTER_NEAREST), np.uint8)

    def _in_geometry(
        self, entry: Entry, proposal: Proposal, base: tuple[Frame, BaseRecord]
    ) -> tuple[Frame, Reading]:
        """The base as the proposal has it. Others wait while one is turned, and find it in the cache."""
        with self._turning if proposal.turn else contextlib.nullcontext():
            source, look = self._conductor.source(entry), entry.base.look if entry.base else None
            beside = self._conductor.beside_of(proposal)
            reading = stages.read_again(source, look, entry.door, proposal, beside)
            return stages.turned(source, *base, reading, proposal.turn)

    def _sources(self, proposal: Proposal, half: bool) -> dict[str, Source]:
        """The frames of the set that its plans name; waits for full-size ones as for the picture's own."""
        needed = {role for plan in proposal.active for role in plan.sources}
        named = self._conductor.beside_of(proposal)
        beside = {role: one for role, one in named.items() if role in needed}
        if not half:
            for one in beside.values():
                self._master(self._entry(one.source.capture_id))
        with self._turning if beside and proposal.turn else contextlib.nullcontext():
            return stages.sources_of(proposal.active, beside, half, proposal.turn)

    def _master(self, entry: Entry) -> tuple[Frame, BaseRecord]:
        """The full-size base, developed by a worker if it is not there; waits for it."""
        from studio_pipeline.develop import load_frame

        folder = self._products(entry).base(self._conductor.source(entry).base_key, half=False)
        until = time.monotonic() + _MASTER_WAIT_S
        if not folder.exists():
            self._conductor.want_master(entry.id)
        while not folder.exists():
            if time.monotonic() > until:
                raise Refused(f"{entry.name} is still being developed at full size; look again in a moment")
            time.sleep(0.05)
        return load_frame(folder)

    def _measured(self, entry: Entry, choice: Choice) -> Proposal:
        """What these switches show, with its figures; measured once."""
        current = self._proposal(entry)

        def measure() -> Proposal:
            return measured(current, choice, lambda it: self._proxy(entry, it), self._session.preset.guards)

        return self._figures.get((entry.id, current.chosen(choice).shown_hash()), measure)

    def _proposal(self, entry: Entry) -> Proposal:
        if entry.proposal_hash is None:
            raise Refused(f"{entry.name} has no proposal: {entry.reason or entry.state.value}")
        return self._catalog.proposal(entry.proposal_hash)

    def _products(self, entry: Entry) -> CaptureCache:
        return CaptureCache(self._session.cache, entry.id)

    def _entry(self, capture_id: str) -> Entry:
        entry = self._catalog.entry(capture_id)
        if entry is None:
            raise KeyError(capture_id)
        return entry

    def _decided(self, entry: Entry) -> Json:
        self._conductor.wake()
        return report.row(entry)


def _reduced(path: Path, long_edge: int) -> bytes:
    """A kept JPEG, made smaller where it is larger. Raises FileNotFoundError."""
    picture: Image.Image = Image.open(path)
    with picture:
        if max(picture.size) <= long_edge:
            return path.read_bytes()
        picture.draft("RGB", (long_edge, long_edge))
        picture.thumbnail((long_edge, long_edge))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=85, icc_profile=picture.info.get("icc_profile"))
    return out.getvalue()


def _cut(values: Codes, place: Roi, whole: Extent, interpolation: int = cv2.INTER_AREA) -> Codes:
    """The part of ``values``, seen as a picture of size ``whole``, that lies at ``place``."""
    if values.shape[:2] != (whole.height, whole.width):
        size = (whole.width, whole.height)
        values = cv2.resize(values, size, interpolation=interpolation).astype(values.dtype, copy=False)
    return values[place.y0 : place.y1, place.x0 : place.x1]


def _overlay(zones: ZoneMap) -> bytes:
    table = np.zeros((256, 4), np.uint8)
    for zone, colour in _OVERLAY.items():
        table[zone] = colour
    out = io.BytesIO()
    Image.fromarray(table[zones]).save(out, "PNG", compress_level=1)
    return out.getvalue()
