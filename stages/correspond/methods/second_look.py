"""What Hidden Positives needs of the training images beside the stored tokens, from one more look through the ViT.

Shapes: N = h * w patches of an image, D numbers a patch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import FEATURES
from maskdistill.data.sources.image_source import own_size
from maskdistill.data.stores.write_features import join_features, write_features
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.neighbours import OFFSETS, neighbour_weights
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.features.extract import FeaturesWorker
from maskdistill.stages.known_images import read_known
from maskdistill.stages.mine.methods.miner import Photo
from maskdistill.stages.networks.resize import resize
from maskdistill.stages.networks.vit_inputs import Prepared, to_tensor
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.precision import autocast, float32_products
from maskdistill.stages.training.samples import derive_seed

NEIGHBOURS, RECOLOURED = "neighbours.zarr", "recoloured.zarr"
_JITTER, _GREY_RATE, _BLUR_RATE = (0.3, 0.3, 0.3, 0.1), 0.2, 0.5
_BLUR_PX = 5


@dataclass(frozen=True)
class LookJob:
    """The second look at some of the training images.

    Attributes:
        config: Of the stage, the ViT filled in.
        inputs: The images, and the tokens that say what the ViT saw.
        images: Indices into the stored tokens.
        recolour: Whether the tokens of an image in other colours are wanted too.
    """

    config: CorrespondConfig
    inputs: StageInputs
    images: tuple[int, ...]
    recolour: bool

    def open(self) -> "LookWorker":
        """Load the ViT."""
        return LookWorker(self)


class LookWorker:
    """The loaded ViT, set as it was for the features stage."""

    def __init__(self, job: LookJob) -> None:
        self.job, self.features = job, FEATURES.open(job.inputs.artifacts)
        seen = self.features.description
        settings = FeaturesConfig(
            model=job.config.model,
            weights=job.config.weights,
            normalise=job.config.normalise,
            blocks=tuple(seen["blocks"]),
            short_side=seen["short_side"],
            max_patches=seen["max_patches"],
            mirror=False,
        )
        self.worker = FeaturesWorker(settings, job.inputs)

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the neighbours' weights of some images, and their tokens in other colours."""
        about = {"of": self.features.description}
        with (
            write_features(folder / NEIGHBOURS, len(OFFSETS), about, mirrored=False) as neighbours,
            write_features(folder / RECOLOURED, self.features.dim, about, mirrored=False) as recoloured,
        ):
            for item, photo in self._photos(items):
                weights = self._weights(photo).permute(1, 2, 0).half().cpu().numpy()
                neighbours.add(item, photo.image_id, photo.size_hw, weights, counts=False)
                if self.job.recolour:
                    other = Photo(photo.index, photo.image_id, own_size(recolour(photo, self.job.inputs.seed)))
                    [(_, tokens, _)] = self.worker.maps([other])
                    recoloured.add(item, photo.image_id, photo.size_hw, tokens, counts=False)
                advance(1)
        return PartReport(len(items))

    def _photos(self, items: range) -> Iterator[tuple[int, Photo]]:
        source = self.job.inputs.source
        for item in items:
            image_id = self.features.image_ids[self.job.images[item]]
            yield item, Photo(source.index(image_id), image_id, own_size(read_known(source, image_id)))

    def _weights(self, photo: Photo) -> Tensor:
        """Weights of the neighbours of each patch, float (9, h, w)."""
        vit, device = self.worker.vit, self.worker.device
        prepared = Prepared(photo.index, resize(photo.pixels, self.worker.resized_hw(photo.size_hw)))
        with torch.inference_mode(), float32_products(tf32=False), autocast(device, self.job.config.precision):
            seen = vit.projections(to_tensor([prepared], vit, device), ("queries", "keys"))
            queries, keys = (seen[name][0, :, 1:].float() for name in ("queries", "keys"))
        logits = (queries @ keys.transpose(1, 2)).mean(dim=0) / queries.shape[2] ** 0.5
        return neighbour_weights(logits, self.worker.grid_hw(photo.size_hw))


def look_again(job: LookJob, folder: Path, progress: Progress) -> None:
    """Write NEIGHBOURS and RECOLOURED of all images of a job, in parts that a killed run does not lose."""
    execution, n_images = job.inputs.execution, len(job.images)
    progress.start("second look", n_images, "images")
    made = compute_parts(job, folder / "parts", n_images, execution.part_size, job.inputs.engine, progress.advance)
    for name in (NEIGHBOURS, RECOLOURED):
        join_features([part / name for part in made.folders], folder / name)


def recolour(photo: Photo, seed: int) -> UInt8Array:
    """The pixels in other colours, some of them grey, some blurred: the same ones for the same seed."""
    changes: list[nn.Module] = [v2.ColorJitter(*_JITTER), v2.RandomGrayscale(_GREY_RATE)]
    if min(photo.size_hw) > _BLUR_PX // 2:  # beyond the border the blur sees the mirror image of what is inside
        changes.append(v2.RandomApply([v2.GaussianBlur(_BLUR_PX)], _BLUR_RATE))
    change = v2.Compose(changes)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, photo.index))
        changed: Tensor = change(torch.from_numpy(photo.pixels.copy()).permute(2, 0, 1))
    pixels: UInt8Array = changed.permute(1, 2, 0).contiguous().numpy()
    return pixels
