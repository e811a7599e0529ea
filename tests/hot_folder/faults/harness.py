"""Ingest through every fault at every step. Needs Linux.

    python -m tests.hot_folder.faults.harness --mode kill|power|errno [--seed N] [--stride N] [--plant BUG]

Each story is told once without a fault, which numbers its steps. Then it is told again for every point, in a
process of its own: there it is killed, or the power is cut, or the step fails once. Another process starts
ingest anew on what is left, lets it settle, checks it, and lives the rest of the story. Points between which
nothing on disk has changed, and nothing was said, are one and the same crash: it is tried once.

Prints one line of JSON; exits with 1 when anything failed.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.hot_folder.faults import proxies, sqlite_steps

NO_SQLITE = sqlite_steps.install()
proxies.install()  # both before ingest is imported

from tests.hot_folder.faults.apart import Ended, apart  # noqa: E402
from tests.hot_folder.faults.checks import Told  # noqa: E402
from tests.hot_folder.faults.day import Tell  # noqa: E402
from tests.hot_folder.faults.disk import Disk  # noqa: E402
from tests.hot_folder.faults.planted import BUGS  # noqa: E402
from tests.hot_folder.faults.points import END, SAMPLED, Mode, Noted, Notes, Point, points  # noqa: E402
from tests.hot_folder.faults.steps import Plan, Step, Tear  # noqa: E402
from tests.hot_folder.faults.stories import STORIES, Story  # noqa: E402
from tests.hot_folder.faults.telling import Life, go_on, packed, unpacked  # noqa: E402


@dataclass
class Harness:
    root: bytes
    mode: Mode
    asked: argparse.Namespace
    steps: Counter[str] = field(default_factory=Counter)
    """Of all stories, by what was called."""
    happened: set[str] = field(default_factory=set)
    """Kinds of the journal's events in all stories."""
    tried: Counter[str] = field(default_factory=Counter)
    """Processes that were killed or met an error, by what happened to them."""
    failures: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, story: Story) -> None:
        noted, expected = self._without_a_fault(story)
        self.steps.update(one.step.call for one in noted if one.step.call != END)
        self.happened |= {event.partition(" ")[0] for event in expected[-1]["happened"]}
        for point in points(self.mode, noted, self.asked.seed, self.asked.stride):
            is_over = self.failures and self.asked.first
            if self.asked.call in point.step.call and not is_over:
                self._try(story, point, expected)

    def _without_a_fault(self, story: Story) -> tuple[list[Noted], list[Any]]:
        def work(tell: Tell) -> None:
            def say(what: str, said: Any) -> None:
                for one in notes:
                    one.said += 1
                tell(what, said)

            def noting(disk: Disk) -> Plan:
                notes.append(Notes(self.mode, disk))
                return notes[0]

            notes: list[Notes] = []
            life = Life(story, self.root, say, noting)
            life.live()
            taken = notes[0].at_the_end()
            for wrong in (*notes[0].strays, *life.rest()):
                tell("wrong", wrong)
            tell("notes", pickle.dumps(taken).hex())

        ended = self._from_nothing(work)
        self._fail(story, "without a fault", _wrong(ended), ended)
        if not ended.said("notes"):
            raise SystemExit(json.dumps(self.failures))
        return pickle.loads(bytes.fromhex(ended.said("notes")[0])), ended.said("known")

    def _try(self, story: Story, point: Point, expected: list[Any]) -> None:
        def work(tell: Tell) -> None:
            def strike(disk: Disk, step: Step, tear: Tear | None = None) -> None:
                tell("struck", traceback.format_stack()[:-2])
                if point.error is None and point.cut is None:
                    tell("disk", packed(disk))
                point.strike(disk, step, tear)

            def planned(disk: Disk) -> Plan:
                def plan(step: Step, tear: Tear | None) -> None:
                    if point.strikes(step):
                        strike(disk, step, tear)

                return plan

            life = Life(story, self.root, tell, planned)
            life.live()
            if point.step.call == END:
                strike(life.disk, point.step)
            for wrong in life.rest():
                tell("wrong", wrong)
            tell("disk", packed(life.disk))

        ended = self._from_nothing(work)
        wrong = _wrong(ended, ends_by=None if point.error else signal.SIGKILL)
        if not ended.said("struck"):
            wrong.append("it never came there")
        self._fail(story, str(point), wrong, ended)
        told, disks = Told.of(ended.told), ended.said("disk")

        def go_on_and_tell(tell: Tell) -> None:
            disk = unpacked(disks[0]) if disks else None
            for wrong in go_on(self.root, story, told, [] if point.error else expected, disk):
                tell("wrong", wrong)

        self._fail(story, f"{point}; started again", _wrong(apart(go_on_and_tell)), ended)
        self.tried[point.what] += 1

    def _from_nothing(self, work: Callable[[Tell], None]) -> Ended:
        shutil.rmtree(self.root, ignore_errors=True)
        return apart(work)

    def _fail(self, story: Story, point: str, wrong: list[str], struck: Ended) -> None:
        if wrong:
            self.failures.append(
                {"story": story.name, "point": point, "wrong": wrong, "stack": struck.said("struck")[:1]}
            )


def _wrong(ended: Ended, *, ends_by: int | None = None) -> list[str]:
    signalled = [] if ended.signal_number == ends_by else [f"it was ended by signal {ended.signal_number}"]
    return [*ended.said("wrong"), *ended.said("raised"), *signalled]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mode", type=Mode, choices=list(Mode), required=True)
    parser.add_argument("--seed", type=int, default=0, help="what chance keeps, and where strides begin")
    parser.add_argument("--stride", type=int, default=1, help=SAMPLED)
    parser.add_argument("--story", default="", help="only those with this in their name")
    parser.add_argument("--call", default="", help="only faults at steps with this in their name")
    parser.add_argument("--plant", choices=BUGS, help="a bug that is known, to be found")
    parser.add_argument("--first", action="store_true", help="stop at the first failure")
    parser.add_argument("--folder", help="where the tree is made")
    asked = parser.parse_args()
    if asked.plant:
        BUGS[asked.plant]()
    begun_s = time.monotonic()
    gc.disable()  # a child would copy every page that the collector touches
    logging.disable()  # what ingest says of each fault
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        root = os.fsencode(os.path.realpath(folder))
        _warm_up(os.path.join(root, b"warm"))
        harness = Harness(os.path.join(root, b"tree"), asked.mode, asked)
        for story in STORIES:
            if asked.story in story.name:
                harness.tell(story)
    summary = {
        "mode": asked.mode,
        "seed": asked.seed,
        "stride": asked.stride,
        "took_s": round(time.monotonic() - begun_s, 1),
        "without": NO_SQLITE,
        "steps": dict(harness.steps.most_common()),
        "happened": sorted(harness.happened),
        "tried": dict(harness.tried.most_common()),
        "failures": harness.failures,
    }
    print(json.dumps(summary))
    return 1 if harness.failures else 0


def _warm_up(root: bytes) -> None:
    """So that no child has to import or compile anything."""
    life = Life(STORIES[0], root, lambda *_: None, lambda disk: lambda *_: None)
    life.live()
    life.day.stop()


if __name__ == "__main__":
    sys.exit(main())
