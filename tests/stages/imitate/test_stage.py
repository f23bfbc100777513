"""The ResNet that imitates the ViT: its targets, exact resume, that it learns, and who can start from it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.interruption import StopAfter
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.student import Student
from maskdistill.stages.imitate.methods.teacher import Teacher
from maskdistill.stages.imitate.stage import run
from maskdistill.stages.networks.resnet import build_resnet, stages_in
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import STAGE_FILES, UNTRAINED, WeightsSource

WEIGHTS = STAGE_FILES["imitate"]
CONFIG = ImitateConfig(
    backbone="resnet18",
    model="vit_tiny_patch16_224",
    weights=WeightsSource.parse("random"),
    image_size=64,
    samples=16,
    batch_size=4,
    warmup_iterations=1,
    precision="fp32",
)


@pytest.fixture(scope="module")
def teacher() -> tuple[Teacher, Tensor]:
    images = torch.randint(256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Teacher(load_vit("vit_tiny_patch16_224", UNTRAINED), [images[:3], images[3:]]), images.float() / 255


def inputs(source: ImageSource) -> StageInputs:
    return StageInputs(source, {}, seed=3, execution=ExecutionConfig(checkpoint_seconds=0))


def test_targets_have_zero_mean_and_unit_deviation_over_the_images_they_are_measured_on(
    teacher: tuple[Teacher, Tensor],
) -> None:
    measure, images = teacher
    classes, patches = measure(images)
    assert classes.shape == (4, 192) and patches.shape == (4, 192, 4, 4)
    for values in (classes, patches.transpose(0, 1).flatten(1).T):
        torch.testing.assert_close(values.mean(dim=0), torch.zeros(192), atol=1e-4, rtol=0)
        torch.testing.assert_close(values.std(dim=0), torch.ones(192), atol=1e-4, rtol=0)


def test_patch_tokens_lie_where_their_patches_lie(teacher: tuple[Teacher, Tensor]) -> None:
    measure, images = teacher
    changed = images.clone()
    changed[:, :, 16:32, 48:] = 1 - changed[:, :, 16:32, 48:]
    difference = (measure(changed)[1] - measure(images)[1]).abs().mean(dim=(0, 1))
    assert difference.argmax() == 1 * 4 + 3


def test_the_loss_of_a_prediction_of_zeros_is_one(teacher: tuple[Teacher, Tensor]) -> None:
    measure, images = teacher
    student = Student("resnet18", 192)
    for parameter in (*student.class_head.parameters(), *student.patch_head.parameters()):
        torch.nn.init.zeros_(parameter)
    losses = student.losses(images, measure(images))
    # The deviation is that of a sample, n - 1 in its denominator: 4 class tokens and 64 patch tokens.
    assert losses["class_token"].item() == pytest.approx(3 / 4, rel=1e-4)
    assert losses["patch_tokens"].item() == pytest.approx(63 / 64, rel=1e-4)


def test_it_learns_to_predict_the_tokens_of_given_images(teacher: tuple[Teacher, Tensor]) -> None:
    measure, images = teacher
    torch.manual_seed(0)
    student = Student("resnet18", 192)
    optimizer = torch.optim.AdamW(student.parameters(), lr=2e-3)
    for _ in range(12):
        losses = student.losses(images, measure(images))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses["class_token"] < 0.4 and losses["patch_tokens"] < 0.9


def test_a_killed_training_goes_on_to_the_same_weights(tiny_source: ImageSource, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    outputs = run(CONFIG, inputs(tiny_source), whole, Silent())
    assert outputs.items == 16 and {path.name for path in whole.iterdir()} >= {WEIGHTS, "training.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, inputs(tiny_source), broken, StopAfter(6))
    assert not (broken / WEIGHTS).exists()
    run(CONFIG, inputs(tiny_source), broken, Silent())
    one, other = (load_file(folder / WEIGHTS) for folder in (whole, broken))
    assert one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_file_of_three_stages_starts_those_three(tiny_source: ImageSource, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"stages": 3, "samples": 4})
    run(config, inputs(tiny_source), tmp_path, Silent())
    path = tmp_path / WEIGHTS
    stored = load_file(path)
    assert stages_in(path) == 3 and not any(name.startswith("layer4") for name in stored)
    loaded = build_resnet("resnet18", path).state_dict()
    assert all(np.array_equal(loaded[name].numpy(), value.float().numpy()) for name, value in stored.items())
    detector = DistillConfig(backend="torchvision", backbone="resnet18", heads="slim", weights=str(path))
    with pytest.raises(InputError, match=r"first 3 stages only.*freeze_norm"):
        create_detector(detector, 2, path)
    learning = detector.model_copy(update={"freeze_norm": False, "freeze_stages": 0})
    module = create_detector(learning, 2, path).module
    assert torch.equal(module.state_dict()["backbone.body.conv1.weight"], stored["conv1.weight"].float())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_files_of_others_have_to_hold_all_stages() -> None:
    assert stages_in(Path("nowhere.pth")) == 4
