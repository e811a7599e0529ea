"""Thin proxies before the functions of `os`, before `open`, and before what they return.

They pass everything through until a `Watch` begins, and then all that lies outside its tree.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

from tests.hot_folder.faults import steps
from tests.hot_folder.faults.steps import Kind, Tear

_REAL_OPEN, _REAL_OS_OPEN, _REAL_SCANDIR = io.open, os.open, os.scandir
_LOOKS = ("stat", "lstat", "listdir", "readlink", "access", "statvfs", "fstat", "getxattr")
_READS = ("read", "pread", "readv")
_WRITES = ("write", "pwrite", "writev", "ftruncate", "truncate", "posix_fallocate", "utime", "chmod")
_DONE = {
    "link": ("linked", 2),
    "rename": ("renamed", 2),
    "replace": ("renamed", 2),
    "unlink": ("unlinked", 1),
    "remove": ("unlinked", 1),
    "rmdir": ("unlinked", 1),
    "mkdir": ("made_folder", 1),
}
"""What makes, moves and removes names: what the disk is told of it, with how many paths."""
_CREATING = os.O_CREAT | os.O_TRUNC


def install() -> None:
    """Once, and before the code under test is imported: it may bind functions of `os` as defaults."""
    for names, kind in ((_LOOKS, Kind.LOOK), (_READS, Kind.READ), (_WRITES, Kind.WRITE)):
        _replace(names, partial(_touching, kind=kind))
    _replace(tuple(_DONE), _naming)
    _replace(("fsync", "fdatasync"), _syncing)
    _replace(("copy_file_range", "sendfile"), _copying)
    _replace(("close",), _closing)
    os.open, os.scandir = _os_open, _scandir
    builtins.open = io.open = _open


def _replace(names: tuple[str, ...], proxy: Callable[[str, Any], Any]) -> None:
    for name in names:
        if hasattr(os, name):
            setattr(os, name, proxy(name, getattr(os, name)))


def _touching(name: str, real: Any, kind: Kind) -> Any:
    def call(path: Any, *args: Any, **named: Any) -> Any:
        watch = steps.current
        covered = watch.covers(path) if watch else None
        if watch and covered is not None:
            tear = None
            if name in ("write", "pwrite"):
                tear = lambda: real(path, args[0][: len(args[0]) // 2], *args[1:])  # noqa: E731
            watch.step(f"os.{name}", covered, kind, tear)
        return real(path, *args, **named)

    return call


def _naming(name: str, real: Any) -> Any:
    done, count = _DONE[name]

    def call(*args: Any, **named: Any) -> None:
        watch = steps.current
        covered = [path for path in map(watch.covers, args[:count]) if path is not None] if watch else []
        if not watch or len(covered) < count:
            real(*args, **named)
            return
        watch.step(f"os.{name}", covered[-1], Kind.NAME)
        real(*args, **named)
        watch.note(getattr(watch.disk, done), *covered)

    return call


def _syncing(name: str, real: Any) -> Any:
    """Only written down: nothing here can tell a synced file from another, but a disk of its own."""

    def call(descriptor: Any) -> None:
        watch = steps.current
        covered = watch.covers(descriptor) if watch else None
        if watch and covered is not None:
            watch.step(f"os.{name}", covered, Kind.SYNC)
            watch.note(watch.disk.synced, covered)

    return call


def _copying(name: str, real: Any) -> Any:
    def call(one: int, other: int, *args: Any, **named: Any) -> Any:
        watch = steps.current
        target = one if name == "sendfile" else other
        covered = watch.covers(target) if watch else None
        if watch and covered is not None:
            watch.step(f"os.{name}", covered, Kind.WRITE)
        return real(one, other, *args, **named)

    return call


def _closing(name: str, real: Any) -> Any:
    def call(descriptor: int) -> None:
        if steps.current is not None:
            steps.current.open_files.pop(descriptor, None)
        real(descriptor)

    return call


def _os_open(path: Any, flags: int, *args: Any, **named: Any) -> int:
    watch = steps.current
    covered = watch.covers(path) if watch else None
    if not watch or covered is None:
        return _REAL_OS_OPEN(path, flags, *args, **named)
    watch.step("os.open", covered, Kind.NAME if flags & _CREATING else Kind.LOOK)
    descriptor = _REAL_OS_OPEN(path, flags, *args, **named)
    watch.note(watch.disk.opened, covered)
    watch.open_files[descriptor] = covered
    return descriptor


def _open(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
    watch = steps.current
    covered = watch.covers(file) if watch else None
    if not watch or covered is None:
        return _REAL_OPEN(file, mode, *args, **named)
    if isinstance(file, int):  # os.fdopen: it was a step already when it was opened
        return _File(_REAL_OPEN(file, mode, *args, **named), covered)
    watch.step("open", covered, Kind.NAME if set(mode) & set("wxa") else Kind.LOOK)
    opened = _REAL_OPEN(file, mode, *args, **named)
    watch.note(watch.disk.opened, covered)
    watch.open_files[opened.fileno()] = covered
    return _File(opened, covered)


def _scandir(path: Any = ".") -> Any:
    watch = steps.current
    covered = watch.covers(path) if watch else None
    if not watch or covered is None:
        return _REAL_SCANDIR(path)
    watch.step("os.scandir", covered, Kind.LOOK)
    return _Entries(_REAL_SCANDIR(path), covered)


class _File:
    """A file object whose reading and writing are steps."""

    def __init__(self, real: Any, path: bytes) -> None:
        self._real = real
        self._path = path

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        kind = Kind.READ if name.startswith("read") else Kind.WRITE
        if not name.startswith(("read", "write", "truncate")) or not callable(real) or name.endswith("able"):
            return real

        def call(*args: Any) -> Any:
            self._step(name, kind, (lambda: self._write_half(args[0])) if name == "write" else None)
            return real(*args)

        return call

    def flush(self) -> None:
        self._step("flush", Kind.WRITE)
        self._real.flush()

    def close(self) -> None:
        """Closed in any case; an error of a late write comes after that, as from a share."""
        if self._real.closed:
            return
        watch, descriptor = steps.current, self._real.fileno()
        try:
            self._step("close", Kind.WRITE if self._real.writable() else Kind.READ)
        finally:
            if watch is not None:
                watch.open_files.pop(descriptor, None)
            self._real.close()

    def _step(self, name: str, kind: Kind, tear: Tear | None = None) -> None:
        if steps.current is not None:
            steps.current.step(f"file.{name}", self._path, kind, tear)

    def _write_half(self, data: Any) -> None:
        self._real.write(data[: len(data) // 2])
        self._real.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        self._step("read", Kind.READ)
        return iter(self._real)


class _Entries:
    """What os.scandir returns, by name, so that steps have the same numbers every time."""

    def __init__(self, real: Any, covered: bytes) -> None:
        self._real = real
        self._covered = covered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()

    def close(self) -> None:
        self._real.close()

    def __iter__(self) -> Iterator[Any]:
        for entry in sorted(self._real, key=lambda entry: os.fsencode(entry.name)):
            yield _Entry(entry, self._covered + b"/" + os.fsencode(entry.name))


class _Entry:
    def __init__(self, real: Any, path: bytes) -> None:
        self._real = real
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __fspath__(self) -> Any:
        return self._real.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        if steps.current is not None:
            steps.current.step("entry.stat", self._path, Kind.LOOK)
        status: os.stat_result = self._real.stat(follow_symlinks=follow_symlinks)
        return status
