"""Events wake intake up and say what to look at first. They decide nothing: a lost one costs time only."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hot_folder.records import FileKey, Hint, shown

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

OnEvent = Callable[[bytes, Hint], None]
"""Called from the watcher's thread with an absolute path. A folder's path means "something in it"."""

SendsEvents = Callable[[bytes, int], bool]
"""Of a folder and its device: whether the system tells of what others write there."""


class Watcher:
    """Watches folders and everything below them, as a context manager.

    A folder that cannot be watched (it is not there, the system is out of watches) is left to the scans, and
    tried again by `renew`.
    """

    def __init__(
        self, folders: Sequence[bytes], on_event: OnEvent, sends_events: SendsEvents = lambda *_: True
    ) -> None:
        self._folders = tuple(folders)
        self._sends_events = sends_events
        self._on_event = on_event
        self._observer: BaseObserver | None = None
        self._watches: dict[bytes, tuple[tuple[int, int], ObservedWatch]] = {}
        self._complained: set[bytes] = set()

    @property
    def watched(self) -> frozenset[bytes]:
        return frozenset(self._watches)

    def __enter__(self) -> Self:
        try:
            self._observer = _new_observer()
            self._observer.start()
        except OSError as error:
            log.warning("folder events are not available (%s): scans go on without them", error.strerror)
            self._observer = None
        self.renew()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        self._watches.clear()

    def renew(self) -> None:
        """Watch what is not watched yet, and anew what was unmounted, remounted or replaced since."""
        if self._observer is None:
            return
        for folder in self._folders:
            identity = _identity(folder)
            known = self._watches.get(folder)
            if known is not None and known[0] != identity:
                del self._watches[folder]
                self._observer.unschedule(known[1])
                known = None
            if known is None and identity is not None and self._sends_events(folder, identity[0]):
                self._watch(self._observer, folder, identity)

    def _watch(self, observer: BaseObserver, folder: bytes, identity: tuple[int, int]) -> None:
        from watchdog.events import FileSystemEventHandler

        handler = FileSystemEventHandler()
        handler.dispatch = self._dispatch  # type: ignore[method-assign]
        try:
            watch = observer.schedule(
                handler, os.fsdecode(folder), recursive=True, event_filter=_telling_events()
            )
        except OSError as error:
            if folder not in self._complained:
                self._complained.add(folder)
                log.warning(
                    "%s is not watched for events (%s): scans go on", shown(folder), error.strerror or error
                )
            return
        self._complained.discard(folder)
        self._watches[folder] = (identity, watch)

    def _dispatch(self, event: FileSystemEvent) -> None:
        kind, is_moved = event.event_type, event.event_type == "moved"
        target = event.dest_path if is_moved and event.dest_path else event.src_path
        path = os.fsencode(target)
        if event.is_directory:
            # Every file event brings a "modified" of its folder; only a folder's own coming and going counts.
            if kind in ("created", "moved", "deleted"):
                self._on_event(path, Hint.NONE)
        elif is_moved and event.dest_path:
            self._on_event(path, Hint.RENAMED_IN)
        elif kind == "closed":
            self._on_event(path, Hint.CLOSED)
        elif kind in ("created", "deleted", "moved") or (kind == "modified" and sys.platform != "linux"):
            # On Linux a writer's many "modified" end in one "closed"; elsewhere they are all there is.
            self._on_event(path, Hint.NONE)


def _telling_events() -> list[type[FileSystemEvent]]:
    """Those that say anything here. The system need not queue the rest, least of all our own reading."""
    from watchdog import events

    telling: list[type[FileSystemEvent]] = [
        *(events.FileCreatedEvent, events.FileMovedEvent, events.FileDeletedEvent, events.FileClosedEvent),
        *(events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent),
    ]
    return telling if sys.platform == "linux" else [*telling, events.FileModifiedEvent]


def _new_observer() -> BaseObserver:
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver

        # Full events: a rename from outside the folder is told from a file being created in it.
        return InotifyObserver(generate_full_events=True)
    from watchdog.observers import Observer

    return Observer()


def _identity(folder: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return FileKey.of(status)[:2]
