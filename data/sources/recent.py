"""What was made last, kept within a number of bytes: a training decodes no image twice that fits."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Recent(Generic[K, T]):
    """The values that were asked for last, as many as fit.

    Args:
        size_of: Bytes of a value.
        limit_bytes: Most bytes that are kept.
    """

    def __init__(self, size_of: Callable[[T], int], limit_bytes: int = 2**28) -> None:
        self._size_of = size_of
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._values: OrderedDict[K, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[K], T]) -> T:
        """The value of a key, made where it is not kept; the caller leaves it as it is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make(key)
        self._keep(key, value)
        return value

    def _keep(self, key: K, value: T) -> None:
        size = self._size_of(value)
        with self._lock:
            if key in self._values or size > self._limit_bytes:
                return
            self._values[key] = value
            self._bytes += size
            while self._bytes > self._limit_bytes:
                self._bytes -= self._size_of(self._values.popitem(last=False)[1])

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process gets of it: an empty one."""
        return type(self), (self._size_of, self._limit_bytes)
