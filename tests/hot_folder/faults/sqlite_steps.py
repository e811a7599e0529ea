"""The same for what SQLite does to its files: its writes, truncations, syncs, deletions and reads are steps.

A VFS is registered as the default of the very library that Python's sqlite3 uses. It opens files by the one
that was the default, and then puts its own functions into their method tables (https://sqlite.org/vfs.html).
Locks and the shared memory of the write-ahead log are left alone: neither outlives a crash.
"""

from __future__ import annotations

import ctypes
import os
import traceback
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from tests.hot_folder.faults import steps
from tests.hot_folder.faults.steps import Kind, Tear

OK: Final = 0
CODES: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "sqlite.open": (("SQLITE_CANTOPEN", 14),),
    "sqlite.read": (("SQLITE_IOERR_READ", 266),),
    "sqlite.write": (("SQLITE_FULL", 13), ("SQLITE_IOERR_WRITE", 778)),
    "sqlite.truncate": (("SQLITE_IOERR_TRUNCATE", 1546),),
    "sqlite.sync": (("SQLITE_IOERR_FSYNC", 1034),),
    "sqlite.delete": (("SQLITE_IOERR_DELETE", 2570),),
}
_CREATE: Final = 0x4
_LOGS: Final = 0x800 | 0x4000 | 0x80000  # main journal, super-journal, write-ahead log

OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
CLOSE = CFUNCTYPE(c_int, c_void_p)
READ = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", OPEN),
        ("xDelete", DELETE),
        ("others", c_void_p * 14),
    ]


class _Methods(Structure):
    _fields_ = [
        ("iVersion", c_int),
        ("xClose", CLOSE),
        ("xRead", READ),
        ("xWrite", READ),
        ("xTruncate", TRUNCATE),
        ("xSync", SYNC),
        ("others", c_void_p * 13),
    ]


class SqliteFails(Exception):
    """Raised by a plan: the step fails with this code."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass
class _Open:
    path: bytes
    methods: _Methods
    syncs_its_folder: bool


class _Steps:
    """Keeps alive what the library points to."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._real = library.sqlite3_vfs_find(None)
        self._files: dict[int, _Open] = {}
        self._tables: dict[int, _Methods] = {}
        self._vfs = _Vfs.from_buffer_copy(self._real.contents)
        self._vfs.zName = b"steps"
        self._vfs.xOpen, self._vfs.xDelete = OPEN(self._open), DELETE(self._delete)
        self._callbacks = {
            "xClose": CLOSE(self._close),
            "xRead": READ(self._read),
            "xWrite": READ(self._write),
            "xTruncate": TRUNCATE(self._truncate),
            "xSync": SYNC(self._sync),
        }
        if library.sqlite3_vfs_register(byref(self._vfs), 1) != OK:
            raise RuntimeError("SQLite does not take another VFS")

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        path = ctypes.string_at(name) if name else b""
        if failed := _step("open", path, Kind.NAME if flags & _CREATE else Kind.LOOK):
            c_void_p.from_address(file).value = None
            return failed
        code: int = self._real.contents.xOpen(
            ctypes.addressof(self._real.contents), name, file, flags, out_flags
        )
        table = c_void_p.from_address(file)
        if code == OK and table.value and path:
            real = _Methods.from_address(table.value)
            self._files[file] = _Open(path, real, bool(flags & _CREATE and flags & _LOGS))
            table.value = ctypes.addressof(self._table_for(table.value, real))
            _tell(path, lambda disk, path: disk.opened(path))
        return code

    def _table_for(self, address: int, real: _Methods) -> _Methods:
        if address not in self._tables:
            table = self._tables[address] = _Methods.from_buffer_copy(real)
            for name, callback in self._callbacks.items():
                setattr(table, name, callback)
        return self._tables[address]

    def _close(self, file: int) -> int:
        code: int = self._files.pop(file).methods.xClose(file)
        return code

    def _delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        if failed := _step("delete", name, Kind.NAME):
            return failed
        with steps.watching(None):
            was_there = os.path.lexists(name)
        code: int = self._real.contents.xDelete(ctypes.addressof(self._real.contents), name, 0)
        if code == OK and was_there:
            _tell(name, lambda disk, path: disk.unlinked(path))
        if code == OK and sync_folder & 1:
            _tell(name, lambda disk, path: disk.synced(os.path.dirname(path)))
        return code

    def _read(self, file: int, buffer: int, length: int, offset: int) -> int:
        one = self._files[file]
        code: int = _step("read", one.path, Kind.READ) or one.methods.xRead(file, buffer, length, offset)
        return code

    def _write(self, file: int, data: int, length: int, offset: int) -> int:
        one = self._files[file]
        tear = lambda: one.methods.xWrite(file, data, length // 2, offset)  # noqa: E731
        code: int = _step("write", one.path, Kind.WRITE, tear) or one.methods.xWrite(
            file, data, length, offset
        )
        return code

    def _truncate(self, file: int, size: int) -> int:
        one = self._files[file]
        code: int = _step("truncate", one.path, Kind.WRITE) or one.methods.xTruncate(file, size)
        return code

    def _sync(self, file: int, flags: int) -> int:
        """Only written down, as every other sync here."""
        one = self._files[file]
        failed = _step("sync", one.path, Kind.SYNC)
        if not failed:
            _tell(one.path, lambda disk, path: disk.synced(path))
            if one.syncs_its_folder:
                one.syncs_its_folder = False
                _tell(one.path, lambda disk, path: disk.synced(os.path.dirname(path)))
        return failed


def _step(call: str, path: bytes, kind: Kind, tear: Tear | None = None) -> int:
    """The code that the step shall fail with, 0 when it shall be done."""
    covered = steps.current.covers(path) if steps.current else None
    if steps.current and covered is not None:
        try:
            steps.current.step(f"sqlite.{call}", covered, kind, tear)
        except SqliteFails as failure:
            return failure.code
        except BaseException:
            _give_up()
    return OK


def _tell(path: bytes, tell: Callable[[Any, bytes], None]) -> None:
    watch = steps.current
    covered = watch.covers(path) if watch else None
    if watch and covered is not None:
        try:
            watch.note(tell, watch.disk, covered)
        except BaseException:
            _give_up()


def _give_up() -> NoReturn:
    """A fault of the harness: ctypes would ignore it."""
    traceback.print_exc()
    os.abort()


_installed: _Steps | None = None


def install() -> str | None:
    """Once, before the first connection. Says why it cannot be done, None when it was."""
    global _installed
    import _sqlite3

    where = getattr(_sqlite3, "__file__", None)
    try:
        library = ctypes.CDLL(where)  # with None: the program itself, where Python was built in one piece
        _installed = _Steps(library)
    except (OSError, AttributeError) as error:
        return f"the SQLite that Python uses cannot be reached ({error})"
    return None
