"""The mining stage beside the bare forward pass of its ViT, and beside a plain loop.

python benchmarks/mining.py                                     a ViT-S/16, photos of 480 x 640 px
python benchmarks/mining.py --photo 3000 4000 --images 4        those of a phone, of which JPEG is decoded smaller
python benchmarks/mining.py --memory --images 10000 --side 64   how the memory grows over many images

The stage reads JPEG files, resizes them, runs the ViT, finds the mask, and writes it at the photo's own size. The bare
forward pass is that of the ViT on the same images, already resized, in batches as the stage makes them. The plain loop
takes one image after the other, in float32, with attention that forms all its weights and an affinity of all patches
with all. Both are timed in turn with the stage. All weights are random, which costs the same.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import hardware, in_turn
from PIL import Image
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig
from maskdistill.data.sources.folder import FolderSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.affinity import AffinityMiner
from maskdistill.stages.mine.methods.affinity_rule import class_attention, keep_mass, propose
from maskdistill.stages.mine.methods.miner import Photo, read_photos
from maskdistill.stages.mine.stage import MineWorker
from maskdistill.stages.networks.resize import grid_to_image, resize, short_side_size
from maskdistill.stages.networks.vit_inputs import Prepared, batches, to_tensor
from maskdistill.stages.training.precision import autocast

DRAWN = 50
ON_CPU, ON_GPU = 1.10, 1.3
"""Most times as long as the bare forward pass: the targets."""
PLAIN, PLAIN_BF16 = 2.5, 7.0
"""Least times as fast as the plain loop, without and with bf16."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--photo", type=int, nargs=2, default=(480, 640), help="height and width of the photos, px")
    parser.add_argument("--side", type=int, default=480, help="short side at which the ViT sees an image, px")
    parser.add_argument("--model", default="vit_small_patch16_224")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="only how the memory grows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = draw_photos(Path(name, "photos"), options.images, tuple(options.photo))
        config = MineConfig.model_validate(
            {"model": options.model, "weights": "random", "affinity": {"short_side": options.side}}
        )
        miner = AffinityMiner(config, StageInputs(source, {}, execution=ExecutionConfig()))
        stage = Stage(miner, Path(name), options.images)
        if options.memory:
            show_memory(stage)
        else:
            compare(stage, miner, options.turns)


def draw_photos(folder: Path, count: int, size_hw: tuple[int, int]) -> FolderSource:
    """JPEG files of soft shapes with grain; some are drawn, the others are links to them."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06d}.jpg"
        if number < DRAWN:
            soft = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(size_hw[::-1])
            grain = rng.normal(0, 8, (*size_hw, 3))
            Image.fromarray(np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8)).save(path, quality=92)
        else:
            os.link(folder / f"{number % DRAWN:06d}.jpg", path)
    return FolderSource(FolderConfig(kind="folder", root=folder))


def unread(miner: AffinityMiner) -> FolderSource:
    """The same photos, none of which is kept in memory."""
    photos = miner.inputs.source
    assert isinstance(photos, FolderSource)
    return FolderSource(FolderConfig(kind="folder", root=photos.file(0).parent))


class Stage:
    """The mining stage's work on all images, as often as it is called."""

    def __init__(self, miner: AffinityMiner, folder: Path, n_images: int) -> None:
        self.miner, self.folder, self.n_images, self.runs = miner, folder, n_images, 0
        self.worker = MineWorker(miner, miner.inputs)

    def __call__(self) -> None:
        """Mine all images, read anew, as one part."""
        self.worker = MineWorker(self.miner, StageInputs(unread(self.miner), {}))
        self.write(range(self.n_images))

    def write(self, items: range) -> None:
        """Mine some images as a part of their own."""
        self.runs += 1
        part = self.folder / f"part{self.runs}"
        part.mkdir()
        self.worker.write(items, part, lambda n: None)


def compare(stage: Stage, miner: AffinityMiner, turns: int) -> None:
    photos = list(read_photos(miner.inputs.source, range(stage.n_images), {}, miner.looks_at))
    forward = in_turn(lambda: bare_forward(miner, photos), stage, turns)
    loop = in_turn(stage, lambda: plain_loop(miner, stage.n_images), turns)
    n, on_cpu = stage.n_images, miner.device.type == "cpu"
    table = Table("", "ms an image", "core-ms", "in turn with it, the stage is", "target")
    table.add_row("the stage", *(f"{1000 * cell / n:.1f}" for cell in forward.second), "", "")
    table.add_row(
        "bare forward pass",
        *(f"{1000 * cell / n:.1f}" for cell in forward.first),
        f"{forward.wall_ratio:.2f} times as slow (core-seconds {forward.cpu_ratio:.2f})",
        f"at most {ON_CPU if on_cpu else ON_GPU}",
    )
    table.add_row(
        "plain loop",
        *(f"{1000 * cell / n:.1f}" for cell in loop.second),
        f"{loop.wall_ratio:.2f} times as fast (core-seconds {loop.cpu_ratio:.2f})",
        f"at least {PLAIN}, with bf16 {PLAIN_BF16}",
    )
    Console(width=130).print(table)
    height, width = photos[0].size_hw
    print(f"{n} photos of {height} x {width} px, on {miner.device}; {torch.get_num_threads()} threads")
    print(hardware())


def resized_photos(miner: AffinityMiner, photos: list[Photo]) -> Iterator[Prepared]:
    for photo in photos:
        yield Prepared(photo.index, resize(photo.pixels, seen_hw(miner, photo.size_hw)))


def seen_hw(miner: AffinityMiner, size_hw: tuple[int, int]) -> tuple[int, int]:
    return short_side_size(size_hw, miner.rule.short_side, miner.vit.patch_size, miner.rule.max_patches)


_PREPARED: dict[int, list[Tensor]] = {}


def bare_forward(miner: AffinityMiner, photos: list[Photo]) -> None:
    """Queries and keys of all images; what goes into the ViT is made once."""
    if not _PREPARED:
        size = miner.inputs.execution.batch_size
        groups = batches(resized_photos(miner, photos), miner.vit.patch_size, size, miner.device)
        _PREPARED[0] = [to_tensor(group, miner.vit, miner.device) for group in groups]
    with torch.inference_mode(), autocast(miner.device, miner.config.precision):
        for images in _PREPARED[0]:
            miner.vit.projections(images, ("queries", "keys"), miner.block)
    if miner.device.type == "cuda":
        torch.cuda.synchronize()


def plain_loop(miner: AffinityMiner, n_images: int) -> list[dict[str, object]]:
    """The masks of all images, as a first version would find them."""
    attentions = [block.attn for block in miner.vit.model.blocks]
    fused = [attention.fused_attn for attention in attentions]
    for attention in attentions:
        attention.fused_attn = False
    try:
        photos = unread(miner)
        with torch.inference_mode():
            return [plain_mask(miner, photos.read(index)) for index in range(n_images)]
    finally:
        for attention, was in zip(attentions, fused, strict=True):
            attention.fused_attn = was


def plain_mask(miner: AffinityMiner, pixels: UInt8Array) -> dict[str, object]:
    size_hw = (pixels.shape[0], pixels.shape[1])
    inner_hw = seen_hw(miner, size_hw)
    images = to_tensor([Prepared(0, resize(pixels, inner_hw))], miner.vit, miner.device)
    seen = miner.vit.projections(images, ("queries", "keys", "values"), miner.block)
    queries, keys = seen["queries"][0].float(), seen["keys"][0, :, 1:].float()
    attention = class_attention(queries[:, 0], keys, miner.rule.n_heads).cpu()
    proposals = propose(keep_mass(attention, miner.rule.attention_mass), miner.rule.topk_fraction)
    patches = keys.transpose(0, 1).flatten(1)
    affinity = patches @ patches.T
    sources = proposals[(affinity[proposals[0]][proposals] > 0).cpu()]
    grid: NDArray[np.bool_] = (affinity[sources].sum(dim=0) > 0).reshape(miner.grid(inner_hw)).cpu().numpy()
    regions, _ = ndimage.label(grid)
    mask = grid_to_image(regions == regions.flat[int(proposals[0])], inner_hw, size_hw, miner.vit.patch_size)
    return dict(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))


def show_memory(stage: Stage) -> None:
    """Resident memory after each tenth of the images, worked on in parts as the stage does."""
    table = Table("images", "MiB")
    tenth, size = max(1, stage.n_images // 10), 128
    for start in range(0, stage.n_images, size):
        stage.write(range(start, min(start + size, stage.n_images)))
        if start // tenth != (start + size) // tenth:
            table.add_row(f"{min(start + size, stage.n_images):,}", f"{resident_mib():.0f}")
    Console().print(table)
    print(hardware())


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
