"""A lease: an object in a store that says who is making an artifact, renewed for as long as that lasts.

Nobody compares clocks of two machines: a lease has expired where its content has not changed for some time, as the one
who waits measures it. Two that hold a lease at the same time do the same work twice and damage nothing.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.remote.bucket import Bucket

LEASE_SECONDS = 60.0
_RENEWALS = 4
"""How often a lease is renewed before it would expire."""


class Lease:
    """The right to make one artifact.

    Args:
        bucket: Where the object lies.
        name: Of the object.
        seconds: After which a lease that is not renewed has expired.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        bucket: Bucket,
        name: str,
        seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket, self._name, self._seconds, self._clock = bucket, name, seconds, clock
        self._owner = uuid.uuid4().hex
        self._seen, self._since = b"", clock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def holder(self) -> str:
        """Who held it when it was last asked for."""
        held = _content(self._seen)
        return f"process {held['pid']} on {held['host']}" if held.keys() >= {"pid", "host"} else "another machine"

    def take(self) -> bool:
        """Take the lease where nobody has it, or it has expired; gives whether it was taken. Does not wait."""
        if not self._made():
            return False
        self._ended.clear()
        self._thread = threading.Thread(target=self._renew, name="maskdistill-lease", daemon=True)
        self._thread.start()
        return True

    def close(self) -> None:
        """Give it back, where it is still held."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        with suppress(MaskDistillError):  # it then expires
            found = self._bucket.read(self._name)
            if found is not None and self._is_mine(found):
                self._bucket.delete(self._name)

    def _made(self) -> bool:
        if self._bucket.create(self._name, self._signed()):
            return True
        found = self._bucket.read(self._name)
        if found is None or self._is_mine(found):  # given back meanwhile; or the answer to the creation was lost
            return found is not None
        if not self._has_expired(found):
            return False
        # Of several that see it expire, some delete what they saw, and the creation decides.
        if self._bucket.read(self._name) == found:
            self._bucket.delete(self._name)
        return self._bucket.create(self._name, self._signed())

    def _has_expired(self, found: bytes) -> bool:
        if found != self._seen:
            self._seen, self._since = found, self._clock()
        return self._clock() - self._since > self._seconds or _is_dead(_content(found))

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / _RENEWALS):
            with suppress(MaskDistillError):  # the next renewal may succeed
                found = self._bucket.read(self._name)
                if found is not None and not self._is_mine(found):
                    return  # it had expired, and another has it
                self._bucket.write(self._name, self._signed())

    def _is_mine(self, found: bytes) -> bool:
        return bool(_content(found).get("owner") == self._owner)

    def _signed(self) -> bytes:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        who = {"owner": self._owner, "host": socket.gethostname(), "pid": os.getpid(), "time": now}
        return json.dumps(who).encode()


def _content(lease: bytes) -> dict[str, Any]:
    """What a lease says; {} where it cannot be read."""
    with suppress(ValueError):
        content = json.loads(lease)
        if isinstance(content, dict):
            return content
    return {}


def _is_dead(held: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that is gone, as after Ctrl-C."""
    pid = held.get("pid")
    if held.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it is that of another user; or no number of a process
        return False
    return False
