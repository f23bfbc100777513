"""Stage 1: object masks without labels, by the method that `mine.method` names, and what is learnt from them.

Writes `masks.zarr`.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskdistill.data import seals
from maskdistill.data.catalog import INITIAL, MINED
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.data.tally import Tally
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.miner import Miner, Photo, read_photos
from maskdistill.stages.mine.refine import refine
from maskdistill.stages.parts import Advance, PartReport, Parts, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import MINING
from maskdistill.stages.training.precision import float32_products

UNIFORM = "of one colour throughout"
WHOLE = "with a mask that covers all of the image"
_WHOLE = 0.99
"""Fraction of an image from which on a mask covers all of it."""
_LEFT_OUT, _IMAGES, _OF_FILE = "masks_left_out", "remarks", "masks_left_out_of_file"


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
    facts = {name: fact for name, fact in parts.facts.items() if name != _OF_FILE}
    found = {**_metrics(store), **facts, **_report(store, parts, progress)}
    return StageOutputs(len(store), "masks", found, parts.failures)


def _refined(config: MineConfig, inputs: StageInputs, mined: Path, workdir: Path, progress: Progress) -> Path:
    """Learn foreground from the mined masks, as often as is set; gives the path of the masks in the end."""
    final = workdir / MINED.file
    if not final.exists():
        masks = mined
        for number in range(1, config.refine.rounds + 1):
            masks = refine(config.refine, inputs, masks, workdir / f"round{number}", number, progress)
        seals.move(masks, final)
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
        self.miner.left_out, remarks = Tally(), Tally()
        with float32_products(tf32=False):
            photos = _remarked(read_photos(self.source, items, failures, self.miner.looks_at), self.source, remarks)
            found = dict(self.miner.mine(photos))
        builder = MaskStoreBuilder()
        for index in items:
            if index in found:
                builder.add_rles(self.source.ids[index], found[index].rles, found[index].scores)
        builder.build().save(folder / MINED.file)
        advance(len(items))
        tallies = {_LEFT_OUT: self.miner.left_out.to_json(), _IMAGES: remarks.to_json()}
        of_file = {_OF_FILE: self.miner.of_file().to_json()}
        return PartReport(len(items), failures, {**self.miner.facts(), **of_file}, tallies)


def _remarked(photos: Iterable[Photo], source: ImageSource, remarks: Tally) -> Iterator[Photo]:
    """The same photos; what is to be said of them is counted."""
    for photo in photos:
        for remark in source.remarks(photo.index):
            remarks.add(remark, photo.image_id)
        if (photo.pixels == photo.pixels[0, 0]).all():
            remarks.add(UNIFORM, photo.image_id)
        yield photo


def _report(store: MaskStore, parts: Parts, progress: Progress) -> dict[str, Any]:
    """Say what is left out and what is odd, a line each; the same counts by reason for the manifest."""
    left_out = Tally.of_json(parts.facts.get(_OF_FILE, {}))
    left_out.merge(parts.tallies.get(_LEFT_OUT, Tally()))
    images = parts.tallies.get(_IMAGES, Tally())
    for row in np.flatnonzero(store.area_share >= _WHOLE).tolist():
        images.add(WHOLE, store.image_ids[store.image[row]])
    if left_out.total:
        progress.say(f"{left_out.total} of {len(store) + left_out.total} masks left out: {left_out}")
    if images.total:
        progress.say(f"of {len(store.image_ids)} images: {images}")
    return {name: tally.counts() for name, tally in ((_LEFT_OUT, left_out), (_IMAGES, images)) if tally.total}


def _metrics(store: MaskStore) -> dict[str, Any]:
    n_images = len(store.image_ids)
    return {
        "images": n_images,
        "mean_area_share": float(store.area_share.mean()) if len(store) else 0.0,
        "masks_per_image": len(store) / max(n_images, 1),
    }
