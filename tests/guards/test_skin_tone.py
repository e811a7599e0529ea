"""The colour of skin: how far it may move, on faces of every tone, with the movement measured beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.geometry import Extent, Insets, Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.skin_tone import SkinTone
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.spots import Spot, SpotsPlan
from tests.support.canvases import no_faces, plan

BASE = Roi(0, 0, 420, 340)
FACE = Roi(50, 40, 370, 300)
ENCODING = color.named("ProPhoto")

# sRGB of the ten Monk tones, and what lies beyond them: almost black, and the highlights of high key.
_MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
TONES = {
    **{f"monk {number}": code for number, code in enumerate(_MONK, 1)},
    "low light": "0a0605",
    "clipped": "ffffff",
}


def light_of(code: str) -> Linear:
    srgb = np.frombuffer(bytes.fromhex(code), np.uint8)
    return np.asarray(color.named("sRGB").decode(srgb[None, None])[0, 0], np.float32)


def oval(share: float) -> Mask:
    y, x = np.mgrid[BASE.y0 : BASE.y1, BASE.x0 : BASE.x1] + 0.5
    cy, cx = (FACE.y0 + FACE.y1) / 2, (FACE.x0 + FACE.x1) / 2
    reach_y, reach_x = share * FACE.extent.height / 2, share * FACE.extent.width / 2
    return np.asarray(((y - cy) / reach_y) ** 2 + ((x - cx) / reach_x) ** 2 <= 1, np.bool_)


def face(code: str, *, healable: bool = True, grain: float = 0.05) -> Rendered:
    """A head of one tone under modelling light, with grain; open skin in the middle, where it is known."""
    y, x = np.mgrid[BASE.y0 : BASE.y1, BASE.x0 : BASE.x1] / BASE.extent.long_edge
    modelling = 1 - 0.5 * (x - 0.3) ** 2 - 0.3 * (y - 0.4) ** 2
    noise = 1 + grain * np.random.default_rng(3).standard_normal((*y.shape, 3))
    codes = ENCODING.encode((light_of(code) * modelling[..., None] * noise).astype(np.float32), 16)
    zones = np.full(y.shape, Zone.BACKDROP, np.uint8)
    zones[oval(1.1)] = Zone.LOCKED
    if healable:
        zones[oval(0.8)] = Zone.HEALABLE
    plans = [plan("heal_spots", tier=Tier.BOUNDED_RETOUCH)]
    return Rendered(codes, codes, zones, BASE, BASE, 1.0, ENCODING, plans, faces=(FACE,))


def changed(canvas: Rendered, gain: float | Linear, where: Mask) -> Rendered:
    """Light times a factor, as an edit would leave it: encoded once more."""
    light = ENCODING.decode(canvas.before)
    light = np.where(where[..., None], light * np.float32(1) * gain, light).astype(np.float32)
    return replace(canvas, after=ENCODING.encode(light, 16))


def gain_of(canvas: Rendered, shift: float, where: Mask, direction: float = -1.0) -> float:
    """The gain by which the mean of some pixels moves by ``shift`` CIEDE2000, found by halving."""
    light = ENCODING.decode(canvas.before)[where].mean(axis=0).astype(np.float32)[None, None]
    near, far = 0.0, 1.0
    for _ in range(40):
        middle = (near + far) / 2
        moved = delta_e2000(light, light * np.float32(1 + direction * middle))[0, 0]
        near, far = (middle, far) if moved < shift else (near, middle)
    return 1 + direction * near


def figures(canvas: Rendered) -> dict[str, tuple[float, bool]]:
    results = SkinTone().check(canvas, GuardLimits(), no_faces)
    return {r.name: (r.value, r.passed) for r in results}


def passes(canvas: Rendered) -> bool:
    return all(passed for _, passed in figures(canvas).values())


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("healable", [True, False])
@pytest.mark.parametrize(("shift", "passed"), [(0.4, True), (0.6, False)])
def test_a_shift_of_a_face_is_measured_on_every_tone(
    tone: str, healable: bool, shift: float, passed: bool
) -> None:
    canvas = face(TONES[tone], healable=healable, grain=0.02)
    skin = oval(0.8 if healable else 0.9)
    moved = changed(canvas, gain_of(canvas, shift, skin), skin)
    value, has_passed = figures(moved)["skin_tone"]
    assert value == pytest.approx(shift, abs=0.07)
    assert has_passed is passed


def test_a_cast_of_colour_counts_as_well_as_brightness() -> None:
    canvas = face(TONES["monk 7"])
    assert not passes(changed(canvas, np.array([1.02, 1.0, 0.97], np.float32), oval(0.8)))


def cheek(y: float = 0.55, x: float = 0.28, radius: float = 0.13) -> Mask:
    """A soft brush's reach on one side of the face, as shares of it."""
    rows, columns = np.mgrid[BASE.y0 : BASE.y1, BASE.x0 : BASE.x1]
    cy, cx = FACE.y0 + y * FACE.extent.height, FACE.x0 + x * FACE.extent.width
    return np.asarray(np.hypot(rows - cy, columns - cx) <= radius * FACE.extent.height, np.bool_)


@pytest.mark.parametrize("tone", ["monk 1", "monk 5", "monk 10"])
def test_one_dodged_cheek_is_found_though_the_mean_hardly_moves(tone: str) -> None:
    canvas = face(TONES[tone])
    where = cheek()
    dodged = changed(canvas, gain_of(canvas, 1.0, where, +1.0), where)
    light = [
        ENCODING.decode(codes)[oval(0.8)].mean(axis=0)[None, None] for codes in (dodged.before, dodged.after)
    ]
    assert delta_e2000(*light)[0, 0] < 0.2
    value, passed = figures(dodged)["skin_tone"]
    assert 0.7 < value < 1.1 and not passed


def test_a_smoothed_face_is_found_by_its_spread() -> None:
    import cv2

    canvas = face(TONES["monk 4"])
    soft = np.asarray(cv2.GaussianBlur(ENCODING.decode(canvas.before), (0, 0), 3), np.float32)
    after = np.where(oval(0.7)[..., None], ENCODING.encode(soft, 16), canvas.before)
    found = figures(replace(canvas, after=after))
    assert found["skin_tone"][1] and not found["skin_spread"][1]


def spots(count: int) -> tuple[Spot, ...]:
    """As large as bounded retouch allows: 1.5% of the face's height."""
    rng = np.random.default_rng(5)
    places = rng.permutation(np.argwhere(oval(0.7)))[:count]
    radius = 0.015 * FACE.extent.height
    return tuple(
        Spot(id=str(i), centre=Point(int(y), int(x)), radius_px=radius, offset=Point(0, 12), contrast=9)
        for i, (y, x) in enumerate(places)
    )


def healed(canvas: Rendered, found: tuple[Spot, ...], gain: float) -> Rendered:
    where = np.zeros(canvas.zones.shape, np.bool_)
    for spot in found:
        where |= spot.disc(1.0).mask(BASE)
    return changed(canvas, gain, where)


def with_plan(canvas: Rendered, found: tuple[Spot, ...], off: tuple[str, ...] = ()) -> Rendered:
    body = SpotsPlan(spots=found).model_dump(mode="json")
    items = tuple(Item(id=s.id, kind="spot", roi=s.disc(1.0).roi) for s in found)
    made = plan("heal_spots", tier=Tier.BOUNDED_RETOUCH, body=body, items=items, off=off)
    return replace(canvas, plans=[made])


@pytest.mark.parametrize("tone", ["monk 1", "monk 6", "monk 10"])
def test_healed_spots_pass_however_much_they_change(tone: str) -> None:
    found = spots(60)
    canvas = with_plan(face(TONES[tone]), found)
    assert passes(healed(canvas, found, 1.4))


def test_what_changed_where_no_spot_is_on_counts() -> None:
    found = spots(60)
    canvas = healed(with_plan(face(TONES["monk 6"]), found, off=tuple(s.id for s in found)), found, 1.4)
    assert not passes(canvas)


def test_another_bounded_edit_has_the_places_of_its_items() -> None:
    canvas = face(TONES["monk 3"])
    where = cheek()
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    roi = Roi(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    dodged = changed(canvas, 0.9, where)
    assert not passes(dodged)
    approved = plan("reduce_shine", tier=Tier.BOUNDED_RETOUCH, items=(Item(id="a", kind="shine", roi=roi),))
    assert passes(replace(dodged, plans=[approved]))
    of_backdrop = approved.model_copy(update={"tier": Tier.BACKDROP_ONLY})
    assert not passes(replace(dodged, plans=[of_backdrop]))


def extended(canvas: Rendered) -> Rendered:
    added = canvas.canvas.grown(Insets(left=60, bottom=20))
    shape = (added.extent.height, added.extent.width)
    before, zones = np.zeros((*shape, 3), np.uint16), np.full(shape, Zone.NEW, np.uint8)
    before[BASE.within(added)], zones[BASE.within(added)] = canvas.before, canvas.zones
    after = before.copy()
    after[zones == Zone.NEW] = 30_000
    plans: list[Plan] = [plan("extend_background", canvas=added)]
    return replace(canvas, before=before, after=after, zones=zones, canvas=added, plans=plans)


def test_an_extension_moves_no_skin() -> None:
    assert figures(extended(face(TONES["monk 5"]))) == {"skin_tone": (0.0, True), "skin_spread": (0.0, True)}


def test_a_face_that_the_frame_crops_is_measured_as_far_as_it_is_kept() -> None:
    canvas = face(TONES["monk 8"])
    kept = Roi(0, 0, 420, 170)
    where = kept.within(BASE)
    cropped = replace(
        canvas, before=canvas.before[where], after=canvas.after[where], zones=canvas.zones[where], canvas=kept
    )
    assert passes(cropped)
    darker = ENCODING.encode(ENCODING.decode(cropped.before) * np.float32(0.93), 16)
    assert not passes(replace(cropped, after=darker))
    assert figures(replace(cropped, faces=(Roi(0, 300, 100, 339),))) == {}


def test_without_a_face_there_is_nothing_to_say() -> None:
    assert SkinTone().check(replace(face(TONES["monk 2"]), faces=()), GuardLimits(), no_faces) == []


def test_the_figure_hangs_on_the_one_edit_that_may_write_skin() -> None:
    canvas = face(TONES["monk 2"])
    assert {r.edit for r in SkinTone().check(canvas, GuardLimits(), no_faces)} == {"heal_spots"}
    two = [*canvas.plans, plan("reduce_shine", tier=Tier.BOUNDED_RETOUCH)]
    assert {r.edit for r in SkinTone().check(replace(canvas, plans=two), GuardLimits(), no_faces)} == {None}


@pytest.mark.parametrize("name", ["portrait_dark.jpg", "two_people.jpg"])
def test_real_faces(pictures_folder: Path, name: str) -> None:
    """Nothing moves, all of it moves, one cheek moves: as the zones of a real reading say where skin is."""
    from studio_pipeline.develop import develop
    from studio_pipeline.pipeline import stages
    from studio_pipeline.records.capture import Role
    from studio_pipeline.records.develop import DevelopSettings
    from studio_pipeline.subject import read_subject

    frame, record = develop(bytes(pictures_folder / name), Role.JPEG, DevelopSettings(), half=True, look=None)
    reading = read_subject(frame, record.extent)
    canvas = stages.rendered((), frame, reading)[1]
    assert canvas.faces and isinstance(record.extent, Extent)
    assert passes(canvas)
    light, person = frame.encoding.decode(canvas.before), canvas.zones >= Zone.HEALABLE
    bits = 8 * canvas.before.dtype.itemsize

    def after(change: Callable[[Linear], Linear]) -> Rendered:
        codes = np.where(person[..., None], frame.encoding.encode(change(light), bits), canvas.before)
        return replace(canvas, after=codes)

    assert not passes(after(lambda linear: linear * np.float32(0.95)))
    first = canvas.faces[0]
    side = np.ones(canvas.zones.shape, np.float32)
    half = Roi(first.y0, first.x0, first.y1, (first.x0 + first.x1) // 2) & canvas.canvas
    side[half.within(canvas.canvas)] = 1.08
    assert not passes(after(lambda linear: linear * side[..., None]))
