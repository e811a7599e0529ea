"""One picture to be extended, with what is really there; and every method's answer to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks import peers
from studio_pipeline.edits import stack
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.plan import Plan
from studio_pipeline.subject.reading import Reading

OURS, AGAIN = "ours", "set up anew"
_SEED = 1
_EDGE = 0.02  # of the long edge


@dataclass(frozen=True, eq=False)
class Case:
    """sRGB codes ``(h, w, 3)`` of the whole canvas: ``true``, and ``seen``, which differs from it where the
    camera has what is not to stay (a paper's edge) or what the file did to it (JPEG).

    ``added``: what was cut off each side of ``seen``, and is to be put back. ``person``: true where any of
    her is. ``again``: the same set set up anew, where that is known: as near as chance comes. ``mends``: the
    paper's edge is to be replaced.
    """

    name: str
    group: str
    true: Codes
    seen: Codes
    added: Insets
    reading: Reading
    person: Mask | None = None
    again: Codes | None = None
    mends: bool = False

    @property
    def canvas(self) -> Roi:
        return Roi.of(Extent(*self.true.shape[:2]))

    @property
    def inner(self) -> Roi:
        """Where the base lies on the canvas."""
        whole = self.canvas
        return Roi(self.added.top, self.added.left, whole.y1 - self.added.bottom, whole.x1 - self.added.right)

    @property
    def base(self) -> Codes:
        return np.ascontiguousarray(self.seen[self.inner.within(self.canvas)])

    @property
    def original(self) -> Mask:
        """Base pixels that have to come back as they are; paper is cut a little inside its edge."""
        kept = np.zeros(self.true.shape[:2], np.bool_)
        kept[self.inner.within(self.canvas)] = True
        if not self.mends:
            return kept
        margin = round(_EDGE * self.canvas.extent.long_edge)
        goes = grow((self.seen != self.true).any(axis=2), margin)
        return kept & (~goes if self.person is None else ~goes | self.person)

    @property
    def new(self) -> Mask:
        """New area, and what of the base has to be replaced."""
        return ~self.original


@dataclass(frozen=True, eq=False)
class Answer:
    """A method's canvas. ``refused``: it would not, and the border was repeated in its place."""

    method: str
    codes: Codes
    seconds: float
    refused: bool = False


def answers(case: Case, gmic: bool = True) -> Iterator[Answer]:
    """Ours in the case's own depth, the peers in 8 bits, then the set set up anew."""
    base = case.base
    started = time.perf_counter()
    ours = extend(base, case.reading, case.added, paper_edge=case.mends)
    seconds = time.perf_counter() - started
    refused = ours.shape != case.true.shape
    yield Answer(OURS, _repeated(base, case.added) if refused else ours, seconds, refused)
    shown = np.asarray(at_depth(base, np.dtype(np.uint8)), np.uint8)
    for method, peer in peers.extenders(gmic).items():
        started = time.perf_counter()
        picture = peer(shown, case.added)
        yield Answer(method, picture, time.perf_counter() - started)
    if case.again is not None:
        inner = case.inner.within(case.canvas)
        anew = case.again.copy()
        anew[inner] = np.where(case.original[inner][..., None], case.seen[inner], anew[inner])
        yield Answer(AGAIN, anew, 0.0)


def _repeated(base: Codes, added: Insets) -> Codes:
    sides = ((added.top, added.bottom), (added.left, added.right), (0, 0))
    return np.pad(base, sides, mode="edge")


def at_depth(codes: Codes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Codes:
    """The same sRGB codes in 8 or 16 bits, rounded to the nearest."""
    if codes.dtype == dtype:
        return codes
    if dtype == np.uint8:
        return np.asarray((codes.astype(np.uint32) + 128) // 257, np.uint8)
    return codes.astype(np.uint16) * np.uint16(257)


def extend(base: Codes, reading: Reading, added: Insets, *, paper_edge: bool = False) -> Codes:
    """Our extension of sRGB codes, planned and rendered as for a master; smaller where a side is refused."""
    frame = Frame(base, color.named("sRGB"), clipped_in_file(base))
    plan = plan_extension(frame, reading, added, paper_edge=paper_edge)
    canvas = stack.canvas_of([plan], frame.roi)
    out = np.empty((canvas.extent.height, canvas.extent.width, 3), base.dtype)
    stack.render_into(out, [plan], frame, reading, canvas)
    return out


def plan_extension(frame: Frame, reading: Reading, added: Insets, *, paper_edge: bool = False) -> Plan:
    """The plan for given pixels."""
    sides = ExtendParams(**asdict(added), paper_edge=paper_edge)
    small = frame.at_scale(plan_scale(frame.extent))
    return EXTEND_BACKGROUND.plan(small, reading, sides, _SEED)
