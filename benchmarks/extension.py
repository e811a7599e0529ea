"""Extension on rendered sets: a quarter of the width is cut off at each side, and then put back."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import goals, scores, sets
from benchmarks.bench import Bench
from benchmarks.cases import AGAIN, OURS, Case, answers, extend, plan_extension
from benchmarks.figures import Score
from benchmarks.goals import Result
from benchmarks.sheets import write_sheet
from studio_pipeline.geometry import Extent, Insets

__all__ = ["case_of", "extend", "measure", "plan_extension"]

_ASPECT = 0.8  # width over height of the whole set
_CUT = 0.25
_SHEET_ISO = "1600"
_GRADIENTS = ("linear", "quadratic", "two lights")


def measure(bench: Bench) -> list[Score]:
    """Rows for each kind of set, each ISO and all sets with every method; for each set ours alone, beside
    the set set up anew; and gradients without noise, where a flat step would show.
    """
    found: dict[tuple[str, str], dict[str, Result]] = {}
    for name in bench.chosen(sets.SETS):
        for iso in (*sets.NOISY, *((sets.NO_NOISE,) if name in _GRADIENTS else ())):
            case = case_of(name, iso, bench.quality_px)
            found[name, iso] = _results(case, bench)
    rows: list[Score] = []
    noisy = [key for key in found if key[1] != sets.NO_NOISE]
    for kind in sets.KINDS:
        rows += _rows("by kind", kind, found, [key for key in noisy if sets.SETS[key[0]].kind == kind])
    rows += _rows("by kind", "all", found, noisy)
    for iso in sets.NOISY:
        rows += _rows("by ISO", f"ISO {iso}", found, [key for key in noisy if key[1] == iso])
    for name in dict.fromkeys(name for name, _ in noisy):
        rows += _rows("by set", name, found, [key for key in noisy if key[0] == name], (OURS, AGAIN))
    return rows + list(_gradients(found))


def case_of(name: str, iso: str, long_edge_px: int) -> Case:
    """A set as a case: half of its width is the base."""
    extent = Extent(long_edge_px, 2 * round(long_edge_px * _ASPECT / 2))
    cut = round(_CUT * extent.width)
    made, again = sets.render(name, iso, extent), sets.render(name, iso, extent, take=1)
    base = slice(cut, extent.width - cut)
    return Case(
        name=f"{name}, ISO {iso}",
        group=made.kind,
        true=made.true,
        seen=made.seen,
        added=Insets(left=cut, right=cut),
        reading=sets.true_reading(made.person[:, base].copy()),
        person=made.person > 0,
        again=again.true,
        mends=sets.SETS[name].seen is not None,
    )


def _results(case: Case, bench: Bench) -> dict[str, Result]:
    given = list(answers(case, bench.gmic))
    results = [Result(scores.likeness(case, one.codes), one.seconds, one.refused) for one in given]
    if bench.sheets is not None and _SHEET_ISO in case.name:
        write_sheet(bench.sheets, case, given, [result.likeness.patches for result in results])
    return {answer.method: result for answer, result in zip(given, results, strict=True)}


def _rows(
    table: str,
    pictures: str,
    found: dict[tuple[str, str], dict[str, Result]],
    keys: list[tuple[str, str]],
    only: tuple[str, ...] = (),
) -> list[Score]:
    if not keys:
        return []
    by_method = {method: [found[key][method] for key in keys] for method in found[keys[0]]}
    return goals.rows(f"sets, {table}", pictures, by_method, goals.of_sets, only)


def _gradients(found: dict[tuple[str, str], dict[str, Result]]) -> Iterator[Score]:
    """Each gradient without noise, a row a method."""
    for (name, iso), results in found.items():
        if iso != sets.NO_NOISE:
            continue
        for method, result in results.items():
            one = result.likeness
            values = {"lf": one.lf, "seam": one.seam, "flat run px": one.run_px}
            yield Score("sets, no noise", f"{name}, no noise", method, dict(values), result.seconds)
