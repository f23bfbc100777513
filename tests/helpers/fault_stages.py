"""A whole run of real parts in a second: mining by Otsu, filtering, and trainings of one layer with checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from helpers.drawn_stages import bright, drawn_stage
from helpers.recorded_stages import RecordedStages
from helpers.sources import BlobSource, write_image
from helpers.true_artifacts import label_map
from maskdistill.data.catalog import CANDIDATES, DETECTOR, PREDICTIONS, PSEUDO_LABELS, SEGMENTER, TRAINING_LOG
from maskdistill.data.stores.labels import merge_label_parts, write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder, merge_parts
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.mine.stage import run as mine
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.trainer import CHECKPOINT, Trainer

N_IMAGES = 4
_RECIPE = Recipe(iterations=4, batch_size=2, lr=0.05)
_CONFIG = """
data: {{kind: folder, root: {folder}/photos, labels: {folder}/labels, class_names: [background, red, green]}}
mine: {{method: otsu, model: vit_tiny_patch16_224, weights: random}}
evaluate: {{baselines: false}}
execution: {{part_size: 2, checkpoint_seconds: 0, device: cpu}}
artifacts: {folder}/artifacts
"""


def write_config(folder: Path) -> Path:
    """Photos of bright rectangles, and a configuration over them that keeps its artifacts beside them."""
    source = BlobSource(N_IMAGES, N_IMAGES)
    for index, image_id in enumerate(source.ids):
        write_image(folder / "photos" / f"{image_id}.png", source.read(index))
        write_image(folder / "labels" / f"{image_id}.png", label_map(source, index))
    path = folder / "faults.yaml"
    path.write_text(_CONFIG.format(folder=folder))
    return path


def fault_plan(config: Path, *overrides: str) -> Plan:
    """The plan of that configuration, with these stages."""
    return Plan(ConfigSource((config,), overrides), RecordedStages(_stage).specs)


def _stage(name: str) -> Any:
    return {"mine": mine, "distill": _distill, "segment": _segment}.get(name) or drawn_stage(name)


def _distill(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    _train(inputs, workdir, workdir / DETECTOR.file, progress)
    store = merge_parts(_parts("candidates", inputs, workdir, progress), workdir / CANDIDATES.file)
    return StageOutputs(len(store), "candidates", {"losses": final_losses(workdir / TRAINING_LOG)})


def _segment(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    _train(inputs, workdir, workdir / SEGMENTER.file, progress)
    store = merge_label_parts(_parts("labels", inputs, workdir, progress), workdir / PREDICTIONS.file)
    return StageOutputs(len(store), "label maps", {"losses": final_losses(workdir / TRAINING_LOG)})


def _train(inputs: StageInputs, workdir: Path, weights: Path, progress: Progress) -> None:
    if not weights.exists():
        torch.manual_seed(0)
        module = nn.Linear(4, 2)

        def losses(batch: Tensor) -> dict[str, Tensor]:
            return {"loss": module(batch).square().mean()}

        stream = SampleStream(5, _load, inputs.seed)
        execution = ExecutionConfig(checkpoint_seconds=0)
        fit, device = SimpleFit(module, losses), torch.device("cpu")
        Trainer(fit, stream, torch.stack, _RECIPE, workdir, execution, device, progress).run()
        save_weights(weights, module, {"of": "a test"})
    remove_checkpoints(workdir / CHECKPOINT)


def _load(item: int) -> Sample:
    return f"image{item}", torch.full((4,), item / 5) + torch.rand(4)


def _parts(kind: str, inputs: StageInputs, workdir: Path, progress: Progress) -> list[Path]:
    made = compute_parts(
        DrawJob(kind, inputs),
        workdir / "parts",
        len(inputs.source),
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
    )
    return [part / (CANDIDATES.file if kind == "candidates" else PREDICTIONS.file) for part in made.folders]


class DrawJob:
    """Draws candidates or label maps of some images, from what the stages before have left."""

    def __init__(self, kind: str, inputs: StageInputs) -> None:
        self.kind, self.inputs = kind, inputs

    def open(self) -> "DrawJob":
        """Nothing is needed."""
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the part."""
        source = self.inputs.source
        if self.kind == "candidates":
            builder = MaskStoreBuilder()
            for index in items:
                builder.add(source.ids[index], _shifted(bright(source, index)), [0.9, 0.7], [index % 2] * 2)
            builder.build().save(folder / CANDIDATES.file)
        else:
            labels = PSEUDO_LABELS.open(self.inputs.artifacts)
            write_labels(folder / PREDICTIONS.file, [(source.ids[i], labels.read(i)) for i in items])
        advance(len(items))
        return PartReport(len(items))


def _shifted(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.stack([mask, np.roll(mask, 7, axis=0)])
