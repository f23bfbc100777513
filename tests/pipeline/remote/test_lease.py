"""Leases: one holder at a time, for as long as it lives."""

import json
import socket
import subprocess
import sys
import time
import uuid

import pytest

from maskdistill.pipeline.remote.bucket import Bucket
from maskdistill.pipeline.remote.lease import Lease

NAME = "mine/key.lease"


@pytest.fixture
def bucket() -> Bucket:
    return Bucket.open(f"memory://{uuid.uuid4().hex}")


def signed(host: str, pid: int) -> bytes:
    """The lease of another process."""
    return json.dumps({"owner": "x", "host": host, "pid": pid, "time": "2026-01-01T00:00:00+00:00"}).encode()


def test_one_holds_it_until_it_is_given_back(bucket: Bucket) -> None:
    first, second = Lease(bucket, NAME), Lease(bucket, NAME)
    assert first.take()
    assert not second.take()
    assert second.holder.endswith(f"on {socket.gethostname()}")
    first.close()
    assert bucket.read(NAME) is None
    assert second.take()
    second.close()


def test_it_is_renewed_for_as_long_as_it_is_held(bucket: Bucket) -> None:
    first, second = Lease(bucket, NAME, seconds=0.4), Lease(bucket, NAME, seconds=0.4)
    assert first.take()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        assert not second.take()
        time.sleep(0.05)
    first.close()
    assert second.take()
    second.close()


@pytest.mark.parametrize("held", [signed("elsewhere", 1), b"no JSON", b"[]"])
def test_one_that_is_not_renewed_expires_by_the_clock_of_who_waits(bucket: Bucket, held: bytes) -> None:
    now = [1000.0]
    bucket.write(NAME, held)
    lease = Lease(bucket, NAME, seconds=60, clock=lambda: now[0])
    assert not lease.take()
    assert lease.holder == ("process 1 on elsewhere" if b"elsewhere" in held else "another machine")
    now[0] += 59
    assert not lease.take()
    now[0] += 2
    assert lease.take()
    lease.close()


def test_a_renewal_begins_the_time_anew(bucket: Bucket) -> None:
    now = [0.0]
    lease = Lease(bucket, NAME, seconds=60, clock=lambda: now[0])
    for pid in range(1, 5):
        bucket.write(NAME, signed("elsewhere", pid))
        assert not lease.take()
        now[0] += 50


def test_that_of_a_process_of_this_machine_that_is_gone_is_taken_at_once(bucket: Bucket) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    bucket.write(NAME, signed(socket.gethostname(), gone.pid))
    lease = Lease(bucket, NAME)
    assert lease.take()
    lease.close()


def test_what_another_has_taken_over_is_left_to_it(bucket: Bucket) -> None:
    lease = Lease(bucket, NAME, seconds=0.2)
    assert lease.take()
    bucket.write(NAME, signed("elsewhere", 1))
    time.sleep(0.2)
    lease.close()
    assert bucket.read(NAME) == signed("elsewhere", 1)
