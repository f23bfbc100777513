"""What was made last, kept within a number of bytes: a training decodes no image twice that fits."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The values that were asked for last, as many as fit.

    Args:
        size_of: Bytes of a value.
        limit_bytes: Most bytes that are kept.
    """

    def __init__(self, size_of: Callable[[T], int], limit_bytes: int = 2**28) -> None:
        self._size_of = size_of
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._values: OrderedDict[int, T] = OrderedDict()
        self._lock = Lock()

    def get(self, index: int, make: Callable[[int], T]) -> T:
        """The value of an index, made where it is not kept; the caller leaves it as it is."""
        with self._lock:
            if index in self._values:
                self._values.move_to_end(index)
                return self._values[index]
        value = make(index)
        self._keep(index, value)
        return value

    def _keep(self, index: int, value: T) -> None:
        size = self._size_of(value)
        with self._lock:
            if index in self._values or size > self._limit_bytes:
                return
            self._values[index] = value
            self._bytes += size
            while self._bytes > self._limit_bytes:
                self._bytes -= self._size_of(self._values.popitem(last=False)[1])

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process gets of it: an empty one."""
        return type(self), (self._size_of, self._limit_bytes)
