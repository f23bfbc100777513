"""A trained segmenter in three lines of Python: load it, give it an image, get its label map."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import SEGMENTER
from maskdistill.data.config import SourceConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.decode import read_image
from maskdistill.data.sources.stretch import Stretch
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.integrity import check_file
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.networks.weights_file import read_description, stretch_of
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import view_scores, views_of
from maskdistill.stages.segment.model import Segmenter as Network
from maskdistill.stages.segment.predict import to_labels
from maskdistill.stages.segment.train import load_segmenter
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast


class Segmenter:
    """A trained segmenter; `Segmenter.load` makes one.

    A label map holds 0 for background and c + 1 for cluster c. Clusters have numbers, no names: no label was ever seen.

    Attributes:
        n_classes: Number of values in a label map: the clusters, and background.
        config: The settings that it was trained with.
        stretch: How pictures are read for it, as `data.stretch` had it.
    """

    def __init__(
        self,
        network: Network,
        config: SegmentConfig,
        n_classes: int,
        device: torch.device,
        stretch: str = "auto",
    ) -> None:
        self.n_classes = n_classes
        self.config = config
        self.stretch = stretch
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
        return cls(network, config, read_description(weights)["n_classes"], where, stretch_of(weights))

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

    def predict(self, image: UInt8Array | str | Path, *, with_crf: bool = False) -> UInt8Array:
        """The label of each pixel of an image.

        Args:
            image: Pixels uint8 (H, W, 3) RGB, or the path of an image file.
            with_crf: Whether a CRF then draws outlines along edges of the image, as `segment.crf` has it.

        Returns:
            uint8 (H, W), 0 to `n_classes` - 1.

        Raises:
            InputError: The array is none of an RGB image.
            UnreadableImage: The file cannot be read.
        """
        pixels = image if isinstance(image, np.ndarray) else self._read(Path(image))
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise InputError(f"an image is a uint8 array (H, W, 3) of RGB, not {pixels.dtype} {pixels.shape}")
        views = [view[None].to(self._device) for view in views_of(pixels, self.config)]
        with torch.inference_mode(), autocast(self._device, self.config.precision):
            scores = view_scores(self._network, views, self.config)
        return to_labels([view[0] for view in scores], pixels, self.config, with_crf=with_crf)

    def _read(self, path: Path) -> UInt8Array:
        return read_image(path, SourceConfig().max_pixels, Stretch.parse(self.stretch))
