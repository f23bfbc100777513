"""Stage 1: object masks without labels, by the method that `mine.method` names, and what is learnt from them.

Writes `masks.zarr`.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskdistill.data.catalog import INITIAL, MINED
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.miner import Miner, read_photos
from maskdistill.stages.mine.refine import refine
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import MINING
from maskdistill.stages.training.precision import float32_products


def run(config: MineConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Find the objects of all images, in parts that a later run need not compute again.

    Args:
        config: The settings of the stage.
        inputs: The images; the artifact of `pretrain` where the ViT is its result, and that of `features` where masks
            are refined.
        workdir: Where `masks.zarr` is written; its images are all readable ones, in the order of the source. With
            `mine.refine`, the masks as the method found them lie in `initial.zarr`, and weights and log of a round in
            `round1` and so on.
        progress: Told about every image.

    Returns:
        The number of masks; unreadable images as failures.

    Raises:
        InputError: Unusable model, weights or file of masks, or more unreadable images than `inputs.max_failure_rate`
            allows.
    """
    n_images = len(inputs.source)
    miner: type[Miner] = MINING.chosen(config).load()
    prepared = miner.prepare(config, inputs, workdir / "prepare", progress)
    progress.start("masks", n_images, "images")
    parts = compute_parts(
        MineJob(config, inputs, prepared),
        workdir / "parts",
        n_images,
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
        lambda failures: check_failures(failures, n_images, inputs.max_failure_rate),
    )
    rounds = config.refine.rounds
    mined = workdir / (INITIAL if rounds else MINED).file
    if not mined.exists():
        merge_parts([part / MINED.file for part in parts.folders], mined)
    store = MaskStore.open(_refined(config, inputs, mined, workdir, progress))
    for folder in ("parts", "prepare"):
        shutil.rmtree(workdir / folder, ignore_errors=True)
    return StageOutputs(len(store), "masks", {**_metrics(store), **parts.facts}, parts.failures)


def _refined(config: MineConfig, inputs: StageInputs, mined: Path, workdir: Path, progress: Progress) -> Path:
    """Learn foreground from the mined masks, as often as is set; gives the path of the masks in the end."""
    final = workdir / MINED.file
    if not final.exists():
        masks = mined
        for number in range(1, config.refine.rounds + 1):
            masks = refine(config.refine, inputs, masks, workdir / f"round{number}", number, progress)
        masks.rename(final)
    return final


@dataclass(frozen=True)
class MineJob:
    """Finding objects in some of the images; `prepared` is what `Miner.prepare` gave."""

    config: MineConfig
    inputs: StageInputs
    prepared: Any

    def open(self) -> "MineWorker":
        """Load the method."""
        miner: type[Miner] = MINING.chosen(self.config).load()
        return MineWorker(miner(self.config, self.inputs, self.prepared), self.inputs)


class MineWorker:
    """Writes the masks of some images."""

    def __init__(self, miner: Miner, inputs: StageInputs) -> None:
        self.miner, self.source = miner, inputs.source

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write `masks.zarr` of all readable ones of some images."""
        failures: dict[str, str] = {}
        with float32_products(tf32=False):
            found = dict(self.miner.mine(read_photos(self.source, items, failures)))
        builder = MaskStoreBuilder()
        for index in items:
            if index in found:
                builder.add_rles(self.source.ids[index], found[index].rles, found[index].scores)
        builder.build().save(folder / MINED.file)
        advance(len(items))
        return PartReport(len(items), failures, self.miner.facts())


def _metrics(store: MaskStore) -> dict[str, Any]:
    n_images = len(store.image_ids)
    return {
        "images": n_images,
        "mean_area_share": float(store.area_share.mean()) if len(store) else 0.0,
        "masks_per_image": len(store) / max(n_images, 1),
    }
