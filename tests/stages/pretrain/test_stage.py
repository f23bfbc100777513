"""Pre-training as a stage: exact resume, what it writes, and that it learns."""

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file

from helpers.interruption import StopAfter
from helpers.small_vit import OVERRIDES
from helpers.sources import BlobSource
from maskdistill.data.catalog import TRAINING_LOG, VIT, VIT_ARGUMENTS
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.pretrain import stage
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.progress import Progress, Silent

CONFIG = PretrainConfig.model_validate(
    {
        "overrides": OVERRIDES,
        "image_size": 32,
        "samples": 48,
        "batch_size": 4,
        "views": {"global_size": 24, "local_size": 16, "n_local": 1},
        "prototypes": {"counts": [3, 5], "dense_patches": 2},
        "warmup_iterations": 2,
        "precision": "fp32",
    }
)
"""12 steps, in which every phase of the method comes up."""
HALF = CONFIG.model_copy(update={"precision": "fp16"})
DINO = CONFIG.model_copy(
    update={"method": "dino", "dino": DinoConfig(outputs=16, hidden=8, bottleneck=4), "weight_decay": (0.04, 0.4)}
)
IBOT = DINO.model_copy(
    update={"dino": DinoConfig(outputs=16, hidden=8, bottleneck=4, patch_weight=1.0, shared_head=False)}
)


def run(
    source: ImageSource, folder: Path, progress: Progress | None = None, config: PretrainConfig = CONFIG
) -> StageOutputs:
    folder.mkdir(exist_ok=True)
    inputs = StageInputs(source, {}, 3, ExecutionConfig(device="cpu", checkpoint_seconds=0), max_failure_rate=0.5)
    return stage.run(config, inputs, folder, progress or Silent())


@pytest.mark.parametrize("config", [CONFIG, HALF, DINO, IBOT], ids=["prototypes", "fp16", "dino", "ibot"])
def test_a_killed_training_ends_with_the_same_weights(
    config: PretrainConfig, tiny_source: ImageSource, tmp_path: Path
) -> None:
    whole = run(tiny_source, tmp_path / "whole", config=config)
    for steps in (3, 6, 11):  # from the checkpoints after 2, 5 and 10 steps on
        with pytest.raises(KeyboardInterrupt):
            run(tiny_source, tmp_path / "cut", StopAfter(steps, "train"), config)
    cut = run(tiny_source, tmp_path / "cut", config=config)
    assert cut == whole
    first, second = (load_file(tmp_path / name / VIT.file) for name in ("whole", "cut"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [(tmp_path / name / TRAINING_LOG).read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1]
    assert [json.loads(line)["iteration"] for line in logs[0].splitlines()] == list(range(1, 13))


def test_a_checkpoint_of_another_training_is_refused(tiny_source: ImageSource, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_source, tmp_path / "run", StopAfter(3, "train"))
    with pytest.raises(MaskDistillError, match=r"another training .*lr"):
        run(tiny_source, tmp_path / "run", config=CONFIG.model_copy(update={"lr": 2e-3}))


def test_settings_of_the_other_method_may_change(tiny_source: ImageSource, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_source, tmp_path / "run", StopAfter(3, "train"))
    run(tiny_source, tmp_path / "run", config=CONFIG.model_copy(update={"dino": DinoConfig(outputs=2)}))


def test_every_phase_comes_up(tiny_source: ImageSource, tmp_path: Path) -> None:
    run(tiny_source, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / TRAINING_LOG).read_text().splitlines()]
    assert ["prototypes" in line for line in lines] == [False] * 3 + [True] * 9
    assert ["dense" in line for line in lines] == [False] * 4 + [True] * 8


def test_what_is_written(tiny_source: BlobSource, tmp_path: Path) -> None:
    outputs = run(tiny_source, tmp_path / "run")
    assert (outputs.items, outputs.unit, outputs.failures) == (48, "samples", {})
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written - {"tensorboard"} == {TRAINING_LOG, VIT_ARGUMENTS.file, VIT.file}
    description = json.loads((tmp_path / "run" / VIT_ARGUMENTS.file).read_text())
    vit = timm.create_model(description["model"], num_classes=0, **description["overrides"])
    state = load_file(tmp_path / "run" / VIT.file)
    vit.load_state_dict(state)  # a plain timm ViT: strict
    assert {value.dtype for value in state.values()} == {torch.float16}
    assert set(tiny_source.reads) == {0, 1, 2, 3}  # never a validation image


def test_the_key_offset_is_folded_in(tiny_source: ImageSource, tmp_path: Path) -> None:
    folded, raw = tmp_path / "folded", tmp_path / "raw"
    run(tiny_source, folded)
    run(tiny_source, raw, config=CONFIG.model_copy(update={"key_offset": None}))
    states = load_file(folded / VIT.file), load_file(raw / VIT.file)
    different = [name for name in states[0] if not torch.equal(states[0][name], states[1][name])]
    assert different == ["blocks.1.attn.qkv.bias"]
    change = (states[0][different[0]] - states[1][different[0]]).float().abs()
    assert (change[24:48] > 0).any()
    assert change[:24].max() == change[48:].max() == 0


def test_unreadable_images_are_skipped_up_to_the_limit(tmp_path: Path) -> None:
    outputs = run(BlobSource(unreadable=(2,)), tmp_path / "some")
    assert list(outputs.failures) == ["blob2"]
    assert outputs.metrics["training_images"] == 3
    with pytest.raises(InputError, match="3 of 4 images cannot be read"):
        run(BlobSource(unreadable=(0, 1, 2)), tmp_path / "most")


def test_a_loss_that_is_not_finite_stops(tiny_source: ImageSource, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"not finite at iteration .*images blob\d, blob\d, blob\d, blob\d;"):
        run(tiny_source, tmp_path / "run", config=CONFIG.model_copy(update={"lr": 1e30}))
