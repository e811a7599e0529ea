from collections.abc import Mapping

import numpy as np
import pytest
from pydantic import JsonValue

from studio_pipeline import edits
from studio_pipeline.edits import EDITS, stack
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Edit, Given, Patch, Source
from studio_pipeline.errors import LockedPixelsChanged, Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone, inside
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import EditSpec
from studio_pipeline.subject.reading import Reading
from tests.support import skin
from tests.support.backdrops import SITTER, WHOLE, picture, reading

BASE, WHO = picture(), reading()


class Nothing(Record):
    pass


class Painter:
    """An edit that says it writes backdrop, and paints ``where`` white wherever that is."""

    name, title, version = "painter", "Paint", 3
    tier, engine = Tier.BACKDROP_ONLY, "classical"
    params: type[Record] = Nothing
    writes: tuple[Zone, ...] = (Zone.BACKDROP,)
    roles: tuple[str, ...] = ()

    def __init__(self, where: Roi) -> None:
        self.where = where

    def plan(
        self, frame: Frame, reading: Reading, params: Nothing, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        return Plan(edit=self.name, version=3, tier=self.tier, engine=self.engine, seed=seed, params={})

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        mask = np.zeros((roi.extent.height, roi.extent.width), bool)
        mask[(self.where & roi).within(roi)] = True
        return Patch(np.ones((*mask.shape, 3), np.float32), mask, dither=False)


class Dimmer(Painter):
    """Takes half of the light where it is asked to."""

    name, title = "dimmer", "Dim"

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        patch = super().render(plan, base, roi)
        return Patch(patch.linear / 2, patch.mask, dither=False, gain=True)


def registered(monkeypatch: pytest.MonkeyPatch, where: Roi) -> Plan:
    edit: Edit = Painter(where)
    monkeypatch.setitem(EDITS, edit.name, edit)
    return edit.plan(BASE, WHO, Nothing(), 1)


def spec(name: str, **params: JsonValue) -> EditSpec:
    return EditSpec(name=name, params=params)


class TestTheGate:
    def test_an_edit_in_its_zones_is_written_and_nothing_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = registered(monkeypatch, Roi(10, 10, 50, 90))
        out = stack.render([plan], BASE, WHO, WHOLE)
        assert (out[10:50, 10:90] == 65535).all()
        out[10:50, 10:90] = BASE.codes[10:50, 10:90]
        np.testing.assert_array_equal(out, BASE.codes)

    @pytest.mark.parametrize(
        ("where", "first"),
        [
            (Roi(200, 300, 201, 301), (200, 300)),  # one pixel of her
            (Roi(150, 200, 180, 230), (150, 217)),  # from backdrop into the safe margin around her
            (Roi(-5, 0, 3, 4), (-5, 0)),  # new area, which this edit has no business in
        ],
    )
    def test_one_that_leaves_them_is_stopped(
        self, monkeypatch: pytest.MonkeyPatch, where: Roi, first: tuple[int, int]
    ) -> None:
        plan = registered(monkeypatch, where)
        canvas = WHOLE.grown(5)
        with pytest.raises(LockedPixelsChanged, match="painter would change") as caught:
            stack.render([plan], BASE, WHO, canvas)
        assert caught.value.edit == "painter" and caught.value.first_yx == first
        touched = inside(WHO.canvas_zones(where, 1.0), Zone.BACKDROP)
        assert caught.value.changed == np.count_nonzero(~touched)

    def test_it_is_stopped_in_the_tile_where_it_strays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = registered(monkeypatch, SITTER)
        out = np.zeros_like(BASE.codes)
        monkeypatch.setattr(stack, "TILE_PX", 100)
        with pytest.raises(LockedPixelsChanged):
            stack.render_into(out, [plan], BASE, WHO, WHOLE)

    def test_a_locked_zone_is_locked_for_every_edit_there_is(self) -> None:
        for edit in EDITS.values():
            assert Zone.LOCKED not in edit.writes
            if edit.tier is Tier.BACKDROP_ONLY:
                assert not {Zone.EDGE, Zone.HEALABLE} & set(edit.writes)


class TestRefusals:
    """One line that says what is wrong, and where."""

    @pytest.mark.parametrize(
        ("wrong", "line"),
        [
            (spec("uncrop"), "no edit named 'uncrop'; there are: heal_spots, clean_backdrop, "),
            (spec("extend_background", sideways=3), "extend_background.sideways: Extra inputs"),
            (spec("extend_background", left=-1), "extend_background.left: .*greater than or equal to 0"),
            (spec("extend_background", left="wide"), "extend_background.left: .*valid integer"),
            (spec("extend_background", side="middle"), "extend_background.side: .*'both', 'left'"),
            (spec("extend_background", aspect="16x9"), "extend_background.aspect: .*written as 4:5 or 16:9"),
            (spec("heal_spots", max_radius=0.5), "heal_spots.max_radius: .*less than or equal to 0.02"),
        ],
    )  # fmt: skip
    def test_unknown_names_and_wrong_values(self, wrong: EditSpec, line: str) -> None:
        with pytest.raises(Refused, match=line) as caught:
            stack.check([spec("heal_spots"), wrong])
        assert "\n" not in str(caught.value)
        with pytest.raises(Refused, match=line):
            stack.plan_all(BASE.at_scale(0.5), WHO, [wrong])

    @pytest.mark.parametrize("aspect", ["0:5", "-4:5", "4", "4:5:6", "nan:1", "inf:1", "1:99", "", ":"])
    def test_aspects_that_are_none(self, aspect: str) -> None:
        with pytest.raises(Refused, match=r"extend_background\.aspect"):
            stack.check([spec("extend_background", aspect=aspect)])

    def test_a_plan_of_another_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = registered(monkeypatch, Roi(10, 10, 20, 20)).model_copy(update={"version": 2})
        with pytest.raises(Refused, match="painter is now version 3, the plan is of version 2"):
            stack.render([plan], BASE, WHO, WHOLE)

    def test_a_plan_of_an_edit_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = registered(monkeypatch, Roi(10, 10, 20, 20)).model_copy(update={"edit": "uncrop"})
        with pytest.raises(Refused, match="no edit named 'uncrop'"):
            stack.render([plan], BASE, WHO, WHOLE)


class TestRender:
    def test_without_edits_the_codes_are_the_base_s_own(self) -> None:
        for part in (WHOLE, Roi(30, 40, 90, 333)):
            np.testing.assert_array_equal(stack.render([], BASE, WHO, part), BASE.codes[part.within(WHOLE)])

    def test_the_null_render_is_empty_where_the_base_does_not_reach(self) -> None:
        canvas = WHOLE.grown(7)
        out = stack.null_render(BASE, canvas)
        assert out.dtype == BASE.codes.dtype
        np.testing.assert_array_equal(out[7:-7, 7:-7], BASE.codes)
        assert out.sum(dtype=np.int64) == BASE.codes.sum(dtype=np.int64)
        assert not stack.null_render(BASE, Roi(-9, -9, 0, 0)).any()

    def test_a_plan_that_changes_nothing_is_not_rendered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = registered(monkeypatch, SITTER).model_copy(update={"changes": False})
        np.testing.assert_array_equal(stack.render([plan], BASE, WHO, WHOLE), BASE.codes)

    def test_tiles_fill_the_canvas_and_progress_reaches_the_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stack, "TILE_PX", 128)
        specs = [spec("heal_spots"), spec("extend_background", left=70, top=33)]
        plans = stack.plan_all(BASE.at_scale(0.5), WHO, specs)
        canvas = stack.canvas_of(plans, WHOLE)
        assert canvas == Roi(-33, -70, 400, 600)
        out, heard = np.full((433, 670, 3), 7, np.uint16), list[float]()
        stack.render_into(out, plans, BASE, WHO, canvas, heard.append)
        np.testing.assert_array_equal(out, stack.render(plans, BASE, WHO, canvas))
        assert heard == sorted(heard) and heard[-1] == 1 and len(heard) > 12

    def test_light_is_taken_of_what_others_wrote_in_any_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        paint, dimmer = registered(monkeypatch, Roi(10, 10, 50, 90)), Dimmer(Roi(30, 10, 70, 90))
        monkeypatch.setitem(EDITS, dimmer.name, dimmer)
        dim = dimmer.plan(BASE, WHO, Nothing(), 1)
        out = stack.render([dim, paint], BASE, WHO, WHOLE)
        np.testing.assert_array_equal(out, stack.render([paint, dim], BASE, WHO, WHOLE))
        np.testing.assert_allclose(BASE.encoding.decode(out[30:50, 10:90]), 0.5, atol=1e-3)

    def test_a_disc_healed_in_shine_is_lowered_with_it_in_any_order(self) -> None:
        y, x = np.ogrid[: skin.EXTENT.height, : skin.EXTENT.width]
        gloss = np.exp(-((y - 150) ** 2 + (x - 190) ** 2) / (2 * 16.0**2))[..., None].astype(np.float32)
        spots = [skin.Spot(142, 193), skin.Spot(300, 150)]
        base, whole = skin.frame(skin.with_spots(skin.skin() + 0.25 * gloss, spots)), Roi.of(skin.EXTENT)
        specs = [spec("reduce_shine", strength=1.0), spec("heal_skin")]
        plans = [plan.without(()) for plan in stack.plan_all(base, skin.reading(), specs)]
        assert all(plan.items for plan in plans)
        first, last = (stack.render(some, base, skin.reading(), whole) for some in (plans, plans[::-1]))
        np.testing.assert_array_equal(first, last)

    def test_each_edit_s_seed_is_in_its_plan(self) -> None:
        specs = [EditSpec(name="extend_background", seed=n, params={"left": 40}) for n in (1, 2)]
        one, two = stack.plan_all(BASE.at_scale(0.5), WHO, specs)
        assert (one.seed, two.seed) == (1, 2) and one.body != two.body


def test_the_list_of_edits_is_whole() -> None:
    for name, edit in EDITS.items():
        assert name == edit.name and edit.version >= 1 and edit.title
        assert edit.writes or name == "heal_lint"  # which has no zone as such
        for field in edit.params.model_fields.values():
            assert field.description
    assert list(EDITS) == [edit.name for edit in edits._EDITS]
