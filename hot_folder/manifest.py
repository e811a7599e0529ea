"""What a vault holds: the generations in its folder `ascmhl`, one for each run, and the chain of them.

A run's generation is held in memory and rewritten whole now and then. The chain names the C4 id of every
generation, so the two must change as one, which no filesystem can do. Hence: the generation's next state is
written beside it and synced; then the chain is replaced, and from then on it counts; then the generation is.
Whoever reads in between finds the state that the chain names; whoever writes next brings it to an end.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from hot_folder import durable, mhl
from hot_folder.copying import make_folders
from hot_folder.mhl import Entry, Generation, Link, Maker
from hot_folder.parts import part_of
from hot_folder.sums import SUMS, sums

log = logging.getLogger(__name__)

FOLDER: Final = b"ascmhl"
CHAIN: Final = b"ascmhl_chain.xml"
LOCK: Final = b".studio-lock"
IGNORED: Final = (
    ".DS_Store", "ascmhl", "ascmhl/", "SHA256SUMS", ".studio-*.part", "._*", "Thumbs.db", "desktop.ini",
    "lost+found/", "System Volume Information/", "$RECYCLE.BIN/", ".Trashes/", ".Trash-*/",
    ".Spotlight-V100/", ".fseventsd/",
)  # fmt: skip
"""What lies in a vault, or on its drive, and is no copy: patterns as in .gitignore, for every reader."""
_LOCK_WAIT_S: Final = 5.0
_GENERATION: Final = re.compile(rb"(\d{4,})(?:_.*)?\.mhl", re.DOTALL)

_State = tuple[int, int, int, int] | None


@dataclass(slots=True)
class Index:
    """Everything that is listed; what is listed later counts. `own`: by this session, or before sessions."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    paths: dict[bytes, list[bytes]] = field(default_factory=dict)
    """Of the copies with these bytes."""
    own: dict[tuple[bytes, bytes], Entry] = field(default_factory=dict)
    """By the paths in the vault and in the session, in order."""
    own_bytes: set[bytes] = field(default_factory=set)
    own_latest: dict[bytes, Entry] = field(default_factory=dict)
    """By the path in the session."""
    others: set[bytes] = field(default_factory=set)
    """The paths of copies that another session lists; it may list one of ours, too."""

    def add(self, entry: Entry, *, is_own: bool) -> None:
        if entry.sha256 is None:  # another program's: it says nothing that ours do not
            self.entries.setdefault(entry.path, entry)
            return
        self.entries[entry.path] = entry
        same = self.paths.setdefault(entry.sha256, [])
        if entry.path not in same:
            same.append(entry.path)
        if not is_own:
            self.others.add(entry.path)
        else:
            self.own_latest[entry.origin] = entry
            self.own.pop((entry.path, entry.origin), None)
            self.own[entry.path, entry.origin] = entry
            self.own_bytes.add(entry.sha256)


@dataclass(frozen=True, slots=True)
class _Added:
    entry: Entry
    action: str
    text: bytes


class Manifest:
    """The list of one vault. root: its folder. maker: who adds to it. ignore: see IGNORED. One thread."""

    def __init__(
        self, root: bytes, maker: Maker, ignore: tuple[str, ...], wall_s: Callable[[], float]
    ) -> None:
        self._root = root
        self._folder = os.path.join(root, FOLDER)
        self._maker = maker
        self._ignore = ignore
        self._wall_s = wall_s
        self._begun = self._now()
        self._as_of: tuple[_State, _State] | None = None
        self._links: list[Link] = []
        self._is_damaged = False
        self._read: dict[Link, Generation] = {}
        self._index = Index()
        self._name: str | None = None
        self._added: dict[bytes, _Added] = {}
        self._is_written = False

    @property
    def is_written(self) -> bool:
        """Whether all that was added is on the drive, and nothing is left there half done."""
        return self._is_written

    def index(self) -> Index:
        """What is listed, on the drive or in memory. Raises OSError when the drive does not answer."""
        as_of = self._state()
        if as_of != self._as_of:
            self._renew()
            self._as_of = as_of
        return self._index

    def sessions(self) -> dict[str, str]:
        """Who brought what is listed on the drive: ids and names, whoever came last last."""
        self.index()
        found: dict[str, str] = {}
        for generation in self._read.values():
            found.pop(generation.session_id, None)
            found[generation.session_id] = generation.session_name
        return found

    def add(self, entry: Entry) -> None:
        """List a file; `flush` makes it last. A file that is listed already is listed as verified."""
        index, before = self.index(), self._added.pop(entry.path, None)
        known = "verified" if entry.path in index.entries else "original"
        action = before.action if before is not None else known
        self._added[entry.path] = _Added(entry, action, mhl.element(entry, action, self._now()))
        index.add(entry, is_own=True)
        self._is_written = False

    def flush(self) -> None:
        """Write what was added. After an OSError nothing is forgotten: the next call does it."""
        if not self._is_written and (self._added or leftovers(self._root)):
            self._write()
        self._is_written = True

    def _write(self) -> None:
        make_folders(self._root, FOLDER)
        with self._alone():
            self.index()
            finish(self._root, self._links)
            if not self._added:
                return
            if self._name is None:
                numbers = [int(name.split(b"_")[0].split(b".")[0]) for name in generations(self._root)]
                number = 1 + max([link.number for link in self._links] + numbers, default=0)
                self._name = f"{number:04d}_{_name_of(self._root)}_{self._begun:%Y-%m-%d_%H%M%SZ}.mhl"
            texts = (added.text for added in self._added.values())
            self._publish(self._name, mhl.generation(self._maker, self._begun, self._ignore, texts))
            self._as_of = self._state()

    def _publish(self, name: str, data: bytes) -> None:
        link = Link(int(name.split("_")[0]), name, mhl.c4(data))
        links = sorted([one for one in self._links if one.name != name] + [link], key=lambda one: one.number)
        target, chain = os.path.join(self._folder, os.fsencode(name)), os.path.join(self._folder, CHAIN)
        _write(part_of(target), data)
        _write(part_of(chain), mhl.chain(links))
        durable.sync_folder(self._folder)
        if self._is_damaged:
            os.replace(chain, chain + b".damaged")
        os.replace(part_of(chain), chain)
        durable.sync_folder(self._folder)
        os.replace(part_of(target), target)
        durable.sync_folder(self._folder)
        self._links, self._is_damaged = links, False

    def _renew(self) -> None:
        self._is_damaged = False
        try:
            self._links = read_links(self._root)
        except ValueError as error:
            log.warning("the chain of the vault's lists: %s; what it holds is compared anew", error)
            self._links, self._is_damaged = [], True
        self._read = {
            link: self._read.get(link) or self._generation(link)
            for link in self._links
            if link.name != self._name
        }
        self._index = Index()
        for entry in sums(self._root):
            self._index.add(entry, is_own=True)
        for generation in self._read.values():
            is_own = generation.session_id in ("", self._maker.session_id)
            for entry in generation.entries:
                self._index.add(entry, is_own=is_own)
        for added in self._added.values():
            self._index.add(added.entry, is_own=True)

    def _generation(self, link: Link) -> Generation:
        try:
            return mhl.read_generation(read_linked(self._root, link)[0])
        except (FileNotFoundError, ValueError) as error:
            log.warning("the vault's list %s: %s; what it listed is compared anew", link.name, error)
            return Generation("", "", ())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One program at a time, where the vault's filesystem knows locks."""
        from filelock import FileLock, Timeout

        lock = FileLock(os.fsdecode(os.path.join(self._folder, LOCK)), timeout=_LOCK_WAIT_S)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(lock)
            except Timeout as error:
                raise OSError(errno.EAGAIN, "another program is writing the list of its copies") from error
            except (OSError, NotImplementedError) as error:
                log.info("the vault's list is written without a lock: %s", error)
            yield

    def _state(self) -> tuple[_State, _State]:
        return _state(os.path.join(self._folder, CHAIN)), _state(os.path.join(self._root, SUMS))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall_s(), UTC)


def read_links(root: bytes) -> list[Link]:
    """The chain, empty when there is none. Raises ValueError when it is damaged."""
    try:
        with open(os.path.join(root, FOLDER, CHAIN), "rb") as file:
            return mhl.read_chain(file.read())
    except FileNotFoundError:
        return []


def read_linked(root: bytes, link: Link) -> tuple[bytes, bool]:
    """A generation, and whether it is the one that the chain names. Raises FileNotFoundError, OSError."""
    path = _path(root, link)
    for candidate in (part_of(path), path):
        with contextlib.suppress(FileNotFoundError), open(candidate, "rb") as file:
            data = file.read()
            if mhl.c4(data) == link.c4:
                return data, True
    with open(path, "rb") as file:
        return file.read(), False


def finish(root: bytes, links: list[Link]) -> None:
    """Give generations that a crash left beside their place what the chain says is theirs; the rest goes."""
    due = {part_of(path): (path, link.c4) for link in links if (path := _path(root, link))}
    parts = leftovers(root)
    for part in parts:
        path, c4 = due.get(part, (b"", ""))
        with open(part, "rb") as file:
            is_due = mhl.c4(file.read()) == c4
        if is_due:
            os.replace(part, path)
        else:
            os.unlink(part)
    if parts:
        durable.sync_folder(os.path.join(root, FOLDER))


def leftovers(root: bytes) -> list[bytes]:
    """What a crash left beside the lists."""
    folder = os.path.join(root, FOLDER)
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(b".part")]
    except FileNotFoundError:
        return []


def generations(root: bytes) -> list[bytes]:
    """The names of the generations that lie there, in the chain or not."""
    try:
        return sorted(name for name in os.listdir(os.path.join(root, FOLDER)) if _GENERATION.fullmatch(name))
    except FileNotFoundError:
        return []


def _path(root: bytes, link: Link) -> bytes:
    return os.path.join(root, FOLDER, os.fsencode(link.name))


def _name_of(root: bytes) -> str:
    """The vault's name as every filesystem takes it, inside a generation's."""
    name = os.path.basename(root.rstrip(b"/\\")).decode("utf-8", "replace")
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)[:60] or "vault"


def _state(path: bytes) -> _State:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _write(path: bytes, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            durable.sync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
