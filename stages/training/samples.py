"""Training samples as a pure function of (seed, sample number): what makes a resumed training exact.

Sample n = iteration * batch_size + slot. Its place in the order and the random numbers of its augmentation follow
from the seed and n alone, so neither the number of workers nor an interruption changes them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

Sample = tuple[str, Any]
"""An image id and what the model learns from that image."""

_ORDER, _SAMPLE, _STEP = range(3)


def derive_seed(seed: int, *path: int) -> int:
    """A 64-bit seed that depends on every number given. Negative numbers raise ValueError."""
    return int(np.random.SeedSequence((seed, *path)).generate_state(1, np.uint64)[0])


def round_seed(seed: int, number: int) -> int:
    """Base of the random numbers of one of several trainings in a row, counted from 1: the first takes `seed` as it is.

    So each round shuffles, augments and starts differently, and a single training is the first round of many.
    """
    return seed if number == 1 else derive_seed(seed, number)


def seed_step(seed: int, iteration: int, rank: int = 0) -> None:
    """Seed what the model itself draws in one training step (sampled boxes, dropout), in the process `rank`."""
    torch.manual_seed(derive_seed(seed, _STEP, iteration, rank))


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, n_items: int) -> NDArray[np.int64]:
    """The order, int64 (n_items,), in which one epoch visits the items."""
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(n_items)


class SampleStream(Dataset[Sample]):
    """An endless, shuffled sequence of augmented samples, read by number.

    Args:
        n_items: How many different items there are; at least 1.
        load: Gives the sample of one item; may draw from torch's CPU generator, and from nothing else.
        seed: Base of order and augmentation.
        draws: Whether `load` draws at all; seeding takes longer than reading a small image from memory.
    """

    def __init__(self, n_items: int, load: Callable[[int], Sample], seed: int, *, draws: bool = True) -> None:
        self.n_items = n_items
        self.load = load
        self.seed = seed
        self.draws = draws

    def __getitem__(self, number: int) -> Sample:
        epoch, place = divmod(number, self.n_items)
        item = int(epoch_order(self.seed, epoch, self.n_items)[place])
        if not self.draws:
            return self.load(item)
        # Only the CPU generator: a forked worker must not touch CUDA.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(self.seed, _SAMPLE, number))
            return self.load(item)
