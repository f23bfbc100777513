"""The head `mcibi` in training: its memory in the file, resumed, averaged, in two processes, and left out."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.interruption import StopAfter
from helpers.segmentation import SETTINGS, make_halves, segment_inputs
from maskdistill.data.catalog import SEGMENTER
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.networks.batch_norm import synchronise_norm
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.heads.mcibi import McibiHead
from maskdistill.stages.segment.heads.mcibi_config import McibiConfig
from maskdistill.stages.segment.stage import run
from maskdistill.stages.training.distributed import n_processes, rank, run_on_devices
from maskdistill.stages.training.schedules import Step

SMALL = {"channels": 8, "dilations": (1, 2, 3)}
CPU = ExecutionConfig(device="cpu", checkpoint_seconds=0)


def settings(own: dict[str, Any] | None = None, **changes: Any) -> SegmentConfig:
    """A training of three steps."""
    config = SETTINGS.model_copy(update={"head": "mcibi", "mcibi": McibiConfig(**SMALL, **(own or {}))})
    return config.model_copy(update={"iterations": 3, **changes})


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    return segment_inputs(tmp_path, make_halves(), CPU, k=3)


def train(
    folder: Path, config: SegmentConfig, inputs: StageInputs, progress: Progress | None = None
) -> dict[str, Tensor]:
    folder.mkdir(exist_ok=True)
    run(config, inputs, folder, progress or Silent())
    return load_file(folder / SEGMENTER.file)


def test_the_memory_is_in_the_file_and_holds_what_was_seen(inputs: StageInputs, tmp_path: Path) -> None:
    memory = train(tmp_path / "work", settings(), inputs)["head.memory"]
    assert memory.shape == (4, 1, 8) and torch.isfinite(memory).all()
    # Background, the two classes of the halves, and a cluster that no pixel belongs to.
    assert memory.any(dim=-1)[:, 0].tolist() == [True, True, True, False]


def test_killed_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    own = {"slots": 2, "update": "mean", "hard": True, "min_confidence": 0.3}
    config = settings(own, ema=0.9, batch_size=2, keep_fraction=0.5)
    train(tmp_path / "whole", config, inputs)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", config, inputs, StopAfter(2))
    train(tmp_path / "killed", config, inputs)
    whole, killed = ((tmp_path / name / SEGMENTER.file).read_bytes() for name in ("whole", "killed"))
    assert whole == killed


def see_a_batch(folder: Path, progress: Progress) -> None:
    """One step of this process's share of four images; its memory is saved."""
    torch.manual_seed(0)
    head = McibiHead(McibiConfig(**SMALL), 6, 4, (1, 2, 3)).train()
    features, labels = torch.randn(4, 6, 4, 4), torch.randint(0, 4, (4, 8, 8))
    if n_processes() > 1:
        synchronise_norm(head, torch.device("cpu"))
    for share in range(2):
        torch.manual_seed(1)
        own = slice(rank(), None, n_processes())
        head.losses(features[own] + share, labels[own], Step(share, 2), mean)
    torch.save(head.memory, folder / f"{rank()} of {n_processes()}.pt")


@pytest.mark.usefixtures("importable")
def test_two_processes_have_the_memory_of_one(tmp_path: Path) -> None:
    see_a_batch(tmp_path, Silent())
    run_on_devices(see_a_batch, tmp_path, 2, CPU, Silent())
    alone, first, second = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("0 of 1", "0 of 2", "1 of 2")
    )
    assert torch.equal(first, second)
    torch.testing.assert_close(first, alone, atol=1e-5, rtol=1e-5)


def test_without_memory_the_rest_is_the_same_and_there_are_no_settings_of_it() -> None:
    with_memory, without = (McibiHead(McibiConfig(**SMALL, memory=m), 6, 4, (1, 2, 3)) for m in (True, False))
    names = {name for name, _ in with_memory.named_parameters()}
    assert {name for name, _ in without.named_parameters()} == {
        name for name in names if not name.startswith("fusion.attention.")
    }
    losses = without.train().losses(torch.randn(2, 6, 4, 4), torch.zeros(2, 8, 8, dtype=torch.uint8), Step(0, 1), mean)
    assert set(losses) == {"final", "first"}
    used = McibiConfig(memory=False, image_context=False).used()
    assert used == {"channels": 512, "memory": False, "image_context": False, "first_weight": 0.4}


def test_the_statistics_of_batch_norms_are_those_of_pixels_alone() -> None:
    heads = []
    for consistency in (0.0, 1.0):
        torch.manual_seed(0)
        head = McibiHead(McibiConfig(**SMALL, consistency=consistency), 6, 4, (1, 2, 3)).train()
        torch.manual_seed(1)
        losses = head.losses(torch.randn(2, 6, 4, 4), torch.randint(0, 4, (2, 8, 8)), Step(0, 1), mean)
        assert ("consistency" in losses) == bool(consistency)
        assert head.second.training
        heads.append(head)
    without, with_loss = (dict(head.named_buffers()) for head in heads)
    assert all(torch.equal(value, with_loss[name]) for name, value in without.items())


def test_the_gradient_of_the_consistency_reaches_the_second_classifier_alone() -> None:
    torch.manual_seed(0)
    head = McibiHead(McibiConfig(**SMALL), 6, 4, (1, 2, 3)).train()
    features = torch.randn(2, 6, 4, 4, requires_grad=True)
    losses = head.losses(features, torch.randint(0, 4, (2, 8, 8)), Step(0, 1), mean)
    torch.autograd.backward(losses["consistency"])
    reached = {name.split(".")[0] for name, value in head.named_parameters() if value.grad is not None}
    assert reached == {"second"} and features.grad is None


def test_a_batch_without_any_label_teaches_the_memory_nothing() -> None:
    torch.manual_seed(0)
    head = McibiHead(McibiConfig(**SMALL, min_confidence=0.5, slots=2), 6, 4, (1, 2, 3)).train()
    losses = head.losses(torch.randn(2, 6, 3, 5), torch.full((2, 6, 10), 255, dtype=torch.uint8), Step(0, 1), mean)
    torch.autograd.backward(sum(losses.values(), torch.zeros(())))
    assert not head.memory.any() and losses["consistency"].item() == 0
    assert all(torch.isfinite(one.grad).all() for one in head.parameters() if one.grad is not None)


def mean(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.mean()
