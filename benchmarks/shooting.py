"""A real session at work, a camera that tethers into it, and a page that watches it over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from studio_pipeline.pipeline.studio import Studio, at_work, utc_now
from studio_pipeline.records.preset import Preset, load
from studio_pipeline.review.shoot import page
from studio_pipeline.session.folder import Session, create

PRESET = "banner-16x9"
PATIENCE_S = 300.0
_LOOK_AGAIN_S = 1.0
_PREVIEW_EDGE_PX = 512
_ENDED = ("proposed", "needs-a-person", "quarantined", "waiting-for-tiff", "delivered")


@dataclass
class Seen:
    """When the page got what it shows of a capture; seconds of ``time.monotonic``."""

    id: str
    state: str = ""
    reason: str = ""
    preview_s: float | None = None
    reached_s: dict[str, float] = field(default_factory=dict)


class Page(threading.Thread):
    """What a browser does on the page: it follows the events, and fetches previews as they come."""

    def __init__(self, url: str) -> None:
        super().__init__(name="page", daemon=True)
        address = urlsplit(url)
        self._host, self._path = address.netloc, f"{address.path}?{address.query}"
        self._changed = threading.Condition()
        self._rows: dict[str, Seen] = {}
        self._cookie = self._let_in()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._host)
        connection.request("GET", "/api/events", headers={"Cookie": self._cookie})
        event = ""
        with contextlib.suppress(http.client.HTTPException, OSError):  # the server stops in the middle
            for line in connection.getresponse():
                event = self._read(event, line.decode().rstrip())

    def wait(self, name: str, done: Callable[[Seen], bool]) -> Seen:
        """The capture's row once ``done``. Raises TimeoutError, also when the events have ended."""
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while name not in self._rows or not done(self._rows[name]):
                if not self.is_alive() or time.monotonic() > until:
                    raise TimeoutError(f"nothing more is heard of {name}: {self._rows.get(name)}")
                self._changed.wait(_LOOK_AGAIN_S)
            return self._rows[name]

    def _read(self, event: str, line: str) -> str:
        field_name, _, value = line.partition(": ")
        if field_name == "event":
            return value
        if field_name == "data" and event in ("snapshot", "change"):
            told = json.loads(value)
            for row in told["captures"] if event == "change" else told["status"]["captures"]:
                self._note(row)
        return event

    def _note(self, row: dict[str, object]) -> None:
        name, state = str(row["name"]), str(row["state"])
        seen = self._rows.get(name) or Seen(str(row["id"]))
        seen.state, seen.reason = state, str(row["reason"])
        if state in _ENDED:
            seen.reached_s.setdefault(state, time.monotonic())
        if row["preview"] and seen.preview_s is None:
            self._get(f"/api/captures/{seen.id}/preview?edge={_PREVIEW_EDGE_PX}")
            seen.preview_s = time.monotonic()
        with self._changed:
            self._rows[name] = seen
            self._changed.notify_all()

    def _let_in(self) -> str:
        connection = http.client.HTTPConnection(self._host)
        connection.request("GET", self._path)
        return str(connection.getresponse().getheader("Set-Cookie")).split(";", 1)[0]

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(self._host)
        connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body


@dataclass(frozen=True)
class Shooting:
    """A session that is being shot."""

    session: Session
    studio: Studio
    page: Page

    def tether(self, raw: Path, name: str) -> float:
        """Bring a file in as tether programs do, under a hidden name first. Returns when it was whole."""
        temporary = self.session.capture / f".{name}.tmp"
        shutil.copyfile(raw, temporary)
        temporary.rename(self.session.capture / f"{name}.DNG")
        return time.monotonic()

    def proposed(self, name: str) -> tuple[Seen, float]:
        """Wait until the capture has its proposal, and when that was."""
        seen = self.page.wait(name, lambda s: s.preview_s is not None and bool(s.reached_s))
        if seen.state != "proposed":
            raise RuntimeError(f"{name} is {seen.state}: {seen.reason}")
        return seen, seen.reached_s["proposed"]


def preset() -> Preset:
    """A banner as a 16-bit TIFF: half a picture more, healed, extended to one side."""
    banner = load(PRESET)
    tiff = tuple(recipe for recipe in banner.deliverables if recipe.format == "tiff16")
    return banner.model_copy(update={"deliverables": tiff})


@contextmanager
def shooting(root: Path, warm_up: tuple[Path, ...]) -> Iterator[Shooting]:
    """`studio shoot` in this process, workers of its own.

    The ``warm_up`` frames (photographers shoot some for their light) have gone through already, at once, so
    every worker is up.
    """
    session = create(root, preset(), PRESET, None, utc_now(), no_vault=True)
    stop = threading.Event()
    with at_work(session) as studio, page(studio, 0, "benchmark", lambda url: None) as url:
        watching = Page(url)
        watching.start()
        working = threading.Thread(target=studio.shoot, args=(stop,), name="shoot")
        working.start()
        try:
            running = Shooting(session, studio, watching)
            names = [f"LIGHT_{number}" for number in range(len(warm_up))]
            for raw, name in zip(warm_up, names, strict=True):
                running.tether(raw, name)
            for name in names:
                running.proposed(name)
            yield running
        finally:
            stop.set()
            working.join()
