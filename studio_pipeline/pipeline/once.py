"""What several threads ask for at once and is costly: made by the first, waited for by the others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = tuple[str, ...]
_Value = TypeVar("_Value")


class Once(Generic[_Value]):
    """Values by key; only the ``kept`` last asked for stay."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._futures: OrderedDict[Key, Future[_Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], _Value]) -> _Value:
        """The value of ``key``, made where it is not there. What ``make`` raises, all who wait get."""
        with self._lock:
            waiting = self._futures.get(key)
            future = self._futures.setdefault(key, Future())
            self._futures.move_to_end(key)
            while len(self._futures) > self._kept:
                self._futures.popitem(last=False)
        if waiting is None:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._futures.pop(key, None)
                future.set_exception(error)
        return future.result()
