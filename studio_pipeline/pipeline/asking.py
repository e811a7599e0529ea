"""Who asks a model, and what happens when a guard refuses what it made.

A model lives in one worker, which owns the device and keeps it loaded from frame to frame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from studio_pipeline.edits.base import Chooser, Chosen
from studio_pipeline.engines.base import Capabilities, Engine, EngineRequest, EngineResult, Placement
from studio_pipeline.errors import StudioError
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.records.plan import CANDIDATE, Plan
from studio_pipeline.records.preset import EditSpec, EngineSettings
from studio_pipeline.records.proposal import GuardResult

_SEEDS_APART = 100  # more than a picture takes steps
Checked = tuple[Codes, tuple[GuardResult, ...]]


def wants_a_model(specs: Sequence[EditSpec]) -> bool:
    """Whether any edit of a preset may ask one."""
    return any(spec.enabled and spec.params.get("generative", "never") != "never" for spec in specs)


def nobody_asked(reason: str) -> Chooser:
    def choose(kinds: Collection[Kind], lines: bool) -> Chosen:
        return Chosen(None, reason)

    return choose


def installed(settings: EngineSettings, models: Path | None = None) -> Chooser:
    """Chooses among the engines whose weights are on this machine, as the session allows."""

    def choose(kinds: Collection[Kind], lines: bool) -> Chosen:
        from studio_pipeline.engines import registry, store

        try:
            engines = _engines(models or store.folder(), settings.non_commercial, settings.compiled)
            free_bytes = _free_bytes() if engines else None
        except StudioError as error:
            return Chosen(None, str(error))
        found = registry.choose(engines, kinds, lines=lines, free_bytes=free_bytes)
        if found.engine is None:
            return Chosen(None, found.reason)
        for other in engines:
            if other is not found.engine:
                other.unload()
        return Chosen(Ready(found.engine), found.reason)

    return choose


@lru_cache(maxsize=2)
def _engines(models: Path, non_commercial: bool, compiled: bool) -> tuple[Engine, ...]:
    """This process's engines: loaded at their first request, and warm after that."""
    from studio_pipeline.engines import registry

    return tuple(registry.available(models, non_commercial=non_commercial, compiled=compiled))


@lru_cache(maxsize=1)
def _free_bytes() -> int:
    """Of the device, before this process has loaded anything: what its own model holds is not taken."""
    from studio_pipeline.engines import device

    return device.find().free_bytes


class Ready:
    """An engine with the control images that it wants made for each request."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def version(self) -> int:
        return self._engine.version

    @property
    def licence(self) -> str:
        return self._engine.licence

    @property
    def commercial(self) -> bool:
        return self._engine.commercial

    @property
    def capabilities(self) -> Capabilities:
        return self._engine.capabilities

    @property
    def weights_sha256(self) -> str:
        return self._engine.weights_sha256

    def estimate_memory(self, extent: Extent) -> dict[Placement, int]:
        return self._engine.estimate_memory(extent)

    def load(self) -> None:
        self._engine.load()

    def unload(self) -> None:
        self._engine.unload()

    def run(self, request: EngineRequest) -> EngineResult:
        """Raises as the engine does; Refused also for a control image that cannot be made."""
        from studio_pipeline.engines import store
        from studio_pipeline.engines.control import with_controls

        folder = store.annotators(store.folder())
        return self._engine.run(with_controls(request, self._engine.capabilities.controls, folder))


Replan = Callable[[str, int, Chooser | None], Plan]
"""Plan one edit anew: by name, with so much more seed; with another chooser, where one is given."""


def tried(
    plans: tuple[Plan, ...], replan: Replan, check: Callable[[tuple[Plan, ...]], Checked], tries: int
) -> tuple[tuple[Plan, ...], Checked]:
    """``plans`` and their figures, with what a model made only as far as the guards let it pass.

    Where one refuses it, the plan's other candidates are looked at, then other seeds, ``tries`` times; then
    the edit is planned without a model. The notes say so.
    """
    checked = check(plans)
    for place, plan in enumerate(plans):
        if plan.made_by is None:
            continue
        reasons: list[str] = []
        for other in _ways(plan, replan, tries):
            if other != plans[place]:
                plans = (*plans[:place], other, *plans[place + 1 :])
                checked = check(plans)
            why = [g.said for g in checked[1] if g.edit == plan.edit and not g.passed]
            if not why or other.made_by is None:
                break
            reasons += why
        if reasons:
            used, why = plans[place], list(dict.fromkeys(reasons))
            end = "so this is made without a model" if used.made_by is None else "this one passed"
            line = f"what {plan.engine} made was refused: {'; '.join(why)}; {end}"
            noted = used.model_copy(update={"notes": (*used.notes, line)})
            plans = (*plans[:place], noted, *plans[place + 1 :])
    return plans, checked


def _ways(plan: Plan, replan: Replan, tries: int) -> Iterator[Plan]:
    """The plan with each of its candidates, the same with other seeds, and without a model."""
    yield from _candidates(plan)
    for attempt in range(1, tries + 1):
        yield from _candidates(replan(plan.edit, _SEEDS_APART * attempt, None))
    yield replan(plan.edit, 0, nobody_asked("none made what the guards let pass"))


def _candidates(plan: Plan) -> Iterator[Plan]:
    """As it is, then with each of its other candidates on alone."""
    yield plan
    made = [item.id for item in plan.items if item.kind == CANDIDATE]
    for one in made[1:]:
        yield plan.without(({*plan.off, *made}) - {one})
