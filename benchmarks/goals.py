"""From many pictures to one row: medians, ratios to the best peer, and which goals they meet."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import AGAIN, OURS
from benchmarks.figures import Score, Value
from benchmarks.scores import BANDS, Likeness, median

LF_BESIDE_PEER, PATCHES_BESIDE_PEER = 0.85, 0.95
HF, SEAM, TEXTURE = (0.85, 1.15), (0.9, 1.1), (0.9, 1.1)
LF = 2.0
_LEAST = 0.05  # 255ths: nobody is nearer than that by merit
REPEAT = 1.05  # over the truth's; two draws of one backdrop differ by as much


@dataclass(frozen=True)
class Result:
    """One picture by one method."""

    likeness: Likeness
    seconds: float
    refused: bool = False


Goals = Callable[[dict[str, Value]], dict[str, bool]]
Found = Mapping[str, Sequence[Result]]
"""Results by method, over the same pictures in the same order."""


def rows(part: str, pictures: str, found: Found, goals: Goals, only: Sequence[str] = ()) -> list[Score]:
    """A row for each method (or those in ``only``); each is compared with the best of the other peers."""
    medians = {method: _medians([r.likeness for r in results]) for method, results in found.items()}
    scores = []
    for method, results in found.items():
        if only and method not in only:
            continue
        beside = [m for m in found if m not in (method, OURS, AGAIN)]
        values = _with_ratios(medians[method], [medians[peer] for peer in beside])
        refused = sum(result.refused for result in results)
        scores.append(
            Score(
                part,
                pictures,
                method,
                values,
                statistics.median(result.seconds for result in results),
                {} if method == AGAIN else goals(values),
                f"{refused} refused, scored as replicate" if refused else "",
            )
        )
    return scores


def of_portraits(values: dict[str, Value]) -> dict[str, bool]:
    """The six goals for real portraits."""
    return {
        "lf": _at_most(values["lf × peer"], LF_BESIDE_PEER),
        "patches": _at_most(values["patches × peer"], PATCHES_BESIDE_PEER),
        "hf": _between(values["hf"], HF),
        "seam": _between(values["seam"], SEAM),
        "faces": values["faces"] == 0,
        "kept": values["kept"] == 1,
    }


def of_sets(values: dict[str, Value]) -> dict[str, bool]:
    """The goals for rendered sets."""
    bands = values["bands"]
    assert isinstance(bands, tuple)
    return {
        "lf": _at_most(values["lf"], LF),
        "bands": all(_between(band, TEXTURE) for band in bands),
        "repeat": _at_most(values["repeat × truth"], REPEAT),
        "kept": values["kept"] == 1,
        "person": values["person px"] == 0,
    }


def _medians(likenesses: Sequence[Likeness]) -> dict[str, Value]:
    return {
        "lf": median(likenesses, lambda one: one.lf),
        "patches": median(likenesses, lambda one: one.patches),
        "hf": median(likenesses, lambda one: one.hf),
        "seam": median(likenesses, lambda one: one.seam),
        "faces": float(sum(one.faces for one in likenesses)),
        "kept": statistics.fmean(one.kept for one in likenesses),
        "bands": tuple(median(likenesses, lambda one, i=i: one.bands[i]) for i in range(BANDS)),  # type: ignore[misc]
        "repeat": median(likenesses, lambda one: one.repeat),
        "repeat × truth": median(likenesses, _repeat_beside_truth),
        "person px": float(max(one.person_px for one in likenesses)),
        "psnr": median(likenesses, lambda one: one.psnr),
        "ssim": median(likenesses, lambda one: one.ssim),
    }


def _repeat_beside_truth(one: Likeness) -> float:
    """Where the truth is flat nothing can repeat there, and whatever is found is too much."""
    return one.repeat / one.true_repeat if one.true_repeat else 1 + one.repeat


def _with_ratios(values: dict[str, Value], peers: Sequence[dict[str, Value]]) -> dict[str, Value]:
    out: dict[str, Value] = {}
    for name, value in values.items():
        out[name] = value
        if name in ("lf", "patches") and peers:
            best = min(_number(peer[name]) for peer in peers)
            out[f"{name} × peer"] = _number(value) / max(best, _LEAST)
    return out


def _number(value: Value) -> float:
    assert not isinstance(value, tuple)
    return value


def _at_most(value: Value, limit: float) -> bool:
    return _number(value) <= limit


def _between(value: Value, limits: tuple[float, float]) -> bool:
    return limits[0] <= _number(value) <= limits[1]
