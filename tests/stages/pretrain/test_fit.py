"""What pre-training does around an update: the check for collapse, and each method's own."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.interruption import StopAfter
from helpers.small_vit import MODEL, OVERRIDES, make_small_vit
from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.pretrain.config import PretrainConfig, ViewsConfig
from maskdistill.stages.pretrain.fit import PretrainFit, recipe_of
from maskdistill.stages.pretrain.key_offset import shrink_unread_keys
from maskdistill.stages.pretrain.methods.dino import DinoMethod
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.pretrain.methods.prototypes import PrototypesMethod
from maskdistill.stages.pretrain.methods.prototypes_config import PrototypesConfig
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.samples import SampleStream
from maskdistill.stages.training.trainer import Trainer

PROTOTYPES = PrototypesConfig(counts=(3, 5), dense_patches=2)
CONFIG = PretrainConfig.model_validate(
    {
        "model": MODEL,
        "overrides": OVERRIDES,
        "samples": 48,
        "batch_size": 4,
        "views": {"global_size": 24, "local_size": 16, "n_local": 1},
        "prototypes": PROTOTYPES,
        "precision": "fp32",
    }
)
DINO = CONFIG.model_copy(update={"method": "dino", "dino": DinoConfig(outputs=16, hidden=8, bottleneck=4)})


def same_views(images: Tensor, config: ViewsConfig, strength: float) -> tuple[Tensor, Tensor]:
    """Views that are all the same, and so have embeddings that are all the same."""
    return torch.full((2, len(images), 3, 24, 24), 0.5), torch.full((1, len(images), 3, 16, 16), 0.5)


def train_on_same_views(config: PretrainConfig, folder: Path, progress: Progress) -> None:
    vit = make_small_vit()
    method = DinoMethod(vit, config) if config.method == "dino" else PrototypesMethod(vit, config)
    Trainer(
        PretrainFit(method, config, same_views, check_every=1),
        SampleStream(5, lambda item: (f"image{item}", torch.zeros(3, 32, 32, dtype=torch.uint8)), seed=0),
        torch.stack,
        recipe_of(config),
        folder,
        ExecutionConfig(device="cpu", checkpoint_seconds=0),
        torch.device("cpu"),
        progress,
    ).run()


@pytest.mark.parametrize("config", [CONFIG, DINO], ids=["prototypes", "dino"])
def test_a_collapsed_training_stops(config: PretrainConfig, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match="collapsed: at step 5 "):
        train_on_same_views(config, tmp_path, Silent())


def test_bad_checks_are_counted_on_over_a_restart(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_on_same_views(CONFIG, tmp_path, StopAfter(4))
    with pytest.raises(MaskDistillError, match="collapsed: at step 5 "):
        train_on_same_views(CONFIG, tmp_path, Silent())


def test_unread_keys_are_shrunk_once_when_their_time_has_come() -> None:
    """In the student and in its average alike, which would carry the old keys on."""
    method = PrototypesMethod(make_small_vit(), CONFIG)
    before = deepcopy(method.vit)
    expected = deepcopy(method.vit)
    shrink_unread_keys(expected, PROTOTYPES.scrub)
    times = [(0.31, 0.32, before), (0.32, 0.34, expected), (0.34, 0.35, expected)]
    for share, next_share, wanted in times:
        method.after_update(1000, share, next_share)
        for vit in (method.vit, method.result()):
            for found, parameter in zip(vit.parameters(), wanted.parameters(), strict=True):
                torch.testing.assert_close(found, parameter)
    changed = (
        expected.get_parameter("blocks.1.attn.qkv.weight") - before.get_parameter("blocks.1.attn.qkv.weight")
    ).abs()
    assert changed.max() > 1e-3
