"""The method `slotcon` in training: no ViT, a teacher that follows, exact resume, and two processes that are as one."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.interruption import StopAfter
from helpers.sources import BlobSource
from maskdistill.data.catalog import RESNET, TRAINING_LOG
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.slot_views import View
from maskdistill.stages.imitate.methods.slotcon import SlotCon
from maskdistill.stages.imitate.methods.slotcon_config import SlotConConfig
from maskdistill.stages.imitate.stage import run
from maskdistill.stages.imitate.train import StudentTraining, train_student
from maskdistill.stages.networks.resnet import stages_in
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.distributed import run_on_devices
from maskdistill.stages.training.schedules import Step
from maskdistill.stages.weights import WeightsSource

SMALL = SlotConConfig(prototypes=6, dim=8, hidden=16)
CONFIG = ImitateConfig(
    method="slotcon", backbone="resnet18", stages=3, image_size=48, samples=12, batch_size=4, precision="fp32"
).model_copy(update={"slotcon": SMALL})


def inputs_for(devices: int = 1) -> StageInputs:
    return StageInputs(BlobSource(), {}, 3, ExecutionConfig(device="cpu", devices=devices, checkpoint_seconds=0))


def two_halves(images: Tensor, area: tuple[float, float]) -> tuple[View, View]:
    """Views without chance, which each process would draw for itself: an image, and its mirror image."""
    boxes = images.new_tensor([0.0, 0.0, 1.0, 1.0]).expand(len(images), 4)
    plain = torch.zeros(len(images), dtype=torch.bool)
    return View(images, boxes, plain), View(images.flip(-1), boxes, ~plain)


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / TRAINING_LOG).read_text().splitlines()]


def test_it_asks_for_no_vit_and_its_key_knows_none() -> None:
    with_vit = CONFIG.model_copy(update={"weights": WeightsSource.parse("pretrain"), "model": "nothing", "lr": 3.0})
    assert with_vit.inputs() == () and with_vit.files() == {}
    assert with_vit.used() == CONFIG.used()
    assert not {"model", "weights", "rotation"} & set(CONFIG.used())
    imitating = with_vit.model_copy(update={"method": "imitate"})
    assert imitating.inputs() == ("pretrain",) and "slotcon" not in imitating.used()


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(CONFIG, inputs_for(), tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, inputs_for(), tmp_path / "killed", StopAfter(2, "train"))
    run(CONFIG, inputs_for(), tmp_path / "killed", Silent())
    whole, killed = ((tmp_path / name / RESNET.file).read_bytes() for name in ("whole", "killed"))
    assert whole == killed
    assert stages_in(tmp_path / "whole" / RESNET.file) == 3
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "killed")


@pytest.mark.usefixtures("importable")
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """The slots of the whole batch are told apart, and centre and batch norms are of all of it."""
    logs = []
    for count in (1, 2):
        folder, inputs = tmp_path / str(count), inputs_for(count)
        folder.mkdir()
        training = StudentTraining(CONFIG, inputs, folder, two_halves)
        run_on_devices(train_student, training, count, inputs.execution, Silent())
        logs.append(log_of(folder))
    for alone, together in zip(*logs, strict=True):
        assert together == pytest.approx(alone, rel=2e-3)


def test_the_teacher_follows_and_learns_by_no_gradient() -> None:
    torch.manual_seed(0)
    networks = SlotCon("resnet18", 2, SMALL).train()
    views = two_halves(torch.rand(4, 3, 32, 32), (0.1, 1.0))
    torch.nn.init.ones_(networks.student.prototypes)
    before = networks.teacher.prototypes.clone()
    losses = networks.losses(views, Step(5, 10))
    torch.testing.assert_close(networks.teacher.prototypes, 0.995 * before + 0.005)
    torch.autograd.backward(sum(losses.values(), torch.zeros(())))
    assert all(parameter.grad is None for parameter in networks.teacher.parameters())
    assert all(parameter.grad is not None for parameter in networks.student.parameters())
    assert networks.centre.any() and networks.centre.abs().max() < 0.11


def test_the_losses_are_weighted_and_of_both_directions() -> None:
    found = []
    for weight in (0.5, 1.0):
        torch.manual_seed(0)
        networks = SlotCon("resnet18", 2, SMALL.model_copy(update={"grouping_weight": weight})).train()
        found.append(networks.losses(two_halves(torch.rand(4, 3, 32, 32), (0.1, 1.0)), Step(0, 1)))
    half, whole = found
    torch.testing.assert_close(whole["grouping"], 2 * half["grouping"])
    assert whole["slots"].item() == 0 and half["slots"].item() > 0


def test_it_learns_to_sort_given_views() -> None:
    torch.manual_seed(0)
    networks = SlotCon("resnet18", 2, SMALL).train()
    views = two_halves(torch.rand(4, 3, 32, 32), (0.1, 1.0))
    optimizer = torch.optim.AdamW(networks.student.parameters(), lr=1e-3)
    totals = []
    for number in range(12):
        loss = torch.stack(list(networks.losses(views, Step(number, 12)).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        totals.append(loss.item())
    assert totals[-1] < 0.7 * totals[0]
