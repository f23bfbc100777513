"""Work that is done ahead, in threads, while what came of it is used; the order stays.

It pays where the work leaves Python to others, as decoding and resizing of images does.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def work_ahead(work: Callable[[T], R], items: Iterable[T], n_threads: int | None = None) -> Generator[R, None, None]:
    """What `work` makes of each item, in order.

    Args:
        work: May run in any thread, in several at once.
        items: Asked for in the thread of the caller, as many ahead as there are threads, and one more.
        n_threads: How many; None = as many as torch has, which are no more than the cores that this process may use.

    Raises:
        Whatever `work` raises, when it is that item's turn.
    """
    n_threads = n_threads or torch.get_num_threads()
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="ahead") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
