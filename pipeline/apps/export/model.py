"""A trained model for other programs: a folder with the network, and a card that says what it is."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.catalog import DETECTOR, SEGMENTER
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.export.card import describe_model, write_card
from maskdistill.pipeline.apps.export.formats import RECORD, check_target
from maskdistill.pipeline.apps.output_names import MODEL
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.predict.model import TrainedModel

_ONNX, _TORCHSCRIPT = "onnx", "torchscript"
_SUFFIXES = {_ONNX: ".onnx", _TORCHSCRIPT: ".torchscript.pt"}


@dataclass(frozen=True)
class ModelExport:
    """What is to be written.

    Attributes:
        kind: "onnx" or "torchscript".
        out: The folder.
        size_hw: Size, px, of the images that the file is for; None = any, or square ones where it has to be fixed.
        probabilities: Whether a segmenter's network gives these in place of labels.
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


def export_model(model: TrainedModel, run: Run | None, export: ModelExport) -> None:
    """Write the network and its card.

    Args:
        model: A segmenter or a detector.
        run: The run that made it, for the card; None = not known.
        export: What is to be written.

    Raises:
        InputError: No such format, a library is missing, the model has no such form, or something is in the way.
    """
    if export.kind not in _SUFFIXES:
        raise InputError(f"--format {export.kind}: a model is written as {' or '.join(_SUFFIXES)}")
    of_segmenter = model.stage == SEGMENTER.stage
    if of_segmenter and export.size_hw is not None and export.kind == _ONNX:
        raise InputError("--size: an ONNX file of a segmenter takes images of any size; leave it away")
    if export.probabilities and not of_segmenter:
        raise InputError("--probabilities: of a segmenter; leave it away, a detector's network has its own outputs")
    if export.kind == _ONNX and not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError("--format onnx: the package onnxscript is needed; install maskdistill[export]")
    check_target(export.out, force=export.force)
    with atomic_path(export.out) as folder:
        folder.mkdir()
        _write(model, run, export, folder)
        write_json(folder / RECORD, {"view": MODEL, "format": export.kind, "stage": model.stage})


def _write(model: TrainedModel, run: Run | None, export: ModelExport, folder: Path) -> None:
    # They load torch.
    from maskdistill.pipeline.apps.export.networks import detector_network, segmenter_network
    from maskdistill.stages.networks.graph_files import write_onnx, write_torchscript

    fixed = export.kind == _TORCHSCRIPT
    if model.stage == DETECTOR.stage:
        network, facts = detector_network(model.file, export.size_hw, fixed=fixed)
    else:
        network, facts = segmenter_network(model.file, export.size_hw, fixed=fixed, probabilities=export.probabilities)
    name = f"{model.file.stem}{_SUFFIXES[export.kind]}"
    (write_torchscript if fixed else write_onnx)(network, folder / name)
    write_card(describe_model(facts, run, name), folder)
