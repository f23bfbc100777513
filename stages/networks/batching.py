"""Batches of equal shape: an image's prediction must not depend on which images share its batch."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batch_by_shape(items: Iterable[T], shape: Callable[[T], Hashable], batch_size: int) -> Iterator[list[T]]:
    """Group items of the same shape into batches of at most `batch_size`, each as soon as it is full.

    Padding images to a common size would change the result near their borders, so images of different (padded)
    sizes are never mixed. The order between batches is not that of the items.
    """
    waiting: dict[Hashable, list[T]] = {}
    for item in items:
        batch = waiting.setdefault(shape(item), [])
        batch.append(item)
        if len(batch) == batch_size:
            yield waiting.pop(shape(item))
    yield from waiting.values()
