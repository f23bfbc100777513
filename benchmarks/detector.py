"""Speed of the two detector back ends, interleaved, at equal image size and batch.

python benchmarks/detector.py                                          ResNet-50, full heads, 256 px, batch 2
python benchmarks/detector.py --backbone resnet18 --heads slim --size 128 --batch 4
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.distill.config import DistillConfig, has_detectron2
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.detector import Detector, Target
from maskdistill.stages.distill.geometry import boxes_of
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.optimizer import make_optimizer
from maskdistill.stages.training.precision import autocast, resolve_precision

BACKENDS = ("detectron2", "torchvision")
CLUSTERS = 8
OBJECTS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", choices=("resnet18", "resnet50"), default="resnet50")
    parser.add_argument("--heads", choices=("full", "slim"), default="full")
    parser.add_argument("--size", type=int, default=256, help="side of the square images, px")
    parser.add_argument("--batch", type=int, default=2, help="images per iteration")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp16", "fp32"), default="auto")
    parser.add_argument("--rounds", type=int, default=9, help="how often each back end takes its turn")
    arguments = parser.parse_args()
    config = DistillConfig(
        backbone=arguments.backbone,
        heads=arguments.heads,
        image_size=arguments.size,
        max_size=arguments.size,
        precision=arguments.precision,
        min_score=0.0,
    )
    compare(config, arguments.batch, arguments.rounds)


def compare(config: DistillConfig, batch_size: int, rounds: int) -> None:
    device = resolve_device(ExecutionConfig())
    backends = BACKENDS if has_detectron2() else BACKENDS[1:]
    detectors = {name: make_detector(config, name, device) for name in backends}
    images, targets = make_batch(config.image_size, batch_size, device)
    training, prediction = (
        interleave({name: make(config, detector, device, images, targets) for name, detector in detectors.items()},
                   rounds, device)
        for make in (training_step, prediction_step)
    )  # fmt: skip
    console = Console()
    console.print(
        f"{config.backbone}, {config.heads} heads, {config.image_size} px, batch {batch_size}, {config.precision}, on "
        f"{torch.cuda.get_device_name() if device.type == 'cuda' else f'{torch.get_num_threads()} CPU threads'}"
    )
    table = Table("median of all turns", *backends, *(["detectron2 : torchvision"] if len(backends) > 1 else []))
    add_row(table, "training iterations per second", 1, training)
    add_row(table, "predicted images per second", batch_size, prediction)
    console.print(table)
    if len(backends) == 1:
        console.print("detectron2 is not installed, so there is nothing to compare with")


def make_detector(config: DistillConfig, backend: str, device: torch.device) -> Detector:
    torch.manual_seed(0)
    detector = create_detector(config.model_copy(update={"backend": backend}), CLUSTERS, None)
    detector.module.to(device)
    return detector


def make_batch(size: int, batch_size: int, device: torch.device) -> tuple[list[torch.Tensor], list[Target]]:
    """Noise with some square objects each, the same for both back ends."""
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(256, (3, size, size), dtype=torch.uint8, generator=generator) for _ in range(batch_size)]
    targets: list[Target] = []
    for _ in images:
        masks = torch.zeros((OBJECTS, size, size), dtype=torch.bool)
        for mask in masks:
            top, left = torch.randint(size // 2, (2,), generator=generator).tolist()
            mask[top : top + size // 3, left : left + size // 3] = True
        clusters = torch.randint(CLUSTERS, (OBJECTS,), generator=generator)
        targets.append(
            Target(boxes_xyxy=boxes_of(masks).to(device), clusters=clusters.to(device), masks=masks.to(device))
        )
    return [image.to(device) for image in images], targets


def training_step(
    config: DistillConfig,
    detector: Detector,
    device: torch.device,
    images: list[torch.Tensor],
    targets: list[Target],
) -> Callable[[], None]:
    scaled = resolve_precision(config.precision, device, loss_scaling=True) == "fp16"
    optimizer = make_optimizer(config.recipe(1), detector.module, loss_scaling=scaled)
    scaler = torch.amp.GradScaler(device.type, enabled=scaled)
    # So small that the weights stay as they are: the work of a step must not depend on how far training has come.
    for group in optimizer.param_groups:
        group["lr"] = 1e-12

    def step() -> None:
        detector.module.train()
        with autocast(device, config.precision, loss_scaling=True):
            losses = detector.losses(images, targets)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(scaler.scale(torch.stack(list(losses.values())).sum()))
        scaler.step(optimizer)
        scaler.update()

    return step


def prediction_step(
    config: DistillConfig,
    detector: Detector,
    device: torch.device,
    images: list[torch.Tensor],
    targets: list[Target],
) -> Callable[[], None]:
    def step() -> None:
        detector.module.eval()
        with torch.inference_mode(), autocast(device, config.precision):
            detector.detect(images)

    return step


def interleave(steps: dict[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of each turn of each step; they take turns, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - start)
    return seconds


def add_row(table: Table, name: str, things: int, seconds: dict[str, list[float]]) -> None:
    """Things per second of each back end, and the ratio of the two in the same turn."""
    speeds = [f"{things / statistics.median(values):.2f}" for values in seconds.values()]
    ratios = [later / earlier for earlier, later in zip(*seconds.values(), strict=True)] if len(seconds) > 1 else []
    table.add_row(name, *speeds, *([f"{statistics.median(ratios):.2f}"] if ratios else []))


if __name__ == "__main__":
    main()
