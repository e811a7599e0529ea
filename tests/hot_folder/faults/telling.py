"""A story as one process lives it, and as the next one goes on with it after a crash."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.hot_folder.faults import checks
from tests.hot_folder.faults.apart import apart, die
from tests.hot_folder.faults.checks import Told, known, stamps
from tests.hot_folder.faults.day import AREAS, Day, Tell, make_tree
from tests.hot_folder.faults.disk import Cut, Disk
from tests.hot_folder.faults.steps import Plan, Step, Tear, Watch, watching
from tests.hot_folder.faults.stories import Camera, Story

_REST_S: Final = (3.0, 6.0, 60.0, 60.0)
"""Until all that is tried again was tried again."""


@dataclass
class Life:
    """One process's part in a story."""

    story: Story
    root: bytes
    tell: Tell
    plan_for: Callable[[Disk], Plan]
    told: Told = field(default_factory=Told)

    def live(self) -> None:
        """From an empty tree to the story's end. Steps count from its first beat on."""
        story = self.story
        make_tree(self.root)
        self.day, camera, disk = Day(self.root, self._say), Camera(), None
        if story.died_at is not None:
            disk = _crashed(story, self.root)
            story.before(camera)
            camera.session = self.day.session
        else:
            camera.session = self.day.session
            story.before(camera)
            if not story.beats[0].starts:
                self.day.start()
                self.day.look(3.0)
        self.disk = disk or Disk(self.root, AREAS)
        self.watch = Watch(self.root, self.disk, self.plan_for(self.disk))
        with watching(self.watch):
            for number, beat in enumerate(story.beats):
                self._say("beat", [number, self.day.now_s])
                self.day.live(beat, camera)
                if self.day.is_open:
                    with watching(None):
                        self._say("known", known(self.day.journal))

    def rest(self) -> Iterator[str]:
        """The story is over, and everything has its time; what is wrong then."""
        self.watch.plan = lambda *_: None
        with watching(self.watch):
            for wait_s in _REST_S:
                self.day.look(wait_s)
        yield from checks.once_settled(self.day, camera_after(self.story, self.told.beat), self.told)
        yield from checks.not_durable(self.disk, self.told)

    def _say(self, what: str, said: Any) -> None:
        self.told.hear(what, said)
        self.tell(what, said)


def _crashed(story: Story, root: bytes) -> Disk:
    """Live what is over in a process that is killed in the midst of it; what is durable then."""

    def work(tell: Tell) -> None:
        def plan(step: Step, tear: Tear | None) -> None:
            calls.append(step.call)
            if (step.call, calls.count(step.call)) == story.died_at:
                tell("disk", packed(disk))
                die()

        calls: list[str] = []
        day, disk = Day(root, lambda *_: None), Disk(root, AREAS)
        story.before(Camera(day.session))
        with watching(Watch(root, disk, plan)):
            day.start()
            day.look(3.0)

    return unpacked(apart(work).said("disk")[0])


def packed(disk: Disk) -> str:
    """As one process tells another."""
    return pickle.dumps(disk).hex()


def unpacked(told: str) -> Disk:
    disk: Disk = pickle.loads(bytes.fromhex(told))
    return disk


def camera_after(story: Story, beat: int) -> Camera:
    """What must lie where."""
    camera = Camera()
    story.before(camera)
    for one in story.beats[: beat + 1]:
        one.act(camera)
    return camera


def go_on(root: bytes, story: Story, told: Told, expected: list[Any], disk: Disk | None) -> Iterator[str]:
    """Look at what was left, start again, settle, check, live the rest; what is wrong.

    In the end the power fails: what the second process said, on what the first one left, must be durable too.
    expected: what is known after each beat without a fault; none after errors, which may hide a beat.
    disk: what was durable at the crash; None for all, as after a power cut.
    """
    camera = camera_after(story, told.beat)
    yield from checks.after_the_crash(root, camera, told)
    told_again = Told()
    day = Day(root, told_again.hear, now_s=told.now_s + 1000)
    before = stamps(day.session)
    disk = disk or Disk(root, AREAS)
    with watching(Watch(root, disk, lambda *_: None)):
        day.start()
        for wait_s in _REST_S:
            day.look(wait_s)
        with watching(None):
            yield from checks.once_settled(day, camera, told)
            if stamps(day.session) != before:
                yield "a file of the session was touched"
            for known_then in expected[told.beat : told.beat + 1]:
                yield from checks.as_without_a_fault(day.journal, known_then)
            camera.session = day.session
        for beat in story.beats[told.beat + 1 :]:
            day.live(beat, camera)
    for known_then in expected[-1:]:
        yield from checks.as_without_a_fault(day.journal, known_then)
    yield from checks.nothing_made_up(day.journal, camera)
    disk.leave(disk.after(Cut.LOST))
    yield from checks.after_the_crash(root, camera, told_again)
    yield from checks.still_told(root, told_again)
