"""Bugs that ingest does not have, to show that the harness finds them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final

from hot_folder import Journal, VaultKeeper, copying, durable, gate, schema


def copies_are_not_synced() -> None:
    durable.sync = lambda descriptor: None


def names_are_not_synced() -> None:
    durable.sync_folder = lambda folder: None


def copies_are_named_before_they_are_synced() -> None:
    name, sync = durable.rename_without_replacing, durable.sync

    def name_then_sync(temp: bytes, final: bytes) -> None:
        name(temp, final)
        with open(final, "rb") as file:
            sync(file.fileno())

    careless = SimpleNamespace(**vars(durable))  # the lists are not what this is about
    careless.sync, careless.rename_without_replacing = lambda descriptor: None, name_then_sync
    copying.durable = careless  # type: ignore[assignment]


def copies_have_their_name_while_they_are_written() -> None:
    copying.part_of = lambda target, owner=b"": target
    durable.rename_without_replacing = lambda temp, final: None


def names_are_replaced() -> None:
    durable.rename_without_replacing = lambda temp, final: os.replace(temp, final)


def errors_of_folders_are_ignored() -> None:
    sync_folder = durable.sync_folder

    def ignoring(folder: bytes) -> None:
        with contextlib.suppress(OSError):
            sync_folder(folder)

    durable.sync_folder = ignoring


def a_copy_that_failed_counts() -> None:
    settled = VaultKeeper._settle

    def counting(self: VaultKeeper, table: Any, key: Any, one: Any) -> bool:
        try:
            return settled(self, table, key, one)
        except OSError:
            del table[key]
            return True

    VaultKeeper._settle = counting  # type: ignore[method-assign]


def the_journal_is_not_synced() -> None:
    prepare = schema.prepare

    def carelessly(connection: sqlite3.Connection) -> None:
        prepare(connection)
        connection.execute("PRAGMA synchronous = OFF")

    _in_journal("prepare", carelessly)


def a_file_and_its_event_are_two_transactions() -> None:
    @contextlib.contextmanager
    def none_at_all(self: Journal) -> Iterator[Journal]:
        yield self

    Journal.transaction = none_at_all  # type: ignore[method-assign,assignment]


def originals_are_touched() -> None:
    take_in = gate.Gate._take_in

    def touching(self: gate.Gate, file: Any, path: bytes, waiting: Any) -> Any:
        status = os.fstat(file.fileno())
        os.utime(os.path.join(self._session, path), ns=(status.st_atime_ns, status.st_mtime_ns))
        return take_in(self, file, path, waiting)

    gate.Gate._take_in = touching  # type: ignore[method-assign]


def _in_journal(name: str, replacement: Any) -> None:
    import hot_folder.journal

    setattr(hot_folder.journal, name, replacement)


BUGS: Final[dict[str, Callable[[], None]]] = {
    bug.__name__: bug
    for bug in (
        copies_are_not_synced,
        names_are_not_synced,
        copies_are_named_before_they_are_synced,
        copies_have_their_name_while_they_are_written,
        names_are_replaced,
        errors_of_folders_are_ignored,
        a_copy_that_failed_counts,
        the_journal_is_not_synced,
        a_file_and_its_event_are_two_transactions,
        originals_are_touched,
    )
}
