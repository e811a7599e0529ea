"""Learn the weights of `pixels/blemishes.py`: python -m benchmarks.learn_blemishes.

From flaws put on real faces in ten tones, of other people than those that `benchmarks.healing` scores; a
logistic regression, by Newton's steps. What the clean pictures show counts as none, so a real blemish that is
in them is taught wrongly; there are few.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import blemished
from benchmarks.blemished import BLEMISHES, LEARNED, Face, Flaw
from studio_pipeline.pixels.blemishes import Searched, Traits

_DRAWS = 4


def candidates(face: Face, picture: blemished.Frame) -> list[Traits]:
    """Of a face, in pixels of its window; only what is blood's by its colour, as in the edit."""
    window = blemished.window(face)
    skin = face.healable[window.within(picture.roi)]
    found = Searched(picture.linear(window), skin, blemished.LARGEST * face.height_px).traits()
    return [one for one in found if one.passes]


def match(flaw: Flaw, found: list[Traits], face: Face) -> Traits | None:
    """The strongest candidate at a flaw."""
    origin = blemished.window(face)
    near = [
        one
        for one in found
        if np.hypot(one.y + origin.y0 - flaw.y, one.x + origin.x0 - flaw.x) < max(2, 0.6 * flaw.radius_px)
    ]
    return max(near, key=lambda one: one.strength, default=None)


def main() -> None:
    positive, negative = [], []
    for face in blemished.faces(LEARNED, least_px=150):
        negative += candidates(face, blemished.framed(face.light))
        for draw in range(_DRAWS):
            made = blemished.blemished(face, draw)
            found = candidates(face, made.frame)
            for flaw in made.flaws:
                one = match(flaw, found, face)
                if one is not None:
                    (positive if flaw.kind in BLEMISHES else negative).append(one)
    names = list(positive[0].vector)
    values = np.array([[one.vector[name] for name in names] for one in (*positive, *negative)])
    wanted = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    weights, bias = fit(values, wanted)
    print(f"{len(positive)} blemishes, {len(negative)} others")
    print("WEIGHTS = {")
    for name, weight in zip(names, weights, strict=True):
        print(f'    "{name}": {weight:.3f},')
    print(f"}}\nBIAS = {bias:.3f}")


def fit(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Logistic regression with a little ridge, on standardised values; weights for values as they are."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    scaled = np.c_[(values - mean) / spread, np.ones(len(values))]
    beta = np.zeros(scaled.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-scaled @ beta))
        hessian = scaled.T @ (scaled * (p * (1 - p))[:, None]) + np.eye(len(beta))
        beta += np.linalg.solve(hessian, scaled.T @ (wanted - p) - beta)
    weights = beta[:-1] / spread
    return weights, float(beta[-1] - weights @ mean)


if __name__ == "__main__":
    main()
