"""The DenseCRF: how long it takes, how near it comes to the exact kernel, and what it makes of coarse ground truth.

python benchmarks/crf.py VOC_ROOT                   validation images of a data set in VOC layout
python benchmarks/crf.py VOC_ROOT --every 3         every third of them
python benchmarks/crf.py VOC_ROOT --only speed      one photo of 375 x 500 px with 21 classes
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import ndimage

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.config import VocConfig
from maskdistill.data.sources.voc import VocSource
from maskdistill.stages.crf.config import CrfConfig
from maskdistill.stages.crf.dense_crf import refine
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.scores import iou_per_class, miou

PARTS = ("speed", "accuracy", "coarse")
SPEED_HW, ACCURACY_HW = (375, 500), (60, 80)
LEAST_PROBABILITY = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder with JPEGImages, ImageSets and label PNGs")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1, help="use every n-th image of the split")
    parser.add_argument("--only", choices=PARTS)
    arguments = parser.parse_args()
    source = VocSource(VocConfig(kind="voc", root=arguments.root, train_split=arguments.split, val_split=None))
    chosen = range(0, source.n_train, arguments.every)
    console = Console()
    for part, show in zip(PARTS, (show_speed, show_accuracy, show_coarse), strict=True):
        if arguments.only in (None, part):
            show(console, source, chosen)


def show_speed(console: Console, source: VocSource, chosen: range) -> None:
    seconds = []
    for i in chosen[:9]:
        image, truth = resized(source, i, SPEED_HW)
        logits = coarse_logits(truth, len(source.class_names or ()), "gaussian", 8)
        start = time.perf_counter()
        refine(logits, image, CrfConfig())
        seconds.append(time.perf_counter() - start)
    console.print(
        f"{SPEED_HW[0]} x {SPEED_HW[1]} px, {len(logits)} classes, {torch.get_num_threads()} threads: median "
        f"{np.median(seconds):.2f} s, slowest of {len(seconds)} photos {max(seconds):.2f} s"
    )


def show_accuracy(console: Console, source: VocSource, chosen: range) -> None:
    """Small copies of photos, with a kernel that is as wide in relation to them: all pairs of pixels fit in memory."""
    table = Table(
        "cell", "reach", "mean error of the probabilities", "other labels", title="against all pairs of pixels"
    )
    usual = CrfConfig(bilateral_sxy=67 * ACCURACY_HW[1] / SPEED_HW[1])
    exact = usual.model_copy(update={"cell": 1e-3, "reach": 8.0})
    cases = [resized(source, i, ACCURACY_HW) for i in chosen[:5]]
    expected = [
        refine(coarse_logits(truth, len(source.class_names or ()), "gaussian", 2), image, exact)
        for image, truth in cases
    ]
    for cell in (0.5, 1.0, 1.5, 2.0):
        config = usual.model_copy(update={"cell": cell})
        found = [
            refine(coarse_logits(truth, len(source.class_names or ()), "gaussian", 2), image, config)
            for image, truth in cases
        ]
        pairs = list(zip(found, expected, strict=True))
        error = np.mean([(a - b).abs().sum(dim=0).mean() / 2 for a, b in pairs])
        other = np.mean([(a.argmax(dim=0) != b.argmax(dim=0)).float().mean() for a, b in pairs])
        table.add_row(f"{cell:g}", f"{config.reach:g}", f"{error:.5f}", f"{other:.3%}")
    console.print(table)


def show_coarse(console: Console, source: VocSource, chosen: range) -> None:
    """Averaged over blocks, as patches see it, straight edges are lost; a Gaussian blur loses thin parts only."""
    names = source.class_names or ()
    pairs = {
        (blur, px): [ConfusionMatrix(len(names), len(names)) for _ in range(2)] for blur in BLURS for px in (8, 16, 32)
    }
    for i in track(chosen, description="coarse ground truth"):
        image, truth = source.read(i), source.read_labels(i)
        if truth is None:
            continue
        classes = np.unique(np.where(truth == IGNORE, 0, truth))
        for (blur, px), (before, after) in pairs.items():
            logits = coarse_logits(truth, len(names), blur, px)[classes.tolist()]
            before.update(truth, classes[logits.argmax(dim=0).numpy()])
            after.update(truth, classes[refine(logits, image, CrfConfig()).argmax(dim=0).numpy()])
    table = Table("blur", "px", "mIoU", "mIoU after the CRF", title=f"ground truth of {len(chosen)} photos")
    for (blur, px), counted in pairs.items():
        table.add_row(blur, str(px), *(f"{score:.4f}" for score in scores(counted, len(names))))
    console.print(table)


def scores(counted: list[ConfusionMatrix], n_classes: int) -> Iterator[float]:
    for confusion in counted:
        yield miou(iou_per_class(confusion.matrix, np.arange(n_classes)))


def resized(source: VocSource, index: int, size_hw: tuple[int, int]) -> tuple[UInt8Array, UInt8Array]:
    truth = source.read_labels(index)
    assert truth is not None
    size = (size_hw[1], size_hw[0])
    labels = Image.fromarray(truth).resize(size, Image.Resampling.NEAREST)
    return np.asarray(Image.fromarray(source.read(index)).resize(size)), np.asarray(labels)


def block_means(mask: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    """Mean over blocks of side x side px, at the size of the mask."""
    rows, columns = (np.indices(mask.shape) // side).astype(int)
    blocks = rows * (columns.max() + 1) + columns
    means: NDArray[np.float32] = np.asarray(ndimage.mean(mask, blocks, np.arange(blocks.max() + 1)), dtype=np.float32)
    spread: NDArray[np.float32] = means[blocks]
    return spread


BLURS: dict[str, Callable[[NDArray[np.float32], float], NDArray[np.float32]]] = {
    "blocks": block_means,
    "gaussian": ndimage.gaussian_filter,
}


def coarse_logits(truth: UInt8Array, n_classes: int, blur: str, px: float) -> torch.Tensor:
    """Logarithm of the blurred one-hot map, float32 (n_classes, H, W); `px` is the side or the deviation."""
    known = np.where(truth == IGNORE, 0, truth)
    shares = np.full((n_classes, *truth.shape), LEAST_PROBABILITY, dtype=np.float32)
    for c in np.unique(known):
        shares[c] = BLURS[blur]((known == c).astype(np.float32), px)
    return torch.from_numpy(np.log(np.maximum(shares, LEAST_PROBABILITY)))


if __name__ == "__main__":
    main()
