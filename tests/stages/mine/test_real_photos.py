"""Mining on real photos, where they and the weights lie beside the checkout; neither belongs to this project."""

from pathlib import Path

import numpy as np
import pytest

from helpers.paths import SHARED
from helpers.sources import MemorySource
from maskdistill.data.config import VocConfig
from maskdistill.data.sources.voc import VocSource
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.stage import run
from maskdistill.stages.progress import Silent

PHOTOS = SHARED / "data" / "voc_animals"
WEIGHTS = SHARED / "weights" / "vit_tiny_patch16_224_supervised_standin.safetensors"

pytestmark = pytest.mark.skipif(
    not (PHOTOS.is_dir() and WEIGHTS.is_file()), reason="no photos and weights in ../shared beside the checkout"
)


def first_validation_photos(n: int) -> MemorySource:
    """The first validation images, as training images."""
    source = VocSource(VocConfig(kind="voc", root=PHOTOS))
    chosen = {source.ids[i]: i for i in range(source.n_train, source.n_train + n)}
    images = {image_id: source.read(i) for image_id, i in chosen.items()}
    labels = {image_id: np.asarray(source.read_labels(i)) for image_id, i in chosen.items()}
    return MemorySource(images, labels=labels, class_names=source.class_names)


def test_mined_masks_lie_on_the_foreground(tmp_path: Path) -> None:
    """A mask of everything has IoU .25; centred keys of block 6 of the supervised stand-in reach about .44."""
    source = first_validation_photos(24)
    affinity = {"short_side": 224, "block": 6, "center_keys": "image"}
    settings = {"model": "vit_tiny_patch16_224", "weights": str(WEIGHTS), "normalise": "half", "affinity": affinity}
    config = MineConfig.model_validate(settings)
    outputs = run(config, StageInputs(source, {}), tmp_path, Silent())
    assert outputs.items == 24
    scores = evaluate(EvaluateConfig(), "mine", source, {"mine": tmp_path}, Silent())
    assert scores["train"]["foreground_iou"] > 0.38
