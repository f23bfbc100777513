"""From class scores on the grid of a network to the label of each pixel of a large photo: time and memory.

python benchmarks/predict.py                    80 classes at 12 megapixels, two views
python benchmarks/predict.py --classes 20 --views 1

Prints the seconds of what a prediction does behind the network, in turn with the plain way: the scores of all classes
at full size, their average over the views, and the maximum. Each runs in a process of its own, so that its memory is
its own; the plain way takes up to 15 GB. With --only, one of the two.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from pairs import hardware, peak_mib, seconds_of
from rich.console import Console
from rich.table import Table

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import combine_views
from maskdistill.stages.segment.predict import to_labels
from maskdistill.stages.training.device import resolve_device

TARGET_GIB = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--only", choices=["bands", "plain"], help="print seconds, MiB and a sum of the labels of one")
    options = parser.parse_args()
    if options.only:
        print(*measure(options))
        return
    ours, plain = (in_a_process(only, sys.argv[1:]) for only in ("bands", "plain"))
    table = Table("", "core-seconds", "GiB", "target, GiB")
    table.add_row("in bands of rows", f"{ours[0]:.2f}", f"{ours[1] / 1024:.2f}", str(TARGET_GIB))
    table.add_row("all at full size", f"{plain[0]:.2f}", f"{plain[1] / 1024:.2f}", "")
    table.add_row("ratio", f"{ours[0] / plain[0]:.2f}", f"{ours[1] / plain[1]:.2f}", "")
    Console().print(table)
    print("the labels have " + ("the same sum" if ours[2] == plain[2] else f"sums {ours[2]:.0f} and {plain[2]:.0f}"))
    print(hardware())


def measure(options: argparse.Namespace) -> tuple[float, float, float]:
    """Core-seconds, MiB that the process needs at most, and the sum of the labels."""
    resolve_device(ExecutionConfig(device="cpu"))
    torch.manual_seed(0)
    size_hw = (options.height, options.width)
    grid_hw = options.height // 16, options.width // 16
    views = [3 * torch.randn(options.classes + 1, *grid_hw) for _ in range(options.views)]
    pixels = np.zeros((*size_hw, 3), dtype=np.uint8)
    kept: list[UInt8Array] = []

    def work() -> None:
        if options.only == "bands":
            kept.append(to_labels(views, pixels, SegmentConfig(), with_crf=False))
        else:
            with torch.inference_mode():
                kept.append(combine_views(views, size_hw).argmax(dim=0).to(torch.uint8).numpy())

    seconds = seconds_of(work).cpu
    # Of weights that differ from pixel to pixel, so that two labels that changed places show.
    weights = np.random.default_rng(0).random(size_hw, dtype=np.float32)
    return seconds, peak_mib(), float((weights * kept[0]).sum(dtype=np.float64))


def in_a_process(only: str, arguments: list[str]) -> list[float]:
    line = [sys.executable, str(Path(__file__).resolve()), *arguments, "--only", only]
    result = subprocess.run(line, check=True, capture_output=True, text=True)
    return [float(word) for word in result.stdout.split()]


if __name__ == "__main__":
    main()
