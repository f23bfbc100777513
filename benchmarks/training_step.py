"""Core-seconds of the trainings of a configuration: a step of detector and segmenter, and a predicted image of each.

python benchmarks/training_step.py -c demo -c mask_rcnn
python benchmarks/training_step.py -c demo -c mask_rcnn -s segment.stages=4 \
    -s segment.deeplab.channels=256 -s segment.deeplab.dilations=null

One thread, in CPU time, which a busy machine changes less than time on the clock. Targets are the ground truth of the
first images: what is measured is the work of a step, and nothing is kept.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from configured import add_configuration, configuration
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source
from maskdistill.pipeline.config import Config
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.distill import dataset
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.start import find_start
from maskdistill.stages.segment import augment
from maskdistill.stages.segment.inference import view_scores, views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.ohem import ohem_cross_entropy
from maskdistill.stages.training.optimizer import make_optimizer
from maskdistill.stages.training.precision import autocast, resolve_precision
from maskdistill.stages.training.recipe import Recipe, TrainingPrecision
from maskdistill.stages.weights import find_checkpoint

Losses = Callable[[], torch.Tensor]
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    config = configuration(arguments)
    torch.set_num_threads(1)
    resolve_device(ExecutionConfig(device="cpu"))
    source = open_source(config.data)
    for name, measure in {"detector": measure_detector, "segmenter": measure_segmenter}.items():
        step, prediction = measure(config, source, arguments.turns)
        print(f"{name}: {step:.3f} core-seconds a step, {prediction:.3f} a predicted image")


def measure_detector(config: Config, source: ImageSource, turns: int) -> tuple[float, float]:
    settings = config.distill
    detector = create_detector(settings, n_clusters(config), find_start(settings, {}, config.seed))
    samples = [dataset.augment(source.read(i), *objects_of(source, i), settings) for i in range(settings.batch_size)]
    images, targets = dataset.collate(samples)
    recipe = settings.recipe(source.n_train)
    step = seconds_of_step(
        detector.module, lambda: torch.stack(list(detector.losses(images, targets).values())).sum(), recipe, turns
    )
    detector.module.eval()
    return step, seconds(lambda: detector.detect(images), settings.precision, turns) / len(images)


def n_clusters(config: Config) -> int:
    if config.cluster.k == "auto":
        raise SystemExit("cluster.k: nothing is clustered here, so give a number")
    return config.cluster.k


def measure_segmenter(config: Config, source: ImageSource, turns: int) -> tuple[float, float]:
    settings = config.segment
    model = Segmenter(settings, n_clusters(config) + 1, find_checkpoint(settings.weights, {}))
    model.to(memory_format=torch.channels_last)
    samples = [augment.augment(source.read(i), labels_of(source, i), settings) for i in range(settings.batch_size)]
    crops, labels = augment.collate(samples)

    def loss() -> torch.Tensor:
        logits = model.full_logits(crops, (settings.crop, settings.crop))
        return ohem_cross_entropy(logits, labels, settings.keep_fraction, keep_of=settings.keep_of)

    step = seconds_of_step(model, loss, settings.recipe(source.n_train), turns)
    model.eval()
    views = [torch.stack([view] * settings.batch_size) for view in views_of(source.read(0), settings)]
    return step, seconds(lambda: view_scores(model, views, settings), settings.precision, turns) / settings.batch_size


def labels_of(source: ImageSource, index: int) -> UInt8Array:
    labels = source.read_labels(index)
    assert labels is not None, "this benchmark learns from ground truth: take a data set that has some"
    return labels


def objects_of(source: ImageSource, index: int) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Masks bool (n, H, W) of the objects of an image, and a cluster for each."""
    instances = source.read_instances(index)
    assert instances is not None, "this benchmark learns from ground truth: take a data set that has some"
    masks = coco_mask.decode(list(instances.rles)).transpose(2, 0, 1).astype(bool)
    return masks, np.zeros(len(masks), dtype=np.int32)


def seconds_of_step(module: torch.nn.Module, loss: Losses, recipe: Recipe, turns: int) -> float:
    module.train()
    scaled = resolve_precision(recipe.precision, CPU, loss_scaling=True) == "fp16"
    optimizer = make_optimizer(recipe, module, loss_scaling=scaled)

    def step() -> None:
        with autocast(CPU, recipe.precision, loss_scaling=True):
            value = loss()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        optimizer.step()

    return shortest(step, turns)


def seconds(work: Callable[[], object], precision: TrainingPrecision, turns: int) -> float:
    with torch.inference_mode(), autocast(CPU, precision):
        return shortest(work, turns)


def shortest(work: Callable[[], object], turns: int) -> float:
    """CPU seconds of the shortest turn, after one that warms up."""
    times = []
    for _ in range(turns + 1):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times[1:])


if __name__ == "__main__":
    main()
