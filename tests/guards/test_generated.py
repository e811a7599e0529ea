"""Figures of what a model made: people, structure and colours that nobody asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.generated import Generated
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.generated import MadeBy
from studio_pipeline.records.plan import CANDIDATE, Item
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.subject.strangers import count_people, count_sure_people
from tests.support.canvases import BASE, edited, no_faces, plan, rendered

MADE = Roi(0, -90, BASE.y1, 0)


@pytest.fixture(scope="module")
def canvas() -> Rendered:
    """A canvas whose left a model made, as well as could be."""
    sound = rendered(Insets(left=90), floor=True)
    made_by = MadeBy(
        engine="one",
        version=1,
        weights_sha256="",
        licence="",
        regions=(MADE,),
        pixels={"generated-1": MADE.extent.area},
    )
    item = Item(id="generated-1", kind=CANDIDATE, roi=MADE)
    extension = plan("extend_background", canvas=sound.canvas, made_by=made_by, items=(item,))
    return replace(sound, plans=[extension])


def figures(canvas: Rendered) -> dict[str, GuardResult]:
    return {one.name: one for one in Generated().check(canvas, GuardLimits(), no_faces)}


def test_what_is_like_the_set_passes(canvas: Rendered) -> None:
    found = figures(canvas)
    assert set(found) == {"new_people", "new_structure", "new_colours"}
    assert all(one.passed and one.edit == "extend_background" for one in found.values())


def test_another_colour_fails(canvas: Rendered) -> None:
    ball = edited(canvas, Roi(40, -70, 100, -20), lambda light: light * np.float32([1.4, 0.2, 0.2]))
    assert not figures(ball)["new_colours"].passed


def test_a_thing_with_many_edges_fails(canvas: Rendered) -> None:
    def fenced(light: Linear) -> Linear:
        out = light.copy()
        for x in range(0, light.shape[1], 12):
            out[:, x : x + 6] *= 0.6
        return out

    assert not figures(edited(canvas, Roi(10, -85, 220, -5), fenced))["new_structure"].passed


def test_somebody_fails_and_is_looked_for_in_what_was_made(canvas: Rendered) -> None:
    asked: list[Mask] = []

    def one(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
        asked.append(mask)
        return 1

    assert not figures(replace(canvas, count_people=one))["new_people"].passed
    assert asked[0][:, :90].all() and not asked[0][:, 90:].any()


def test_nothing_is_said_where_nothing_was_made_or_it_is_off(canvas: Rendered) -> None:
    assert not figures(rendered(Insets(left=90)))
    (made,) = canvas.plans
    assert not figures(replace(canvas, plans=[made.without({"generated-1"})]))


def test_where_the_set_itself_looks_like_people_more_evidence_is_wanted(canvas: Rendered) -> None:
    plain = np.zeros_like(canvas.after)

    def new_people(usual: int, sure: int) -> float:
        """With one in what was made, by the first look."""
        seen = replace(
            canvas,
            count_people=lambda codes, encoding, mask: usual if codes is plain else 1,
            count_sure_people=lambda codes, encoding, mask: sure,
            without_model=lambda plan: plain,
        )
        return figures(seen)["new_people"].value

    assert new_people(usual=0, sure=0) == 1, "on a calm set the first look counts"
    assert new_people(usual=2, sure=0) == 0
    assert new_people(usual=2, sure=3) == 3


@pytest.mark.parametrize("part", [np.s_[:, -333:], np.s_[:290]], ids=["right", "top"])
def test_stars_are_somebody_only_at_first_sight(part: tuple[slice, slice]) -> None:
    from skimage import data

    from studio_pipeline.pixels import color

    sky, encoding = data.hubble_deep_field(), color.named("sRGB")
    mask = np.zeros(sky.shape[:2], np.bool_)
    mask[part] = True
    assert count_people(sky, encoding, mask) > 0
    assert count_sure_people(sky, encoding, mask) == 0


def test_the_detectors_see_half_a_person_and_nobody_on_a_wall(canvas: Rendered) -> None:
    from studio_pipeline.demo import sitter
    from studio_pipeline.pixels import color

    encoding = color.named("sRGB")
    wall = np.full((480, 640, 3), 0.2, np.float32)
    hers, coverage = sitter.at_scale(0.9)
    mask = np.zeros((480, 640), np.bool_)
    mask[:, :200] = True
    assert count_people(encoding.encode(wall, 8), encoding, mask) == 0
    height = coverage.shape[0]
    part = wall[480 - height :, :200]
    part += coverage[:, -200:, None] * (hers[:, -200:] @ encoding.to_rec2020.T - part)
    assert count_people(encoding.encode(wall, 8), encoding, mask) > 0
