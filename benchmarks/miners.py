"""What finding the objects costs beside looking for them: each mining method with a ViT, on the same images.

python benchmarks/miners.py -c demo
python benchmarks/miners.py -c images -s data.root=DIR -s mine.model=vit_tiny_patch16_224 -s mine.weights=FILE

Images are resized to 40 x 40 patches. Seconds are CPU time on one thread, the median over some images, of the rule of
each method alone, and as a ratio to the ViT's forward pass. The last two rows are the eigenvector that `tokencut`
needs, as it finds it, and by decomposing the whole matrix.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from configured import add_configuration, configuration
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.linalg import eigh

from maskdistill.data.sources.open import open_source
from maskdistill.pipeline.config import Config
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine.methods.normalised_cut import EPSILON, second_eigenvector, similar_patches
from maskdistill.stages.mine.methods.vit_miner import VitMiner, patch_features
from maskdistill.stages.networks.resize import resize
from maskdistill.stages.networks.vit_inputs import Prepared, to_tensor
from maskdistill.stages.registry import MINING
from maskdistill.stages.training.device import resolve_device

T = TypeVar("T")
GRID_HW = (40, 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--images", type=int, default=5)
    arguments = parser.parse_args()
    config = configuration(arguments)
    torch.set_num_threads(1)
    resolve_device(ExecutionConfig(device="cpu"))
    miners = load_miners(config)
    some = next(iter(miners.values()))
    images = [prepare(config, some, index) for index in range(arguments.images)]
    forward = median(lambda image: some.vit.tokens(to_tensor([image], some.vit, some.device)), images)
    table = Table("", "seconds", ": forward pass", title=describe(some))
    table.add_row("forward pass of the ViT", f"{forward:.3f}", "1")
    for name, seconds in {**measure(miners, images), **by_scipy(miners["tokencut"], images)}.items():
        table.add_row(name, f"{seconds:.3f}", f"{seconds / forward:.3f}")
    Console().print(table)


def load_miners(config: Config) -> dict[str, VitMiner]:
    inputs = StageInputs(open_source(config.data), {}, execution=ExecutionConfig(device="cpu"))
    chosen = {name: config.mine.model_copy(update={"method": name}) for name in MINING.methods}
    chosen = {name: mine for name, mine in chosen.items() if mine.own.looks_with_vit}
    return {name: MINING.methods[name].load()(mine, inputs, None) for name, mine in chosen.items()}


def describe(miner: VitMiner) -> str:
    vit = miner.vit
    patches = f"{GRID_HW[0]} x {GRID_HW[1]} patches of {vit.patch_size} px"
    return f"{patches}, a ViT of {vit.n_blocks} blocks, {vit.dim} channels"


def prepare(config: Config, miner: VitMiner, index: int) -> Prepared:
    height, width = (side * miner.vit.patch_size for side in GRID_HW)
    return Prepared(index, resize(miner.inputs.source.read(index), (height, width)))


def measure(miners: dict[str, VitMiner], images: list[Prepared]) -> dict[str, float]:
    """Seconds of the rule of each method."""
    found = {}
    for name, miner in miners.items():
        seen = [{part: of[0] for part, of in miner.look([image]).items()} for image in images]
        found[name] = median(functools.partial(miner.find, grid_hw=GRID_HW), seen)
    return found


def by_scipy(miner: VitMiner, images: list[Prepared]) -> dict[str, float]:
    similar = [similar_patches(patch_features(miner.look([image])["keys"][0]), 0.2) for image in images]
    return {
        "of tokencut, the eigenvector": median(second_eigenvector, similar),
        "the same by scipy.linalg.eigh": median(decompose, similar[:1]),
    }


def decompose(similar: NDArray[np.float32]) -> None:
    """All generalised eigenvectors."""
    weights = np.where(similar > 0, 1, EPSILON)
    degrees = np.diag(weights.sum(axis=1))
    eigh(degrees - weights, degrees)


def median(work: Callable[[T], object], items: list[T]) -> float:
    """Seconds of CPU time that work on one of the items takes, after one of them has warmed up."""
    seconds = []
    with torch.inference_mode():
        work(items[0])
        for item in items:
            start = time.process_time()
            work(item)
            seconds.append(time.process_time() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
