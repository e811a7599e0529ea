"""One session at work: intake, conductor and workers, put together and taken apart in the right order."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from hot_folder import Intake, Journal, Report, Settings, VaultKeeper, Watching
from hot_folder.errors import HotFolderError
from studio_pipeline.deliver import publish
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pipeline import asking, proof, safekeeping, space
from studio_pipeline.pipeline.accession import Accession
from studio_pipeline.pipeline.conductor import Conductor, lanes
from studio_pipeline.pipeline.health import Health, Json
from studio_pipeline.pipeline.hints import read_hints
from studio_pipeline.pipeline.schedule import Stage
from studio_pipeline.pipeline.supervisor import Supervisor
from studio_pipeline.session import cache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session

log = logging.getLogger(__name__)
_STEP_S = 0.5


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Studio:
    """A session being worked on. ``run`` finishes what is there; ``shoot`` goes on until told to stop."""

    session: Session
    catalog: Catalog
    journal: Journal
    intake: Intake
    conductor: Conductor
    health: Health
    keeper: VaultKeeper | None = None
    """Of the session's vault; None without one."""
    _report: Report | None = None

    def problems(self) -> list[str]:
        """What keeps intake from its work right now, originals out of the vault, and work off the drives."""
        report = self._report
        reasons = [problem.reason for problem in report.problems] if report else []
        low = [drive.warning for drive in space.drives(self.session) if drive.is_low]
        return reasons + safekeeping.problems(self.session, self.keeper) + low

    def told(self) -> Json:
        """How the session is doing, for the page: what is in the way, the tether, the drives."""
        problems = self._report.problems if self._report else ()
        return self.health.told(time.time(), problems, safekeeping.problems(self.session, self.keeper))

    def deliver(self, progress: Callable[[], None] = lambda: None) -> None:
        """Work off what is due, without looking for new files."""
        self.conductor.step(0)
        while not self.conductor.idle:
            self.conductor.step(_STEP_S)
            progress()

    def run(self, progress: Callable[[], None] = lambda: None) -> None:
        """Take in, copy to the vault, develop, propose and deliver all that is there, then return.

        A vault that fails is no reason to stop: ``problems`` says so.
        Raises TryAgain when the journal is held by another process, or its disk is full.
        """
        with safekeeping.beside(self.keeper, finish=True, progress=progress):
            self._work_off(progress)

    def _work_off(self, progress: Callable[[], None]) -> None:
        while True:
            try:
                report = self._report = self.intake.step()
            except HotFolderError as error:
                raise TryAgain(str(error)) from error
            self.deliver(progress)
            if report.settling and not report.events:
                self.conductor.step(_STEP_S)
            if not report.settling and not report.events:
                return

    def shoot(self, stop: threading.Event) -> None:
        """Watch and work until ``stop`` is set."""
        watching = threading.Thread(target=self._watch, args=(stop,), name="intake")
        watching.start()
        try:
            with safekeeping.beside(self.keeper, log.warning):
                while not stop.is_set():
                    self.conductor.step(_STEP_S)
                    if not watching.is_alive() and not stop.is_set():
                        raise Refused("the hot folder is not watched any more; the log says why; start again")
        finally:
            stop.set()
            watching.join()

    def _watch(self, stop: threading.Event) -> None:
        try:
            self.intake.run(stop, self._noticed)
        except Exception:  # the thread's end is noticed by ``shoot``, which says so
            log.exception("watching the session folder failed")

    def _noticed(self, report: Report) -> None:
        self._report = report
        if report.events:
            self.conductor.wake()
            if self.keeper is not None:
                self.keeper.wake()


def watched(how: str, quiet_s: float | None) -> Settings:
    """How the folders are watched, in a person's words. Raises Refused for a word that is none."""
    if how not in set(Watching):
        raise Refused(f"--watch takes {', '.join(Watching)}, not {how!r}")
    if quiet_s is None:
        return Settings(watching=Watching(how))
    return Settings(watching=Watching(how), quiet_period_s=quiet_s, remote_quiet_period_s=quiet_s)


@contextmanager
def at_work(
    session: Session,
    *,
    only: frozenset[Stage] = frozenset(Stage),
    recipe: str | None = None,
    workers: Supervisor | None = None,
    settings: Settings | None = None,
) -> Iterator[Studio]:
    """Everything started, the session held for this process alone. Raises Refused when another has it.

    ``only`` leaves out the stages that are not wanted, ``recipe`` all deliverables but one. ``workers`` are
    warm ones to borrow; they are given back idle. ``settings`` say how the folders are watched.
    """
    with ExitStack() as opened:
        opened.enter_context(session.locked())
        catalog = Catalog(session.databases / "catalog.sqlite")
        opened.callback(catalog.close)
        try:
            journal = opened.enter_context(Journal.open(os.fsencode(session.databases / "journal.sqlite")))
        except HotFolderError as error:
            raise Refused(str(error)) from error
        cache.sweep(session.cache)
        swept = publish.sweep(session.output)
        if swept:
            log.info("removed %d unfinished files from %s", swept, session.output)
        if workers is None:
            supervisor = opened.enter_context(
                Supervisor(lanes(os.cpu_count() or 1, asking.wants_a_model(session.preset.edits)))
            )
        else:
            supervisor = workers
            opened.callback(workers.abandon)
        accession = Accession(session.root, session.records, journal, catalog)
        conductor = Conductor(
            session,
            catalog,
            accession,
            supervisor,
            now=utc_now,
            monotonic_s=time.monotonic,
            has_room=space.has_room(session),
            only=only,
            recipe=recipe,
        )
        intake = Intake(
            os.fsencode(session.root),
            journal,
            settings=settings or Settings(),
            describe=read_hints,
            ignore=lambda path: proof.claimed(session.records, path),
        )
        keeper = safekeeping.keeper(session, journal)
        yield Studio(session, catalog, journal, intake, conductor, Health(session, journal), keeper)
