"""What the processes of the fault suite do."""

import time
from pathlib import Path

import numpy as np
import torch
from content_hashes import content_hashes
from rich.console import Console

from helpers.fault_process import steps_so_far
from helpers.fault_stages import fault_plan
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import forced_stages, run_stages
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage
from maskdistill.pipeline.upkeep.repair import repair_stage
from maskdistill.pipeline.upkeep.verify import verify_stage


def run(config: Path, force: str | None = None, *overrides: str) -> None:
    """All stages that are not cached."""
    plan = fault_plan(config, *overrides)
    run_stages(plan, STAGES, Console(), forced=forced_stages(plan, force))
    (config.parent / "steps").write_text(str(steps_so_far()))


def run_with_threads(config: Path, threads: int) -> None:
    """The same with another number of threads."""
    torch.set_num_threads(threads)
    run(config)


def store_masks_of_one_image(config: Path, n: int) -> None:
    """Write as many masks of one image, and read them again."""
    side = np.arange(40)
    masks = side[None, :, None] <= (np.arange(n) % 40)[:, None, None]
    builder = MaskStoreBuilder()
    builder.add("a.jpg", np.broadcast_to(masks, (n, 40, 3)), scores=[0.5] * n, clusters=[0] * n)
    builder.build().save(config.parent / "many.zarr")
    found = MaskStore.open(config.parent / "many.zarr")
    assert found.area.tolist() == [3 * (i % 40 + 1) for i in range(n)]
    assert (found.decode(n - 1) == masks[n - 1]).all()


def collect_garbage(config: Path, *overrides: str) -> None:
    """`gc --yes`."""
    plan = fault_plan(config, *overrides)
    for line in remove_garbage(plan, find_garbage(plan)):
        print(line)


def read(config: Path) -> None:
    """Use every artifact, as a stage does; each has to be sound."""
    plan = fault_plan(config)
    for spec in plan.specs:
        plan.require(spec.name, "the fault suite")


def repair(config: Path) -> None:
    """`verify --repair`."""
    plan = fault_plan(config)
    for spec in plan.specs:
        if verify_stage(plan, spec.name):
            repair_stage(plan, spec.name)


def run_and_hash(config: Path, output: Path) -> None:
    """All stages that are not cached, and what that came to."""
    run(config)
    hash_all(config, output)


def hash_all(config: Path, output: Path) -> None:
    """Write down what the run came to, once `verify` finds it sound."""
    plan = fault_plan(config)
    faults = {spec.name: verify_stage(plan, spec.name) for spec in plan.specs}
    if any(found is None or found for found in faults.values()):
        output.write_text(f"not sound: {faults}")
        return
    output.write_text("\n".join(content_hashes(config.parent / "artifacts")))


def hold_lock(config: Path, stage: str) -> None:
    """Hold the lock of an artifact, as a run does, for as long as the file `held` is there."""
    plan = fault_plan(config)
    with plan.store.lock(stage, plan.stages[stage].key):
        _wait(config.parent / "held")


def read_slowly(config: Path, stage: str) -> None:
    """Read an artifact for as long."""
    plan = fault_plan(config)
    with plan.reading([stage]):
        plan.require(stage, "a reader")
        _wait(config.parent / "held")
        plan.require(stage, "a reader")


def _wait(held: Path) -> None:
    held.touch()
    while held.exists():
        time.sleep(0.02)
