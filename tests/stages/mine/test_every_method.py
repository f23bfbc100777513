"""What every mining method must do, whichever it is: a new one in the registry is tested here by its name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch

from helpers.coco_files import code_of
from helpers.same_artifacts import assert_same_masks
from helpers.sources import MemorySource
from maskdistill.data.catalog import MINED
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.engines.local import LocalEngine
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.stage import run
from maskdistill.stages.parts import Engine
from maskdistill.stages.progress import Silent
from maskdistill.stages.registry import MINING

VIT = {"model": "vit_tiny_patch16_224", "weights": "random"}
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "affinity": {**VIT, "affinity": {"short_side": 64, "center_keys": "dataset"}},
    "lost": {**VIT, "lost": {"short_side": 64, "features": "values"}},
    "tokencut": {**VIT, "tokencut": {"short_side": 64, "similarity": 0.5}},
    "maskcut": {**VIT, "maskcut": {"short_side": 64, "similarity": 0.5, "features": "queries"}},
}
"""Of methods that need other settings than their own defaults here."""

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def pictures(*sizes_hw: tuple[int, int]) -> MemorySource:
    """Images of given sizes: noise, with a bright rectangle where there is room for one."""
    images = {}
    for number, (height, width) in enumerate(sizes_hw):
        pixels = np.random.default_rng(number).integers(0, 60, (height, width, 3), dtype=np.uint8)
        pixels[height // 4 : height // 2, width // 4 : width // 2] += 180
        images[f"picture{number}"] = pixels
    return MemorySource(images)


SIZES_HW = [(48, 64), (64, 48), (48, 64), (50, 50), (33, 70)]
PHOTOS = pictures(*SIZES_HW)


@pytest.fixture(params=list(MINING.methods))
def config(request: pytest.FixtureRequest, tmp_path: Path) -> MineConfig:
    """The settings of each method."""
    settings = {"method": request.param, **SETTINGS.get(request.param, {})}
    if request.param == "import":
        settings["import"] = {"file": write_proposals(PHOTOS, tmp_path / "proposals.json")}
    return MineConfig.model_validate(settings)


def write_proposals(source: ImageSource, path: Path) -> str:
    """A COCO file with one box on every image."""
    images, annotations = [], []
    for number, image_id in enumerate(source.ids):
        height, width, _ = source.read(number).shape
        mask = np.zeros((height, width), dtype=bool)
        mask[: max(1, height // 2), : max(1, width // 2)] = True
        images.append({"id": number, "file_name": f"{image_id}.jpg", "height": height, "width": width})
        annotation = {"id": number, "image_id": number, "category_id": 1, "segmentation": code_of(mask), "score": 0.5}
        annotations.append(annotation)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "x"}]}))
    return str(path)


class Mine(Protocol):
    """Mines the photos; settings of the execution by name."""

    def __call__(self, engine: Engine | None = None, **execution: object) -> MaskStore: ...


@pytest.fixture
def mine(config: MineConfig, tmp_path: Path) -> Mine:
    """Runs the stage with that method into a folder of its own."""
    runs: list[Path] = []

    def run_it(engine: Engine | None = None, **execution: object) -> MaskStore:
        runs.append(tmp_path / f"run{len(runs)}")
        settings = ExecutionConfig.model_validate({"device": "cpu", "part_size": 2, **execution})
        inputs = StageInputs(PHOTOS, {}, execution=settings, engine=engine or LocalEngine())
        outputs = run(config, inputs, runs[-1], Silent())
        store = MaskStore.open(runs[-1] / MINED.file)
        assert outputs.items == len(store)
        assert [path.name for path in runs[-1].iterdir()] == [MINED.file]
        return store

    return run_it


def test_every_image_is_there_and_its_masks_have_its_size(mine: Mine) -> None:
    store = mine()
    assert store.image_ids == PHOTOS.ids
    assert len(store) >= len(PHOTOS)
    for row, image in enumerate(store.image):
        assert tuple(store.size_hw[row]) == SIZES_HW[image]
        assert 0 < store.decode(row).sum() == store.area[row]
    assert ((store.score >= 0) & (store.score <= 1)).all()
    assert (store.cluster == -1).all()


def test_the_same_images_give_the_same_masks_however_the_work_is_cut(mine: Mine) -> None:
    first = mine()
    assert_same_masks(first, mine())
    assert_same_masks(first, mine(part_size=3, batch_size=1))


@pytest.mark.slow
def test_two_processes_give_the_same_masks(mine: Mine, importable: None) -> None:
    assert_same_masks(mine(), mine(engine=LocalEngine(2)))


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 40), (40, 1), (16, 16)])
def test_the_smallest_images_are_no_error(size_hw: tuple[int, int], config: MineConfig, tmp_path: Path) -> None:
    source = pictures(size_hw)
    if config.method == "import":
        settings = {"method": "import", "import": {"file": write_proposals(source, tmp_path / "small.json")}}
        config = MineConfig.model_validate(settings)
    outputs = run(config, StageInputs(source, {}, execution=ExecutionConfig(device="cpu")), tmp_path / "s", Silent())
    assert MaskStore.open(tmp_path / "s" / MINED.file).image_ids == source.ids
    assert not outputs.failures


@gpu
def test_cuda_gives_nearly_the_same_masks(mine: Mine) -> None:
    """One ulp may move a patch across the threshold, and with it a small part of a mask."""
    one, other = mine(), mine(device="cuda")
    assert len(one) == len(other)
    for row in range(len(one)):
        both, either = one.decode(row) & other.decode(row), one.decode(row) | other.decode(row)
        assert both.sum() >= 0.9 * either.sum()


def test_settings_of_methods_that_are_not_chosen_are_no_part_of_the_key(config: MineConfig) -> None:
    assert set(MINING.methods) & set(config.used()) == {config.method}
