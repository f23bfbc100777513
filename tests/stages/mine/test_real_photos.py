"""Mining on real photos, where they and the weights lie beside the checkout; neither belongs to this project."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.paths import SHARED
from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.config import VocConfig
from maskdistill.data.sources.image_source import ImageSource
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


class FirstValidationPhotos(ImageSource):
    """The first validation images of a source, as training images."""

    def __init__(self, source: VocSource, n: int) -> None:
        self.source, self.n_train = source, n
        self.ids: Sequence[str] = source.ids[source.n_train : source.n_train + n]
        self.class_names = source.class_names

    def read(self, index: int) -> UInt8Array:
        return self.source.read(self.source.n_train + index)

    def fingerprint(self) -> str:
        return self.source.fingerprint()

    def read_labels(self, index: int) -> UInt8Array | None:
        return self.source.read_labels(self.source.n_train + index)

    def read_boxes(self, index: int) -> FloatArray | None:
        return None


def test_mined_masks_lie_on_the_foreground(tmp_path: Path) -> None:
    """A mask of everything has IoU .25; centred keys of block 6 of the supervised stand-in reach about .44."""
    source = FirstValidationPhotos(VocSource(VocConfig(kind="voc", root=PHOTOS)), 24)
    affinity = {"short_side": 224, "block": 6, "center_keys": "image"}
    settings = {"model": "vit_tiny_patch16_224", "weights": str(WEIGHTS), "normalise": "half", "affinity": affinity}
    config = MineConfig.model_validate(settings)
    outputs = run(config, StageInputs(source, {}), tmp_path, Silent())
    assert outputs.items == 24
    scores = evaluate(EvaluateConfig(), "mine", source, {"mine": tmp_path}, Silent())
    assert scores["train"]["foreground_iou"] > 0.38
