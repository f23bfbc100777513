"""The final model for other programs: a folder with the network, and a card that says what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.catalog import SEGMENTER
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.export.card import describe_model, write_card
from maskdistill.pipeline.apps.export.formats import RECORD, check_target
from maskdistill.pipeline.apps.output_names import MODEL
from maskdistill.pipeline.apps.outputs import Run

NETWORKS: Mapping[str, str] = {"onnx": "segmenter.onnx", "torchscript": "segmenter.torchscript.pt"}
"""The file of each format."""


@dataclass(frozen=True)
class ModelExport:
    """What is to be written.

    Attributes:
        kind: A key of NETWORKS.
        out: The folder.
        size_hw: Size, px, of the images that a TorchScript file works best for; None = square.
        probabilities: Whether the network gives these in place of labels.
        force: Replace the folder where an earlier export wrote it.
    """

    kind: str
    out: Path
    size_hw: tuple[int, int] | None = None
    probabilities: bool = False
    force: bool = False


def read_size(text: str) -> tuple[int, int]:
    """Height and width of "480x640". Raises InputError."""
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise InputError(f"--size {text}: give height and width in px, such as 480x640")
    return int(height), int(width)


def export_model(weights: Path, run: Run | None, export: ModelExport) -> None:
    """Write the network and its card.

    Args:
        weights: The SEGMENTER file.
        run: The run that made it, for the card; None = not known.
        export: What is to be written.

    Raises:
        InputError: No such format, a library is missing, or something is in the way.
    """
    if export.kind not in NETWORKS:
        raise InputError(f"--format {export.kind}: a model is written as {' or '.join(NETWORKS)}")
    if export.size_hw is not None and export.kind == "onnx":
        raise InputError("--size: an ONNX file takes images of any size; leave it away")
    if export.kind == "onnx" and not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError("--format onnx: the package onnxscript is needed; install maskdistill[export]")
    check_target(export.out, force=export.force)
    with atomic_path(export.out) as folder:
        folder.mkdir()
        size_hw = _write_network(weights, folder / NETWORKS[export.kind], export)
        card = describe_model(weights, run, NETWORKS[export.kind], size_hw, probabilities=export.probabilities)
        write_card(card, folder)
        write_json(folder / RECORD, {"view": MODEL, "format": export.kind, "stage": SEGMENTER.stage})


def _write_network(weights: Path, path: Path, export: ModelExport) -> tuple[int, int] | None:
    """Write the network; gives the size that it is fixed to, if any."""
    import torch

    from maskdistill.stages.segment.graph import PixelsToLabels, write_onnx, write_torchscript
    from maskdistill.stages.segment.train import load_segmenter

    segmenter, config = load_segmenter(weights, torch.device("cpu"))
    if export.kind == "onnx":
        write_onnx(PixelsToLabels(segmenter, config, probabilities=export.probabilities), path)
        return None
    side = config.image_size or config.crop
    size_hw = export.size_hw or (side, side)
    write_torchscript(PixelsToLabels(segmenter, config, size_hw, probabilities=export.probabilities), path)
    return size_hw
