"""Arrays in files, one thread at a time: numpy reads a header by Python's parser.

CPython 3.11 counts that parser's depth once for all threads, and now and then stops one of two that parse at
the same time with a SystemError (python/cpython#106905).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_PARSING = threading.Lock()


def load(path: Path, mapped: bool = False) -> Any:
    """The array of a ``.npy`` file, or a read-only memory map of it. Raises what ``numpy.load`` does."""
    with _PARSING:
        return np.load(path, mmap_mode="r" if mapped else None)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The arrays of a ``.npz`` file by name; other threads wait until it is closed."""
    with _PARSING, np.load(path) as arrays:
        yield arrays
