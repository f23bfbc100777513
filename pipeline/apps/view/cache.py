"""Encoded pictures in memory, the ones used last, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

CACHE_BYTES = 64 << 20
_AT_ONCE = 4
"""So many pictures are made at a time: each holds an image and its masks in memory."""


class PictureCache:
    """Keeps what was made last; safe for threads. The same picture may be made twice at once, never half."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._pictures: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Semaphore(_AT_ONCE)

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The picture of that key, made where it is not there."""
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        with self._making:
            picture = make()
        with self._lock:
            self._size += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._size > self._limit:
                self._size -= len(self._pictures.popitem(last=False)[1])
        return picture
