"""The networks that can be handed on, a segmenter and a detector, and what a card says of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from maskdistill.data.catalog import DETECTOR, SEGMENTER
from maskdistill.pipeline.apps.export.card import NetworkFacts
from maskdistill.pipeline.apps.export.label_pngs import legend
from maskdistill.pipeline.cluster_names import names_beside
from maskdistill.stages.distill.graph import PixelsToRegions, graph_of
from maskdistill.stages.distill.stage import load_detector, read_detector
from maskdistill.stages.networks.graph_files import PixelNetwork
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.segment.graph import PixelsToLabels
from maskdistill.stages.segment.train import load_segmenter

SizeHW = tuple[int, int]
_CPU = torch.device("cpu")
_LABELS = {"labels": "uint8 (1, H, W), index of the class"}
_PROBABILITIES = {"probabilities": "float32 (1, classes, H, W)"}
_CANDIDATES = {
    "boxes": "float32 (n, 4), x1 y1 x2 y2, px",
    "scores": "float32 (n,), 0-1, the highest first",
    "clusters": "int64 (n,), index of the class",
    "masks": "bool (n, H, W)",
}


def segmenter_network(
    weights: Path, size_hw: SizeHW | None, *, fixed: bool, probabilities: bool
) -> tuple[PixelNetwork, NetworkFacts]:
    """The network of a segmenter, and what there is to say of it.

    Args:
        weights: Its file.
        size_hw: Size, px, of the images that a fixed network works best for; None = square ones.
        fixed: Whether the format needs a size.
        probabilities: Whether it gives these in place of labels.
    """
    segmenter, config = load_segmenter(weights, _CPU)
    side = config.image_size or config.crop
    size_hw = (size_hw or (side, side)) if fixed else None
    description = read_description(weights)
    facts = NetworkFacts(
        stage=SEGMENTER.stage,
        task="semantic segmentation",
        size_hw=size_hw,
        outputs=_PROBABILITIES if probabilities else _LABELS,
        classes=_classes(weights, description["n_classes"]),
        left_out=list(_left_out_of_segmenter(description["config"])),
        settings=description["config"],
    )
    return PixelsToLabels(segmenter, config, size_hw, probabilities=probabilities), facts


def detector_network(weights: Path, size_hw: SizeHW | None, *, fixed: bool) -> tuple[PixelNetwork, NetworkFacts]:
    """The network of a detector, and what there is to say of it; as `segmenter_network`.

    Raises:
        InputError: Its library has no way to write it, or a size is needed.
    """
    config, n_clusters = read_detector(weights)
    detector = load_detector(weights, _CPU)
    side = config.image_size
    size_hw = size_hw or ((side, side) if fixed and config.backend == "regions" else None)
    network = graph_of(detector, config, size_hw)
    regions = isinstance(network, PixelsToRegions)
    classes = _classes(weights, n_clusters + 1)
    facts = NetworkFacts(
        stage=DETECTOR.stage,
        task="detection of objects",
        size_hw=size_hw,
        outputs=_PROBABILITIES if regions else _CANDIDATES,
        classes=classes if regions else classes[1:],
        left_out=[
            *(["regions: the stage makes a candidate of each connected region that is no background"] * regions),
            *(["flip_prediction: the stage looks at the mirror image, too"] * config.flip_prediction),
        ],
        settings=read_description(weights)["config"],
    )
    return network, facts


def _classes(weights: Path, n_classes: int) -> list[str]:
    """Names of the classes, background first."""
    return list(legend(range(n_classes), names_beside(weights.parent)).values())


def _left_out_of_segmenter(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("window"):
        yield f"windows: the stage predicts in windows of {config['window']} px, the network sees whole images"
    if config.get("whole_regions"):
        yield "whole_regions: the stage gives each connected region one class"
    if (config.get("crf") or {}).get("predictions"):
        yield "crf: the stage lets a CRF draw the outlines of its predictions"
