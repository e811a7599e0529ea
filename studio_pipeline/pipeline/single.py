"""One picture without a session: `studio edit` and `studio mask`."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from studio_pipeline.deliver import publish
from studio_pipeline.edits import EDITS, stack
from studio_pipeline.edits.base import EMPTY_SET, Chooser, Source
from studio_pipeline.errors import GuardFailed, Refused, StudioError
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import asking, report
from studio_pipeline.pipeline.hands import ByHand
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.capture import Role, shown
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import EditSpec, GuardLimits, Preset
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.strands import StrandPlan
from studio_pipeline.subject.reading import Reading

ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
ABSOLUTE = ("locked_pixels", "new_faces", "new_people")  # guards that no preset and no person can loosen
MASKS = ("protect", "face", "skin", "matte")
LARGEST_CANVAS_PX = 500_000_000
NOTHING_BESIDE: Mapping[str, Path] = {}
LONGEST_JPEG_EDGE_PX = 65_500  # libjpeg's own bound


@dataclass
class Stopwatch:
    """Seconds by stage, in order; ``tell`` hears of each as it starts."""

    tell: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.tell(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def edit(
    source: Path,
    out: Path,
    preset: Preset,
    specs: tuple[EditSpec, ...],
    *,
    asked: bool = False,
    by_hand: ByHand = lambda extent: {},
    beside: Mapping[str, Path] = NOTHING_BESIDE,
    tell: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Edit one picture and write it as the ending of ``out`` says. Returns `studio edit --json`.

    ``asked``: the edits and their parameters are the person's own words for this picture, not a preset's for
    any. Then a seam or grain out of its limits is a warning, and the preset's limit on new area does not
    bind; what protects people does. ``by_hand``: what they drew on a picture of that size, by edit.
    ``beside``: files of other frames by their role. ``tell`` hears of each stage as it starts.

    Raises:
        Refused: an edit touches skin, every change is refused, or ``out`` cannot be written.
        GuardFailed: the result is out of a guard's limits.
        CannotRead, NeedsTiff, TryAgain: as ``develop`` does. In every case nothing is written.
    """
    from studio_pipeline import develop

    check_ending(out)
    check_place(source, out)
    specs = _without_skin(specs)
    stack.check(specs)
    watch = Stopwatch(tell)
    with watch.stage("develop"):
        frame, _ = develop.develop(source, role_of(source), preset.develop, half=False)
    hands = by_hand(frame.extent)
    with watch.stage("subject"):
        others = {role: _other(path, preset, role, specs) for role, path in beside.items()}
        small, reading = read(frame, others[EMPTY_SET].at_plan.frame if EMPTY_SET in others else None)
        if (turn := stack.turn(reading, specs)) is not None:
            frame, small, reading = turn.frame(frame), turn.frame(small), reading.turned(turn)
            if EMPTY_SET in others:  # from the same place, so it lies as the frame does
                others[EMPTY_SET] = others[EMPTY_SET].turned(turn)
    with watch.stage("plan"):
        at_plan = {role: other.at_plan for role, other in others.items()}
        plans = _planned(small, reading, preset, specs, hands, at_plan)
        refused = [f"{p.edit}, {r.where}: {r.reason}" for p in plans for r in p.refusals]
        if specs and refused and not any(p.changes for p in plans):
            raise Refused("; ".join(refused))
        limits = _limits(preset.guards, plans, frame.extent, out, asked)
    with watch.stage("render"):
        from studio_pipeline.pipeline import stages

        needed = {role for plan in plans if plan.changes for role in plan.sources}
        sources = {role: other.in_full for role, other in others.items() if role in needed}
        after, rendered = stages.rendered(plans, frame, reading, sources=sources)
    with watch.stage("guards"):
        guards = _check(rendered, limits, asked)
    with watch.stage("write"):
        write(out, after, frame.encoding)
    return {
        "out": shown(os.fsencode(out)),
        "edits": [
            {
                "name": p.edit,
                "version": p.version,
                "params": p.params,
                "engine": p.engine,
                "changes": p.changes,
                "refusals": [r.model_dump(mode="json") for r in p.refusals],
                "notes": list(p.notes),
                "items": [report.item(one) for one in p.items],
                "hand": report.hand(p.hand),
            }
            for p in plans
        ],
        "guards": [g.model_dump(mode="json") for g in guards],
        "warnings": [f"{p.edit}, {r.where}: {r.reason}" for p in plans for r in p.refusals]
        + [g.said for g in guards if not g.passed],
        "seconds": watch.seconds,
        "peak_memory_mb": peak_memory_mb(),
    }


def _planned(
    small: Frame,
    reading: Reading,
    preset: Preset,
    specs: tuple[EditSpec, ...],
    hands: Mapping[str, Hand],
    sources: Mapping[str, Source],
) -> tuple[Plan, ...]:
    """Every edit's plan. What a model made is checked at plan scale, where another seed is soon tried."""
    choose = asking.installed(preset.engines)
    plans = stack.plan_all(small, reading, specs, hands, sources, engine=choose)
    if not any(plan.made_by for plan in plans):
        return plans
    from studio_pipeline.pipeline import stages

    def replan(edit: str, more_seed: int, other: Chooser | None) -> Plan:
        (spec,) = (s.model_copy(update={"seed": s.seed + more_seed}) for s in specs if s.name == edit)
        return stack.plan_all(small, reading, (spec,), hands, sources, engine=other or choose)[0]

    return asking.tried(
        plans,
        replan,
        lambda these: stages.check(these, small, reading, preset.guards, sources),
        preset.engines.tries,
    )[0]


def mask(source: Path, out: Path, preset: Preset, what: str) -> dict[str, Any]:
    """Write one mask as an 8-bit PNG (255 = inside; for ``protect``: may not change). Returns the JSON."""
    from studio_pipeline import develop, subject

    if what not in MASKS:
        raise Refused(f"no mask {what!r}; there are: {', '.join(MASKS)}")
    if out.suffix.lower() != ".png":
        raise Refused(f"a mask is written as PNG, not {out.suffix or 'a file without an ending'}")
    check_place(source, out)
    frame, record = develop.develop(source, role_of(source), preset.develop, half=True)
    reading = subject.read_subject(frame, record.extent)
    picture = _mask(reading, what)
    _write_whole(out, _png(picture, None))
    return {
        "out": shown(os.fsencode(out)),
        "faces": [
            {"box": [f.roi.y0, f.roi.x0, f.roi.y1, f.roi.x1], "score": f.score} for f in reading.record.faces
        ],
        "zones": subject.zone_fractions(reading.zones),
        "sure": reading.record.sure,
        "reason": reading.record.reason,
    }


def read(frame: Frame, empty: Frame | None = None) -> tuple[Frame, Reading]:
    """The plan-scale copy of a full-size frame, and its subject, told from an empty set at that scale."""
    from studio_pipeline import subject

    small = frame.at_scale(plan_scale(frame.extent))
    return small, subject.read_subject(small, frame.extent, empty=empty)


@dataclass(frozen=True, eq=False)
class _Other:
    """Another frame beside the one that is edited, at both scales."""

    at_plan: Source
    in_full: Source

    def turned(self, turn: Turn) -> _Other:
        return _Other(self.at_plan.turned(turn), self.in_full.turned(turn))


def _other(path: Path, preset: Preset, role: str, specs: tuple[EditSpec, ...]) -> _Other:
    """Raises Refused where no edit asks for such a frame, or an empty set has somebody in it."""
    from studio_pipeline import develop, subject

    if role not in stack.roles(specs):
        raise Refused(f"none of these edits makes use of a frame as {role}: {path.name}")
    frame, record = develop.develop(path, role_of(path), preset.develop, half=False)
    small, reading = read(frame)
    if role == EMPTY_SET:
        if reading.record.kind == "portrait":
            raise Refused(f"{path.name} is no empty set: somebody is in it")
        reading = subject.nobody_here(reading, "--empty-set")  # the person's word for it
    key = record.digest()
    return _Other(Source(key, small, reading), Source(key, frame, reading))


def role_of(source: Path) -> Role:
    """By the ending: what is no TIFF, JPEG or PNG is taken for a RAW, and LibRaw has the last word."""
    ending = source.suffix.lower()
    if ending in (".tif", ".tiff", ".png"):
        return Role.TIFF
    return Role.JPEG if ending in (".jpg", ".jpeg") else Role.RAW


def check_ending(out: Path) -> None:
    if out.suffix.lower() not in ENDINGS:
        raise Refused(f"cannot write {out.name!r}: the ending must be one of {', '.join(ENDINGS)}")


def check_place(source: Path, out: Path) -> None:
    """The person named the file, so an existing one is replaced; but never an original."""
    if out.is_dir():
        raise Refused(f"{out} is a folder; give the file a name")
    with contextlib.suppress(OSError):
        if out.samefile(source):
            raise Refused(f"{out} is the picture itself, which is never written to; give another name")
    for folder in out.resolve().parents:
        if (folder / ".studio").is_dir() and out.resolve().is_relative_to(folder / "Capture"):
            raise Refused(f"{folder / 'Capture'} holds a session's originals and is never written to")


def write(out: Path, codes: Codes, encoding: RgbEncoding) -> None:
    """Codes ``(h, w, 3)`` at their own depth (JPEG: 8 bits) with their profile; whole or not at all."""
    ending = out.suffix.lower()
    if ending == ".png":
        data = _png(codes[..., ::-1], encoding.icc_profile)
    elif ending in (".jpg", ".jpeg"):
        data = _jpeg(codes, encoding)
    else:
        data = _tiff(codes, encoding)
    _write_whole(out, data)


def peak_memory_mb() -> float | None:
    """The largest resident size of this process so far; None where the system does not say."""
    try:
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
    except ImportError:
        import psutil

        return round(getattr(psutil.Process().memory_info(), "peak_wset", 0) / (1 << 20), 1) or None


def _touched(edit: str) -> str:
    return {StrandPlan.EDIT: "hair", LintPlan.EDIT: "clothes"}.get(edit, "skin")


def _without_skin(specs: tuple[EditSpec, ...]) -> tuple[EditSpec, ...]:
    """The edits without those of skin that the preset leaves off. Raises Refused for one that is on."""
    skin = [s for s in specs if s.name in EDITS and EDITS[s.name].tier is Tier.BOUNDED_RETOUCH]
    for spec in skin:
        if spec.enabled:
            raise Refused(
                f"{spec.name} touches {_touched(spec.name)}: "
                "it needs a session and a person's approval, spot by spot"
            )
    return tuple(spec for spec in specs if spec not in skin)


def _limits(
    limits: GuardLimits, plans: tuple[Plan, ...], extent: Extent, out: Path, asked: bool
) -> GuardLimits:
    """The guards' limits for this canvas. Raises Refused for one that no file should have."""
    region = stack.canvas_of(tuple(p for p in plans if p.changes), Roi.of(extent))
    canvas = region.extent
    longest = LONGEST_JPEG_EDGE_PX if out.suffix.lower() in (".jpg", ".jpeg") else LARGEST_CANVAS_PX
    if canvas.area > LARGEST_CANVAS_PX or canvas.long_edge > longest:
        raise Refused(
            f"the picture would be {canvas.width}×{canvas.height} pixels, which is more than can be written "
            f"as {out.suffix}; ask for less"
        )
    if not asked:
        return limits
    new_area = (canvas.area - (region & Roi.of(extent)).extent.area) / extent.area
    return limits.model_copy(update={"new_area_max": max(limits.new_area_max, new_area)})


def _check(rendered: Rendered, limits: GuardLimits, asked: bool) -> tuple[GuardResult, ...]:
    """Every guard's figures. Raises GuardFailed for what is out of its limits and nobody can wave through."""
    from studio_pipeline import guards, subject

    results = guards.check_all(rendered, limits, subject.count_faces)
    failed = [g.said for g in results if not g.passed and (g.name in ABSOLUTE or not asked)]
    if failed:
        raise GuardFailed(failed)
    return results


def _mask(reading: Reading, what: str) -> Mask | np.ndarray[Any, Any]:
    zones = reading.zones
    if what == "protect":
        return np.where(inside(zones, Zone.BACKDROP), 0, 255).astype(np.uint8)
    if what == "skin":
        return np.where(inside(zones, Zone.HEALABLE), 255, 0).astype(np.uint8)
    if what == "matte":
        return np.asarray(
            cv2.resize(reading.matte, zones.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8
        )
    faces = np.zeros(zones.shape, np.uint8)
    for face in reading.record.faces:
        faces[max(0, face.roi.y0) : face.roi.y1, max(0, face.roi.x0) : face.roi.x1] = 255
    return faces


def _png(values: np.ndarray[Any, Any], icc_profile: bytes | None) -> bytes:
    """PNG of a grey or BGR array; OpenCV writes 16 bits but no profile, so the iCCP chunk is put in here."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(values))
    if not done:
        raise Refused("the picture could not be encoded as PNG")
    data = encoded.tobytes()
    if icc_profile is None:
        return data
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(icc_profile, 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    after_header = 8 + 25  # signature, IHDR
    return data[:after_header] + chunk + data[after_header:]


def _jpeg(codes: Codes, encoding: RgbEncoding) -> bytes:
    from PIL import Image

    from studio_pipeline.deliver.base import at_depth

    out = io.BytesIO()
    picture = Image.fromarray(np.asarray(at_depth(codes, 8)))
    picture.save(out, "JPEG", quality=95, subsampling=0, icc_profile=encoding.icc_profile)
    return out.getvalue()


def _tiff(codes: Codes, encoding: RgbEncoding) -> bytes:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, codes, photometric="rgb", iccprofile=encoding.icc_profile, metadata=None)
    return out.getvalue()


def _write_whole(out: Path, data: bytes) -> None:
    try:
        with publish.temporary(out.parent) as (file, temp):
            file.write(data)
            publish.publish(file, temp, out, replace=True)
    except StudioError as error:
        cause = error.__cause__
        said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
        raise Refused(f"cannot write {out}: {said}") from error
