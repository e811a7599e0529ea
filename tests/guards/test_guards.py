import pytest

from studio_pipeline.guards import GUARDS, check_all, distinct
from studio_pipeline.guards.seam import Seam
from studio_pipeline.records.preset import GuardLimits
from tests.support.canvases import EVERY_SIDE, no_faces, rendered, with_spots


def test_two_guards_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="seam"):
        distinct([*GUARDS, Seam()])


def test_every_guard_speaks_and_the_truth_passes_them_all() -> None:
    limits = GuardLimits(new_area_max=2.5)
    results = check_all(with_spots(rendered(EVERY_SIDE)), limits, no_faces)
    said = [(result.name, result.edit) for result in results]
    assert said == [
        ("locked_pixels", None),
        ("new_faces", "extend_background"),
        ("seam", "extend_background"),
        ("grain", "extend_background"),
        ("grain", "heal_spots"),
        ("new_area", "extend_background"),
        ("healed_area", "heal_spots"),
    ]
    assert all(result.passed and result.low <= result.value <= result.limit for result in results)


def test_an_untouched_picture_has_only_its_locked_pixels_checked() -> None:
    (result,) = check_all(rendered(), GuardLimits(), no_faces)
    assert result.name == "locked_pixels" and result.passed


def test_a_failing_counter_of_faces_fails_the_proposal() -> None:
    results = check_all(rendered(EVERY_SIDE), GuardLimits(), lambda *_: 2)
    assert [(r.value, r.passed) for r in results if r.name == "new_faces"] == [(2, False)]
