"""Work done ahead in threads."""

import threading
from collections.abc import Iterator

import pytest

from maskdistill.stages.ahead import work_ahead


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_order_stays(n_threads: int) -> None:
    assert list(work_ahead(lambda n: n * n, range(20), n_threads)) == [n * n for n in range(20)]


def test_no_items() -> None:
    none: list[int] = []
    assert list(work_ahead(lambda n: n, none, 2)) == []


def test_no_more_is_asked_for_than_threads_can_work_on() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    found = work_ahead(lambda n: n, items(), 2)
    assert next(found) == 0
    assert len(asked) == 3


def test_it_works_while_what_came_of_it_is_used() -> None:
    """The second item is worked on although nobody has asked for it yet."""
    second = threading.Event()

    def work(n: int) -> int:
        if n:
            second.set()
        return n

    found = work_ahead(work, [0, 1], 1)
    next(found)
    assert second.wait(10)


def test_an_error_comes_in_its_turn() -> None:
    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    found = work_ahead(work, range(9), 4)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)


def test_one_may_stop_early() -> None:
    found = work_ahead(lambda n: n, range(1000), 2)
    next(found)
    found.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
