"""What every container check shares: the verdict, and reads that notice the end of the file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO


class Wholeness(StrEnum):
    WHOLE = "whole"
    SHORT = "short"
    UNKNOWN = "unknown"
    RESERVED = "reserved"
    """Not short, but its data ends in zeros, as in a file that got its full size first and is yet filled."""
    NOT_AS_NAMED = "not what its name says"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` completes "this file waits because ...", without the file's name."""

    wholeness: Wholeness
    why: str = ""


WHOLE = Verdict(Wholeness.WHOLE)


def short(why: str) -> Verdict:
    return Verdict(Wholeness.SHORT, why)


def unknown(why: str) -> Verdict:
    return Verdict(Wholeness.UNKNOWN, why)


class PastEnd(Exception):
    """A byte that the container needs lies past the end of the file. Never leaves this package."""

    def __init__(self, needed_bytes: int, size: int) -> None:
        super().__init__(needed_bytes, size)
        self.verdict = short(f"it is cut short ({size:,} of at least {needed_bytes:,} bytes)")


class Source:
    """A seekable file with a known size, read by offset."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.named_bytes = 0
        """How far into the file anything was asked for."""

    def at(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes; raises PastEnd when the file ends before them."""
        self.need(offset, count)
        self._file.seek(offset)
        data = self._file.read(count)
        if len(data) < count:  # it shrank while we looked
            raise PastEnd(offset + count, offset + len(data))
        return data

    def need(self, offset: int, count: int) -> None:
        if offset + count > self.size:
            raise PastEnd(offset + count, self.size)
        self.named_bytes = max(self.named_bytes, offset + count)
