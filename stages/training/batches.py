"""Batches of a training's samples, by process, with the ids of their images."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from maskdistill.stages.training.distributed import n_processes, rank
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import Sample, SampleStream

Batch = tuple[list[str], Any]
"""Ids of the images, and what the samples were collated to, its tensors on the device of the training."""


@dataclass(frozen=True)
class Collate:
    """Puts the ids of a batch beside its collated contents; a class, so that worker processes can receive it."""

    contents: Callable[[list[Any]], Any]

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Image ids and batch of these samples."""
        return [image_id for image_id, _ in samples], self.contents([content for _, content in samples])


def read_batches(
    samples: SampleStream,
    collate: Callable[[list[Any]], Any],
    recipe: Recipe,
    done: int,
    workers: int,
    device: torch.device,
) -> Iterator[Batch]:
    """This process's fraction of each batch that is left after `done` steps: every n-th sample of n processes."""
    share = n_processes()
    loader = DataLoader(
        samples,
        batch_size=recipe.batch_size // share,
        sampler=range(done * recipe.batch_size + rank(), recipe.iterations * recipe.batch_size, share),
        num_workers=workers,
        collate_fn=Collate(collate),
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),
    )
    for ids, batch in loader:
        yield ids, to_device(batch, device)


class Waited(Iterator[Batch]):
    """Batches, and how long one waited for them; without worker processes, that is how long it took to make them."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._began, self._seconds = time.perf_counter(), 0.0

    def __next__(self) -> Batch:
        asked = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self._seconds += time.perf_counter() - asked

    @property
    def share(self) -> float:
        """The fraction, 0-1, of the time since the beginning that went by waiting."""
        return self._seconds / max(1e-9, time.perf_counter() - self._began)


def to_device(batch: Any, device: torch.device) -> Any:
    """Move all tensors in nested lists, tuples and dicts."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
