"""What holds of every adapter where an edit asks it: a room with somebody in it, by the code that users run.

Random weights make nonsense, which is refused: here it is let pass, so that what becomes of it can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Chosen, Given
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.edits.generated import asking as making_requests
from studio_pipeline.edits.generated.reading import Kept, Window
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.pipeline.asking import Ready
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.light import Tone
from studio_pipeline.records.plan import Plan
from tests.support import oracles, small_models
from tests.support.backdrops import SRGB
from tests.support.oracles import WHOLE

Engines = Callable[[str], DiffusersEngine]
MAGENTA, BLUE = (0.35, 0.02, 0.30), (0.02, 0.1, 0.9)
WANTED = ExtendParams(left=200, generative="structured", prompt="panelled wall", steps=2)


def as_it_is(made: Tone, window: Window) -> Kept:
    return Kept(np.where(window.region[..., None], made, window.tone), ())


@dataclass
class Told:
    """What a pipeline was called with: pictures ``(h, w, 3)`` and masks ``(h, w)``."""

    pictures: list[Any] = field(default_factory=list)
    masks: list[Any] = field(default_factory=list)

    def hear(self, given: dict[str, Any]) -> None:
        for value in given.values():
            for one in value if isinstance(value, list) else [value]:
                if getattr(one, "ndim", 0) == 4 and one.shape[1] == 3:
                    self.pictures.append(one[0].numpy().transpose(1, 2, 0).copy())
                elif getattr(one, "ndim", 0) == 4:
                    self.masks.append(one[0, 0].numpy().copy())


@pytest.fixture(scope="module")
def bases() -> dict[str, Frame]:
    return {name: oracles.picture(person=one) for name, one in (("magenta", MAGENTA), ("blue", BLUE))}


def planned(engine: DiffusersEngine, base: Frame, patch: pytest.MonkeyPatch) -> tuple[Plan, Told]:
    told, kind = Told(), type(engine._pipeline)
    real = kind.__call__

    def heard(pipeline: Any, *arguments: Any, **given: Any) -> Any:
        told.hear(given)
        return real(pipeline, *arguments, **given)

    patch.setattr(kind, "__call__", heard)
    patch.setattr(making_requests, "keep", as_it_is)
    patch.setattr(type(engine), "native_megapixels", 0.02)
    small = base.at_scale(plan_scale(base.extent))
    given = Given(engine=lambda kinds, lines: Chosen(Ready(engine), "it is tried"))
    return EXTEND_BACKGROUND.plan(small, oracles.who(), WANTED, 1, given), told


@pytest.mark.parametrize("name", small_models.NAMES)
def test_every_adapter(
    name: str, engines: Engines, bases: dict[str, Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines(name)
    engine.load()
    base = bases["magenta"]
    with monkeypatch.context() as patch:
        plan, told = planned(engine, base, patch)
    with monkeypatch.context() as patch:
        other, told_of_blue = planned(engine, bases["blue"], patch)
    assert plan.engine == name, plan.notes

    # No pixel of the person is in what the pipeline was given: it is the same whoever stands there.
    assert told.pictures and told.masks
    for one, same in zip(told.pictures + told.masks, told_of_blue.pictures + told_of_blue.masks, strict=True):
        assert np.array_equal(one, same)
    shown = SRGB.encode(np.float32([[MAGENTA]]), 16)[0, 0] / 65535
    assert all(np.abs(one - shown).sum(axis=2).min() > 0.25 for one in told.pictures)
    assert all(0 < one.mean() < 1 for one in told.masks)

    # Same seed, same bytes; and who was taken out changes none of them.
    assert plan.body["candidates"] == other.body["candidates"]

    canvas = stack.canvas_of([plan], WHOLE)
    codes = stack.render([plan], base, oracles.who(), canvas)
    new = codes[:, : -canvas.x0]
    assert np.array_equal(codes[WHOLE.within(canvas)], base.codes), "nothing outside the edit mask changes"
    assert codes.dtype == np.uint16 and all(len(np.unique(new[..., c])) > 256 for c in range(3))
    off = plan.without({item.id for item in plan.items})
    classical = stack.render([off], base, oracles.who(), canvas)[:, : -canvas.x0]
    assert (classical != new).mean() > 0.9, "it is the model's"
