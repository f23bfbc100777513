"""A trained segmenter in three lines of Python: load it, give it an image, get its label map."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import SEGMENTER
from maskdistill.data.config import SourceConfig
from maskdistill.data.errors import InputError
from maskdistill.data.naming import NO_NAMES, ClusterNames
from maskdistill.data.sources.decode import read_image
from maskdistill.data.sources.stretch import Stretch
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.export.label_pngs import legend
from maskdistill.pipeline.cluster_names import names_beside
from maskdistill.pipeline.integrity import check_file
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.networks.batching import batch_by_shape
from maskdistill.stages.networks.weights_file import read_description, stretch_of
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import view_scores, views_of
from maskdistill.stages.segment.model import Segmenter as Network
from maskdistill.stages.segment.predict import full_scores, to_labels
from maskdistill.stages.segment.train import load_segmenter
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast

Image = UInt8Array | str | Path
"""Pixels uint8 (H, W, 3) RGB, or the path of an image file."""
_BATCH = 8
"""Images, or windows of one, that go through the network together."""


class Segmenter:
    """A trained segmenter; `Segmenter.load` makes one.

    A label map holds 0 for background and c + 1 for cluster c. Clusters have numbers, and names only where a person has
    given them some on the page of `maskdistill view --edit`.

    Attributes:
        n_classes: Number of values in a label map: the clusters, and background.
        config: The settings that it was trained with.
        stretch: How pictures are read for it, as `data.stretch` had it.
        names: What each value of a label map is called, by value.
    """

    def __init__(
        self,
        network: Network,
        config: SegmentConfig,
        n_classes: int,
        device: torch.device,
        stretch: str = "auto",
        cluster_names: ClusterNames = NO_NAMES,
    ) -> None:
        self.n_classes = n_classes
        self.config = config
        self.stretch = stretch
        self.names = {int(value): name for value, name in legend(range(n_classes), cluster_names).items()}
        self._network, self._device = network, device

    @classmethod
    def load(cls, path: str | Path, *, device: Literal["auto", "cpu", "cuda"] = "auto") -> "Segmenter":
        """The segmenter that a run has trained.

        Args:
            path: Folder of an artifact of the segment stage (`artifacts/segment/<key>`), or a `segmenter.safetensors`.
            device: Where it computes; "auto" = on the GPU where there is one.

        Raises:
            MissingArtifact: There is no such file.
            CorruptArtifact: It is no segmenter of this project, or damaged.
        """
        weights = Path(path) / SEGMENTER.file if Path(path).is_dir() else Path(path)
        check_file(weights)
        where = resolve_device(ExecutionConfig(device=device))
        network, config = load_segmenter(weights, where)
        n_classes, names = read_description(weights)["n_classes"], names_beside(weights.parent)
        return cls(network, config, n_classes, where, stretch_of(weights), names)

    @property
    def colours(self) -> UInt8Array:
        """A colour for each label, RGB uint8 (n_classes, 3), background black: `colours[labels]` is a picture."""
        return np.asarray([(0, 0, 0), *map(cluster_colour, range(self.n_classes - 1))], dtype=np.uint8)

    @property
    def prototypes(self) -> NDArray[np.float32]:
        """What each label looks like in the whole data set, as the head `mcibi` remembers it.

        Returns:
            float32 (n_classes, slots, channels), in the features of the head; zeros where nothing was seen.

        Raises:
            InputError: The segmenter has another head, or one without a memory.
        """
        memory = self._network.state_dict().get("head.memory")
        if memory is None or not memory.numel():
            raise InputError("this segmenter remembers no prototypes; train one with segment.head=mcibi")
        return memory.float().cpu().numpy()  # type: ignore[no-any-return]

    def predict(self, image: Image, *, with_crf: bool | None = None) -> UInt8Array:
        """The label of each pixel of an image.

        Args:
            image: Pixels uint8 (H, W, 3) RGB, or the path of an image file.
            with_crf: Whether a CRF then draws outlines along edges of the image, as `segment.crf` has it; None = as the
                run did, which `segment.crf.predictions` says.

        Returns:
            uint8 (H, W), 0 to `n_classes` - 1.

        Raises:
            InputError: The array is none of an RGB image.
            UnreadableImage: The file cannot be read.
        """
        pixels = self._read(image)
        return to_labels(self._scores([pixels])[0], pixels, self.config, with_crf=self._crf(with_crf))

    def probabilities(self, image: Image, *, with_crf: bool | None = None) -> NDArray[np.float32]:
        """The probability of each label at each pixel of an image.

        The label of `predict` is the one of the highest, but for `segment.whole_regions`, which gives one to a region.

        Returns:
            float32 (n_classes, H, W), 0-1, in sum 1 over the classes. Arguments and errors as those of `predict`.
        """
        pixels = self._read(image)
        with torch.inference_mode():
            full = full_scores(self._scores([pixels])[0], pixels, self.config, with_crf=self._crf(with_crf))
            return full.softmax(dim=0).cpu().numpy()

    def predict_many(
        self, images: Iterable[Image], *, batch_size: int = _BATCH, with_crf: bool | None = None
    ) -> Iterator[UInt8Array]:
        """The label maps of many images, in their order; those of one size go through the network together.

        Args:
            images: As `predict` takes them; so many are in memory at once as a batch holds.
            batch_size: Images per batch, and windows of images on a GPU.
            with_crf: As there.

        Returns:
            One label map after the other. Errors as those of `predict`.
        """
        waiting = iter(images)
        while batch := [self._read(image) for image in islice(waiting, batch_size)]:
            for pixels, scores in zip(batch, self._scores(batch, batch_size), strict=True):
                yield to_labels(scores, pixels, self.config, with_crf=self._crf(with_crf))

    def _crf(self, asked: bool | None) -> bool:
        return self.config.crf.predictions if asked is None else asked

    def _scores(self, batch: Sequence[UInt8Array], batch_size: int = _BATCH) -> list[list[Tensor]]:
        """The scores (C, h', w') of each view of each image."""
        found: dict[int, list[Tensor]] = {}
        for group in batch_by_shape(enumerate(batch), lambda item: item[1].shape, len(batch)):
            views = [views_of(pixels, self.config) for _, pixels in group]
            stacked = [torch.stack(same).to(self._device) for same in zip(*views, strict=True)]
            with torch.inference_mode(), autocast(self._device, self.config.precision):
                scores = view_scores(self._network, stacked, self.config, batch_size)
            found |= {number: [view[row] for view in scores] for row, (number, _) in enumerate(group)}
        return [found[number] for number in range(len(batch))]

    def _read(self, image: Image) -> UInt8Array:
        if not isinstance(image, np.ndarray):
            return read_image(Path(image), SourceConfig().max_pixels, Stretch.parse(self.stretch))
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InputError(f"an image is a uint8 array (H, W, 3) of RGB, not {image.dtype} {image.shape}")
        return image
