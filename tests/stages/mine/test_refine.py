"""Foreground that is learnt from mined masks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from helpers.interruption import StopAfter
from helpers.mining import mine
from helpers.segmentation import halves_of, make_halves
from helpers.stored_features import with_features
from maskdistill.data.catalog import FEATURES, INITIAL, MINED
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.refine import refine, regions, union_of
from maskdistill.stages.mine.refine_config import RefineConfig
from maskdistill.stages.mine.stage import run
from maskdistill.stages.progress import Silent

FEW = RefineConfig(rounds=1, epochs=1, iterations_range=(80, 80), batch_size=4, lr=1e-2)


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    """Six images with a bright right half, four of them for training, and their tokens."""
    plain = StageInputs(make_halves(), {}, 1, ExecutionConfig(device="cpu", part_size=4))
    return with_features(plain, tmp_path / "features")


def config(**changes: Any) -> MineConfig:
    return MineConfig.model_validate({"method": "otsu", "refine": FEW.model_copy(update=changes)})


def halves(index: int) -> np.ndarray:
    return halves_of(index) > 0


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def save_masks(path: Path, masks: dict[str, np.ndarray]) -> Path:
    builder = MaskStoreBuilder()
    for image_id, mask in masks.items():
        code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        builder.add_rles(image_id, [code] if mask.any() else [])
    builder.build().save(path)
    return path


def test_what_most_images_agree_on_mends_a_wrong_mask(inputs: StageInputs, tmp_path: Path) -> None:
    """A quarter too much in one of four does not last; the validation images get masks of their own too."""
    masks = {image_id: halves(i) for i, image_id in enumerate(inputs.source.ids)}
    masks["photo3"][:30] = True
    masks["photo5"] = np.eye(*masks["photo5"].shape, dtype=bool)
    found = MaskStore.open(refine(FEW, inputs, save_masks(tmp_path / "a.zarr", masks), tmp_path / "1", 1, Silent()))
    assert found.image_ids == inputs.source.ids
    for image in (0, 1, 2, 3, 5):
        (row,) = found.rows_of(image)
        assert iou(found.decode(row), halves(image)) > 0.7, image
        assert 0.5 < found.score[row] <= 1


def test_an_image_without_foreground_keeps_its_masks(inputs: StageInputs, tmp_path: Path) -> None:
    masks = {image_id: halves(i) for i, image_id in enumerate(inputs.source.ids)}
    path = save_masks(tmp_path / "a.zarr", masks)
    store = refine(FEW.model_copy(update={"min_area": 0.9}), inputs, path, tmp_path / "1", 1, Silent())
    found = MaskStore.open(store)
    for image in range(6):
        assert [found.decode(row).tolist() for row in found.rows_of(image)] == [halves(image).tolist()] * bool(
            halves(image).any()
        )


def test_the_stage_keeps_the_masks_as_they_were(inputs: StageInputs, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    _, plain = mine(config(rounds=0), replace(inputs, artifacts={}), tmp_path / "plain")
    (tmp_path / "work").mkdir()
    _, refined = mine(config(rounds=2), inputs, tmp_path / "work")
    initial = MaskStore.open(tmp_path / "work" / INITIAL.file)
    assert initial.counts.tolist() == plain.counts.tolist()
    assert refined.image_ids == plain.image_ids
    left = {path.relative_to(tmp_path / "work").as_posix() for path in (tmp_path / "work").glob("*/*")}
    assert {"round1/masks.zarr", "round1/foreground.safetensors", "round2/training.jsonl"} <= left
    assert not [name for name in left if "parts" in name or name.endswith(".pt")]


def test_killed_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    inputs = replace(inputs, execution=ExecutionConfig(device="cpu", part_size=2, checkpoint_seconds=0))
    short = config(rounds=2, iterations_range=(4, 4))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(short, inputs, tmp_path / "whole", Silent())
    for steps in (8, 10, 8):
        with pytest.raises(KeyboardInterrupt):
            run(short, inputs, tmp_path / "killed", StopAfter(steps))
    run(short, inputs, tmp_path / "killed", Silent())
    whole, killed = (MaskStore.open(tmp_path / name / MINED.file) for name in ("whole", "killed"))
    assert whole.counts.tobytes() == killed.counts.tobytes()
    assert whole.score.tobytes() == killed.score.tobytes()


def test_regions_are_the_largest_and_large_enough() -> None:
    probability = np.zeros((10, 10), dtype=np.float32)
    probability[0:2, 0:2] = 0.9
    probability[4:8, 4:8] = 0.6
    probability[9, 9] = 1.0
    probability[0:2, 5:8] = 0.7
    found = regions(probability, min_area=0.02, max_masks=2)
    assert [int(mask.sum()) for mask in found] == [16, 6]
    assert len(regions(probability, min_area=0.02, max_masks=9)) == 3
    assert not regions(probability, min_area=0.5, max_masks=9)


def test_several_masks_of_an_image_are_one_foreground(inputs: StageInputs, tmp_path: Path) -> None:
    mask = halves(0)
    builder = MaskStoreBuilder()
    parts = [mask & (np.arange(60) < 30)[:, None], mask & (np.arange(60) >= 30)[:, None]]
    builder.add("photo0", np.stack(parts))
    assert np.array_equal(union_of(builder.build(), 0, FEATURES.open(inputs.artifacts)) > 0, mask)


def test_it_is_part_of_the_key_only_where_it_is_done() -> None:
    assert "refine" not in config(rounds=0).used()
    assert not config(rounds=0).uses_seed()
    assert config(rounds=1).used()["refine"]["rounds"] == 1
    assert config(rounds=1).inputs() == ("features",)
    assert config(rounds=1).uses_seed()
