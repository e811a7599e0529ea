"""What a person draws outside the page: files with outlines, and the words of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import report, sets, stages
from studio_pipeline.pipeline.choice import is_within_reach, measured
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.hand import NOTHING, Hand, Polygon
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.proposal import Choice, Proposal
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from studio_pipeline.versions import deciding_versions

_Corner = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]
_OUTLINES = TypeAdapter(list[Annotated[list[_Corner], Field(min_length=3, max_length=500)]])
_MOST_CORNERS = 20_000  # they are stored with every plan
_ALIKE = 0.01  # how far the proportions of a reduced mask may be off
_INSIDE = 128

ByHand = Callable[[Extent], Mapping[str, Hand]]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A file's outlines: corners in master pixels, or a mask of the picture at any size."""

    path: Path
    polygons: tuple[Polygon, ...] = ()
    mask: Mask | None = None

    def on(self, extent: Extent) -> tuple[Polygon, ...]:
        """The outlines on a picture of this size. Raises Refused where the mask is of another picture."""
        if self.mask is None:
            return self.polygons
        height, width = self.mask.shape
        if abs(height / width / (extent.height / extent.width) - 1) > _ALIKE:
            raise Refused(
                f"{self.path} is {width}×{height} pixels, and the picture {extent.width}×{extent.height}: "
                "draw the mask on the picture itself"
            )
        mask = self.mask.view(np.uint8)
        if self.mask.shape != (extent.height, extent.width):
            size = (extent.width, extent.height)
            mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        polygons = outlines(mask.view(np.bool_))
        if sum(map(len, polygons)) > _MOST_CORNERS:
            raise Refused(f"{self.path} is too ragged to be outlined: smooth the mask, or draw a coarser one")
        return polygons


def read(path: Path) -> Drawing:
    """A mask (PNG, white = inside), or JSON: a list of polygons ``[[y, x], ...]``. Raises Refused."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from error
    if path.suffix.lower() == ".json":
        return Drawing(path, polygons=_polygons(path, data))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None or picture.dtype != np.uint8:
        raise Refused(f"{path} is neither an 8-bit mask (PNG) nor a list of polygons (.json)")
    grey = picture if picture.ndim == 2 else picture[..., :3].max(axis=2)
    if not (grey >= _INSIDE).any():
        raise Refused(f"{path} has nothing white in it: white is inside")
    return Drawing(path, mask=grey >= _INSIDE)


def _polygons(path: Path, data: bytes) -> tuple[Polygon, ...]:
    try:
        found = _OUTLINES.validate_python(json.loads(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(
            f"{path}: a list of polygons [[y, x], ...] is wanted; {place}: {first['msg']}"
        ) from error
    except ValueError as error:
        raise Refused(f"{path} is no JSON: {error}") from error
    return tuple(tuple(Point(round(y), round(x)) for y, x in polygon) for polygon in found)


def outlines(mask: Mask) -> tuple[Polygon, ...]:
    """Polygons that together cover exactly what is True, as ``records.hand.drawn`` fills them."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask).view(np.uint8))
    polygons: list[Polygon] = []
    for label in range(1, count):
        x0, y0, width, height = (int(v) for v in boxes[label][:4])
        part = (labels[y0 : y0 + height, x0 : x0 + width] == label).astype(np.uint8)
        contours, family = cv2.findContours(part, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        holes = [
            contour for contour, (_, _, _, parent) in zip(contours, family[0], strict=True) if parent >= 0
        ]
        if holes:  # a polygon has none: the part is cut in two through one, until none is left
            _, top, _, tall = cv2.boundingRect(holes[0])
            cut = top + tall // 2
            pieces = [(outlines(part[:cut] > 0), y0), (outlines(part[cut:] > 0), y0 + cut)]
        else:
            corners = [Point(int(y), int(x)) for x, y in contours[0][:, 0]]
            pieces = [((tuple(corners + corners[-1:] * (3 - len(corners))),), y0)]
        polygons += [
            tuple(Point(p.y + y, p.x + x0) for p in polygon) for found, y in pieces for polygon in found
        ]
    return tuple(polygons)


def asked(names: Sequence[str], areas: list[str], spares: list[str], again: int) -> ByHand:
    """The words of `studio edit` as hands by edit, for a picture of a size. Files are read at once.

    What is returned raises Refused for an outline far outside the picture.
    """
    drawn = [{_split(word, names, option) for word in words}
             for option, words in (("--area", areas), ("--spare", spares))]  # fmt: skip
    area, spare = ({name: [read(p) for n, p in one if n == name] for name, _ in one} for one in drawn)

    def hands(extent: Extent) -> dict[str, Hand]:
        def on(drawings: list[Drawing]) -> tuple[Polygon, ...]:
            polygons = tuple(polygon for drawing in drawings for polygon in drawing.on(extent))
            if not is_within_reach(polygons, Roi.of(extent)):
                size = f"{extent.width} by {extent.height} pixels"
                raise Refused(f"an outline lies far outside the picture, which has {size}")
            return polygons

        return {
            name: Hand(area=on(area.get(name, [])), spare=on(spare.get(name, [])), tries=again)
            for name in names
        }

    return hands


def one_of(names: Sequence[str], wanted: str | None) -> str:
    """The edit that is meant. Raises Refused where it has to be said."""
    if wanted is None and len(names) != 1:
        raise Refused(f"say which edit: --edit NAME; there are: {', '.join(names) or 'none'}")
    return names[0] if wanted is None else wanted


def switched(
    session: Session, catalog: Catalog, entry: Entry, edit: str | None, off: list[str], on: list[str]
) -> Proposal:
    """The proposal as it stands, with items of one edit off and others on again, measured and pictured.

    Nothing is planned anew. Raises Refused for an item that there is not.
    """
    if entry.proposal_hash is None:
        raise Refused(f"{entry.name} has no proposal: {entry.reason or entry.state.value}")
    current = catalog.proposal(entry.proposal_hash)
    plans = {plan.edit: plan for plan in current.plans if plan.items}
    name = one_of(list(plans), edit)
    if name not in plans:
        raise Refused(f"{name} has no items in {entry.name}")
    plan = plans[name]
    left = (set(plan.off) | _meant(plan, off)) - _meant(plan, on)
    choice = Choice(enabled=current.enabled, off={name: tuple(left)})
    source = stages.source_of(session, entry, deciding_versions())
    look = entry.base.look if entry.base else None
    base = stages.load_base(source, True, look)
    named = sets.named(current, catalog.entries())
    beside = {role: stages.beside_of(session, other, deciding_versions()) for role, other in named.items()}
    read = stages.read_again(source, look, entry.door, current, beside)
    frame, reading = stages.turned(source, *base, read, current.turn)
    sources = stages.sources_of(current.active, beside, True, current.turn)

    def render(it: Proposal) -> Rendered:
        return stages.rendered(it.active, frame, reading, sources=sources)[1]

    chosen = measured(current, choice, render, session.preset.guards)
    stages.picture(source, chosen, frame, reading, sources=sources)
    return chosen


def _meant(plan: Plan, wanted: list[str]) -> set[str]:
    """The ids of items, by id, by kind, or ``all``."""
    found: set[str] = set()
    for word in wanted:
        ids = {item.id for item in plan.items if word in (item.id, item.kind, "all")}
        if not ids:
            raise Refused(f"{plan.edit} has no item {word!r}; `studio hand` lists them")
        found |= ids
    return found


def told(entry: Entry, edit: str | None) -> list[dict[str, Any]]:
    """What was asked of each edit, or of one, and its items; by hand also while it is planned anew."""
    plans = {plan.edit: plan for plan in entry.proposal.plans} if entry.proposal else {}
    return [
        {
            "name": name,
            "by_hand": _said(entry.hands[name].hand if name in entry.hands else NOTHING),
            "hand": report.hand(entry.hands[name].hand) if name in entry.hands else None,
            "items": [report.item(one) | {"on": one.id not in plans[name].off} for one in plans[name].items]
            if name in plans
            else [],
        }
        for name in dict.fromkeys([*plans, *entry.hands])
        if edit in (None, name)
    ]


def _said(hand: Hand) -> str:
    """A hand in a line, for people."""
    parts = [_counted(len(hand.area), "area"), _counted(len(hand.spare), "spared place")]
    parts += [f"try {hand.tries + 1}"] if hand.tries else []
    return ", ".join(part for part in parts if part)


def _counted(count: int, what: str) -> str:
    return "" if not count else f"1 {what}" if count == 1 else f"{count} {what}s"


def _split(word: str, names: Sequence[str], option: str) -> tuple[str, Path]:
    name, equals, file = word.partition("=")
    if equals and name in names:
        return name, Path(file)
    if len(names) == 1:
        return names[0], Path(word)
    raise Refused(f"{option} {word!r}: say of which edit: NAME=FILE; there are: {', '.join(names)}")
