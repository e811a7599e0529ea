"""Labels for the nodes of a grid, by alpha expansion (Boykov, Veksler and Zabih 2001).

Written for shift maps: a label is a copy of the picture, moved; a node's *view* is what that copy shows
there. Two neighbours with different labels cost what the two copies differ by at both of them, so that cuts
run where nobody sees them. The cuts themselves are scipy's maximum flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.intp]

_UNITS = 200  # capacities are integers: one unit is 1/200 of a cost of 1
_STEP = 0.03  # a cut costs something even between copies that agree


@dataclass(frozen=True, eq=False)
class Problem:
    """``views`` ``(labels, height, width, channels)``; ``alone`` ``(labels, height, width)``: what a label
    costs a node by itself, infinite where it may not stand; ``cap``: the most that a cut costs.
    """

    views: Floats
    alone: Floats
    cap: float


def expand(problem: Problem, labels: Labels, sweeps: int = 2) -> Labels:
    """Better labels ``(height, width)`` than those given, in which every one is allowed where it stands.

    Each sweep offers every label to all nodes at once (one minimum cut each) and keeps what lowers the cost;
    sweeps after the first offer only labels that are in use. The same input gives the same output.
    """
    count, height, width = problem.alone.shape
    grid = _Grid(problem, np.arange(height * width).reshape(height, width))
    best = labels.reshape(-1).astype(np.intp)
    cost = grid.cost(best)
    offered = list(range(count))
    for _ in range(sweeps):
        before = cost
        for label in offered:
            tried = grid.offer(best, label)
            if tried is not None and (lower := grid.cost(tried)) < cost - 1e-3:
                best, cost = tried, lower
        if cost == before:
            break
        offered = [int(label) for label in np.unique(best)]
    return best.reshape(height, width)


class _Grid:
    def __init__(self, problem: Problem, numbers: NDArray[np.intp]) -> None:
        count = problem.alone.shape[0]
        self.views = problem.views.reshape(count, numbers.size, -1)
        self.alone = problem.alone.reshape(count, numbers.size)
        self.cap = np.float32(problem.cap)
        self.first = np.concatenate([numbers[:, :-1].ravel(), numbers[:-1].ravel()])
        self.second = np.concatenate([numbers[:, 1:].ravel(), numbers[1:].ravel()])
        self.nodes = np.arange(numbers.size)

    def cost(self, labels: Labels) -> float:
        cuts = self._cut(labels[self.first], labels[self.second], self.first, self.second)
        return float(self.alone[labels, self.nodes].sum(dtype=np.float64) + cuts.sum(dtype=np.float64))

    def _cut(self, one: Labels, other: Labels, p: Labels, q: Labels) -> Floats:
        """What it costs that node ``p`` has label ``one`` and its neighbour ``q`` has ``other``."""
        apart = np.square(self.views[one, p] - self.views[other, p]).sum(axis=1)
        apart += np.square(self.views[one, q] - self.views[other, q]).sum(axis=1)
        return np.where(one == other, np.float32(0), np.minimum(apart, self.cap) + np.float32(_STEP))

    def offer(self, labels: Labels, label: int) -> Labels | None:
        """The best way to let some nodes change to ``label``; None where none would."""
        free = np.isfinite(self.alone[label]) & (labels != label)
        taking = np.flatnonzero(free)
        count = len(taking)
        number = np.full(len(labels), -1, np.intp)
        number[taking] = np.arange(count)
        gain = (self.alone[label, taking] - self.alone[labels[taking], taking]).astype(np.float64)
        for here, there in ((self.first, self.second), (self.second, self.first)):
            lone = free[here] & ~free[there]
            p, q = here[lone], there[lone]
            change = self._cut(np.full(len(p), label), labels[q], p, q) - self._cut(
                labels[p], labels[q], p, q
            )
            gain += np.bincount(number[p], change, count)
        both = free[self.first] & free[self.second]
        p, q = self.first[both], self.second[both]
        new = np.full(len(p), label)
        stay_take, take_stay = self._cut(labels[p], new, p, q), self._cut(new, labels[q], p, q)
        # Kolmogorov & Zabih 2004, table of a pair; what is not submodular is cut off.
        stay = np.minimum(self._cut(labels[p], labels[q], p, q), stay_take + take_stay)
        gain += np.bincount(number[p], take_stay - stay, count) - np.bincount(number[q], take_stay, count)
        if not (gain < 0).any():
            return None
        changed = labels.copy()
        changed[taking[_cheaper(gain, number[p], number[q], stay_take + take_stay - stay)]] = label
        return changed


def _cheaper(gain: NDArray[np.float64], p: Labels, q: Labels, apart: Floats) -> NDArray[np.bool_]:
    """Which nodes change: each for its ``gain`` (less is better); ``apart`` is paid where only ``q`` does."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = len(gain)
    nodes, source, sink = np.arange(count), count, count + 1
    costly = gain > 0
    tails = np.concatenate([np.where(costly, source, nodes), p])
    heads = np.concatenate([np.where(costly, nodes, sink), q])
    capacity = np.rint(np.concatenate([np.abs(gain), apart]) * _UNITS).astype(np.int32)
    there = capacity > 0
    graph = csr_array((capacity[there], (tails[there], heads[there])), shape=(count + 2, count + 2))
    left = graph - maximum_flow(graph, source, sink).flow
    left.data = (left.data > 0).astype(np.int32)
    left.eliminate_zeros()
    kept = np.zeros(count + 2, np.bool_)
    kept[breadth_first_order(left, source, return_predecessors=False)] = True
    return ~kept[:count]
