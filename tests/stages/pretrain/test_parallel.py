"""Pre-training in two processes on the CPU: the same as one where nothing is drawn at random, and exact resume."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from helpers.interruption import StopAfter
from helpers.small_vit import OVERRIDES
from maskdistill.data.catalog import TRAINING_LOG, VIT
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.pretrain import stage
from maskdistill.stages.pretrain.config import PretrainConfig, ViewsConfig
from maskdistill.stages.pretrain.encoder import build_learner, normalise
from maskdistill.stages.pretrain.fit import PretrainFit, recipe_of
from maskdistill.stages.pretrain.methods.dino import DinoMethod
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.pretrain.methods.prototypes import PrototypesMethod
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.distributed import n_processes, rank, run_on_devices
from maskdistill.stages.training.exchange import average_gradients, gather
from maskdistill.stages.training.samples import SampleStream
from maskdistill.stages.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("importable")

TWO = ExecutionConfig(device="cpu", devices=2, checkpoint_seconds=0)
WHOLE_GRID = {"global_size": 32, "local_size": 32, "n_local": 1}
"""Views of the model's own size have one place only in its grid of positions."""
PROTOTYPES = PretrainConfig.model_validate(
    {
        "overrides": OVERRIDES,
        "image_size": 32,
        "samples": 40,
        "batch_size": 8,
        "views": WHOLE_GRID,
        "prototypes": {"counts": [3, 5], "dense_patches": 16},  # all there are
        "warmup_iterations": 2,
        "precision": "fp32",
    }
)
"""Five steps; assignments join in after the first, patches after the second."""
IBOT = PROTOTYPES.model_copy(
    update={
        "method": "dino",
        "dino": DinoConfig(outputs=16, hidden=8, bottleneck=4, patch_weight=1.0, frozen_until=0.3),
    }
)


@dataclass(frozen=True)
class Work:
    """Trainings in subfolders of `folder`, and a check of what processes exchange."""

    folder: Path


def fixed_views(images: Tensor, config: ViewsConfig, strength: float) -> tuple[Tensor, Tensor]:
    return torch.stack([images, images.flip(3)]), images.flip(2)[None]


def hide_some(n_views: int, grid_hw: tuple[int, int], config: DinoConfig) -> Tensor:
    """Of image number n of the whole batch, n patches are hidden: in one process's share more than in the other's."""
    images_here = n_views // 2
    image = torch.arange(n_views) % images_here * n_processes() + rank()
    return torch.arange(16) < image[:, None]


def train(work: Work, progress: Progress) -> None:
    """Train with both methods on views without chance."""
    pool = np.random.default_rng(0).integers(0, 255, (12, 3, 32, 32), dtype=np.uint8)
    for name, config in (("prototypes", PROTOTYPES), ("ibot", IBOT)):
        torch.manual_seed(0)
        vit = build_learner(config.model, config.overrides)
        method = DinoMethod(vit, config, hide_some) if name == "ibot" else PrototypesMethod(vit, config)
        folder = work.folder / name
        folder.mkdir(exist_ok=True)
        samples = SampleStream(len(pool), lambda item: (f"image{item}", torch.from_numpy(pool[item])), seed=3)
        fit = PretrainFit(method, config, fixed_views, check_every=1)
        device = torch.device("cpu")
        Trainer(fit, samples, torch.stack, recipe_of(config), folder, TWO, device, progress).run()
        trained_vit = method.result()
        with torch.no_grad():
            tokens = trained_vit(normalise(torch.from_numpy(pool) / 255, trained_vit))
        torch.save((method.state_dict(), tokens), folder / f"method{rank()}.pt")


def exchange(work: Work, progress: Progress) -> None:
    """A loss that couples all rows, after a linear layer on each process's rows and before another on all of them."""
    torch.manual_seed(0)
    rows, first, second = torch.randn(2, 4, 3), nn.Linear(3, 3), nn.Linear(3, 2)
    unused = nn.Linear(1, 1)
    share = 4 // n_processes()
    together = gather(first(rows[:, rank() * share : (rank() + 1) * share]), dim=1)
    flat = together.flatten(0, 1)
    second(torch.cdist(flat, flat + 1).softmax(dim=1) @ flat).square().mean().backward()
    parameters = [*first.parameters(), *unused.parameters(), *second.parameters()]
    average_gradients(parameters)
    assert unused.weight.grad is None
    torch.save(
        [together.detach(), *(parameter.grad for parameter in (*first.parameters(), *second.parameters()))],
        work.folder / f"exchange{rank()}.pt",
    )


def train_and_exchange(work: Work, progress: Progress) -> None:
    exchange(work, progress)
    train(work, progress)


@pytest.fixture(scope="module")
def trained(importable: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the trainings of one process and of two."""
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for count, folder in enumerate(folders, start=1):
        run_on_devices(train_and_exchange, Work(folder), count, TWO, Silent())
    return folders


def read(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def test_rows_and_gradients_are_those_of_one_process(trained: tuple[Path, Path]) -> None:
    alone, first, second = (read(path) for path in (trained[0] / "exchange0.pt", *sorted(trained[1].glob("exchange*"))))
    for expected, *found in zip(alone, first, second, strict=True):
        for values in found:
            torch.testing.assert_close(values, expected)
    assert alone[1].abs().max() > 1e-4


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("prototypes", {"nce", "prototypes", "dense", "rank"}),
        ("ibot", {"dino", "patches", "rank", "entropy", "information"}),
    ],
)
def test_two_processes_train_as_one(method: str, names: set[str], trained: tuple[Path, Path]) -> None:
    """Sinkhorn, InfoNCE, batch norm and the centres are those of the whole batch."""
    logs = [
        [json.loads(line) for line in (folder / method / TRAINING_LOG).read_text().splitlines()] for folder in trained
    ]
    assert set(logs[0][-1]) == names | {"iteration", "loss", "lr"}
    assert len(logs[0]) == len(logs[1]) == 5
    for alone, together in zip(*logs, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
    alone, first, second = (read(path) for folder in trained for path in sorted((folder / method).glob("method*.pt")))
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    # Not the parameters: some of them, such as a key's bias, change nothing, and AdamW makes large steps of rounding.
    torch.testing.assert_close(first[1], alone[1], rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_two_killed_and_resumed_are_bit_identical(tmp_path: Path, tiny_source: ImageSource) -> None:
    """The whole stage, with random views, which differ between the processes."""
    config = PROTOTYPES.model_copy(update={"precision": "bf16", "batch_size": 4})
    inputs = StageInputs(tiny_source, {}, 3, TWO)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    with pytest.raises(KeyboardInterrupt):
        stage.run(config, inputs, tmp_path / "killed", StopAfter(3, "train"))
    outputs = [stage.run(config, inputs, tmp_path / name, Silent()) for name in ("whole", "killed")]
    assert outputs[0] == outputs[1]
    logs = [(tmp_path / name / TRAINING_LOG).read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    first, second = (load_file(tmp_path / name / VIT.file) for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)
