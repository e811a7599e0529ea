"""Control images lie pixel on pixel, carry lines on, and show nobody who was taken out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.control import ALWAYS, with_controls
from studio_pipeline.errors import Refused

HEIGHT, WIDTH = 200, 330  # multiples of nothing


def request(**more: object) -> EngineRequest:
    """A dark skirting board across a light wall, and a disc where somebody stood; the right is to be made."""
    context = np.full((HEIGHT, WIDTH, 3), 0.7, np.float32)
    context[150:] = 0.3
    cv2.circle(context, (90, 70), 30, (0.1, 0.1, 0.1), -1)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, 230:] = 1
    context[:, 230:] = 0.5
    given: dict[str, object] = {"taken_out": np.zeros((HEIGHT, WIDTH), np.bool_)}
    return EngineRequest(context, mask, **(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALWAYS)
class TestWithoutWeights:
    def test_edges_lie_where_they_are(self, kind: str) -> None:
        image = with_controls(request(), [kind]).controls[kind]
        assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.float32
        assert float(image.min()) >= 0 and float(image.max()) <= 1
        rows = image[120:180, 20:60, 0].mean(axis=1)
        assert abs(120 + int(rows.argmax()) - 149.5) <= 1.5
        assert image[:100, 20:40].max() < 0.2  # the plain wall

    def test_nothing_is_left_of_who_was_taken_out(self, kind: str) -> None:
        stood = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(stood, (90, 70), 32, 1, -1)
        shown, hidden = (
            with_controls(request(taken_out=taken > 0), [kind]).controls[kind][30:110, 50:130]
            for taken in (np.zeros_like(stood), stood)
        )
        assert shown.max() > 0.3 and hidden.max() == 0

    def test_lines_are_carried_into_the_region(self, kind: str) -> None:
        lines = np.array([[150.0, 230.0, 160.0, 329.0]], np.float32)
        without, held = (
            with_controls(request(lines=given), [kind]).controls[kind] for given in (lines[:0], lines)
        )
        region = np.s_[140:170, 250:320]
        assert without[region].max() < 0.3
        assert held[region][..., 0].max(axis=0).min() > 0.4  # every column is crossed
        assert abs(140 + int(held[140:170, 280, 0].argmax()) - 155) <= 1

    def test_one_that_is_given_is_kept(self, kind: str) -> None:
        own = np.full((HEIGHT, WIDTH, 3), 0.25, np.float32)
        assert with_controls(request(controls={kind: own}), [kind]).controls[kind] is own


def test_kinds_that_want_weights_say_which(tmp_path: Path) -> None:
    for kind, file in (
        ("depth", "dpt_hybrid"),
        ("mlsd", "mlsd_large"),
        ("hed", "HED"),
        ("openpose", "body_pose"),
    ):
        for annotators in (None, tmp_path):
            with pytest.raises(Refused, match=f"wants {file}|wants ControlNet{file}"):
                with_controls(request(), [kind], annotators)
    (tmp_path / "mlsd_large_512_fp32.pth").write_bytes(b"no weights")
    with pytest.raises(Refused, match="cannot be read"):
        with_controls(request(), ["mlsd"], tmp_path)


def test_with_its_weights_a_detector_answers_at_the_contexts_size(tmp_path: Path) -> None:
    import torch
    from controlnet_aux.mlsd.models.mbv2_mlsd_large import MobileV2_MLSD_Large

    torch.manual_seed(0)
    torch.save(MobileV2_MLSD_Large().state_dict(), tmp_path / "mlsd_large_512_fp32.pth")
    lines = np.array([[20.0, 230.0, 20.0, 329.0]], np.float32)
    image = with_controls(request(lines=lines), ["mlsd"], tmp_path).controls["mlsd"]
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image[20, 240:320].min() > 0.9


def test_a_kind_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there are: canny, lineart"):
        with_controls(request(), ["scribble"], tmp_path)
