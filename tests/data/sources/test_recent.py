"""Values that were made last are kept, within a number of bytes."""

import pickle

import pytest

from maskdistill.data.sources.recent import Recent


class Counting:
    """Makes values of ten bytes, and counts how often each is made."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def __call__(self, index: int) -> bytes:
        self.made.append(index)
        return bytes([index]) * 10


@pytest.fixture
def make() -> Counting:
    return Counting()


def test_what_is_kept_is_not_made_again(make: Counting) -> None:
    recent: Recent[int, bytes] = Recent(len, limit_bytes=20)
    assert [recent.get(index, make) for index in (1, 2, 1, 2)] == [bytes([index]) * 10 for index in (1, 2, 1, 2)]
    assert make.made == [1, 2]


def test_what_was_asked_for_longest_ago_makes_room(make: Counting) -> None:
    recent: Recent[int, bytes] = Recent(len, limit_bytes=20)
    for index in (1, 2, 1, 3, 1, 2):
        recent.get(index, make)
    assert make.made == [1, 2, 3, 2]


def test_what_does_not_fit_displaces_nothing(make: Counting) -> None:
    recent: Recent[int, bytes] = Recent(len, limit_bytes=19)
    recent.get(1, make)
    recent.get(2, lambda index: bytes(20))
    recent.get(1, make)
    assert make.made == [1]


def test_another_process_gets_an_empty_one(make: Counting) -> None:
    recent: Recent[int, bytes] = Recent(len, limit_bytes=10)
    recent.get(1, make)
    copy: Recent[int, bytes] = pickle.loads(pickle.dumps(recent))
    copy.get(1, make)
    copy.get(1, make)
    assert make.made == [1, 1]
    assert len(pickle.dumps(recent)) < 200


def test_an_error_is_not_kept() -> None:
    recent: Recent[int, bytes] = Recent(len)

    def fail(index: int) -> bytes:
        raise ValueError(index)

    with pytest.raises(ValueError, match="3"):
        recent.get(3, fail)
    assert recent.get(3, bytes) == bytes(3)
