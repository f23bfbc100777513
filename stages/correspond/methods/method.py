"""What a way to sort patches must offer, and what such ways share: the tokens, and the squares cut from them."""

from abc import ABC
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.data.catalog import FEATURES
from maskdistill.data.errors import InputError
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.coder import PatchCoder
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.windows import Windows, resized
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import CORRESPONDENCE
from maskdistill.stages.training.fit import Fit
from maskdistill.stages.training.samples import Sample, derive_seed


class PatchMethod(Fit, ABC):
    """A coder, and how it is trained. One that does not learn leaves `load` and `losses` out.

    Args:
        config: The settings of the stage, `k` filled in.
        inputs: The images, the seed, and the artifact of the features stage.
        folder: What `prepare` wrote into.
        device: Where it is trained.
        progress: Told of that.

    Attributes:
        coder: What is trained.
        module: The coder, and all else that a resumed training needs.
        features: The tokens.
        images: Indices into `features` of the training images.
        windows: The items of the training.
        side: Side of the squares, patches.
    """

    def __init__(
        self, config: CorrespondConfig, inputs: StageInputs, folder: Path, device: torch.device, progress: Progress
    ) -> None:
        if config.k is None:
            raise InputError("correspond.k: set a number; it can be taken from cluster.k only where that is one")
        self.config, self.inputs, self.folder = config, inputs, folder
        self.device, self.progress = device, progress
        self.own: Any = CORRESPONDENCE.settings(config)
        self.features: FeatureStore = FEATURES.open(inputs.artifacts)
        self.images = training_images(self.features, inputs)
        torch.manual_seed(derive_seed(inputs.seed))
        self.coder = PatchCoder(config, self.features.dim, config.k)
        self.coder.standard.set(torch.from_numpy(self.features.mean), torch.from_numpy(self.features.std))
        self.module: nn.Module = self.coder
        self.rate_factors = {self.coder.probe.centres: config.probe_lr / config.lr}
        self.windows = Windows(len(self.images), config.five_crop)
        self.side = config.crop or int(self.features.grid_hw[self.images[0]].min())

    @classmethod
    def prepare(cls, config: CorrespondConfig, inputs: StageInputs, folder: Path, progress: Progress) -> None:
        """Write into a folder what has to be known of all images first; called once, before any method is made."""
        return

    def load(self, item: int) -> Sample:
        """The sample of a window; draws from torch's generator."""
        raise NotImplementedError

    def collate(self, contents: list[Any]) -> Any:
        """A batch of the contents of samples: tensors stacked."""
        return tuple(torch.stack(parts) for parts in zip(*contents, strict=True))

    def facts(self) -> dict[str, Any]:
        """What is worth knowing of the training, JSON values."""
        return {}

    def image_id(self, item: int) -> str:
        """The image that a window is of."""
        return str(self.features.image_ids[int(self.images[self.windows.image(item)])])

    def squares(self, item: int, *maps: NDArray[Any]) -> list[Tensor]:
        """The same square of a window from several maps (h, w, C) of its image, float16 (C, side, side) each."""
        rows, columns = self.windows.cut(item, maps[0].shape[:2])
        cut = (torch.from_numpy(np.ascontiguousarray(values[rows, columns])) for values in maps)
        return [resized(square.permute(2, 0, 1), self.side).half() for square in cut]

    def tokens(self, item: int) -> NDArray[np.float16]:
        """Tokens (h, w, D) of the image that a window is of."""
        return self.features.read(int(self.images[self.windows.image(item)]))


def training_images(features: FeatureStore, inputs: StageInputs) -> NDArray[np.int64]:
    """Indices into the stored tokens of the training images. Raises InputError where there are not even two."""
    images = np.flatnonzero(inputs.source.are_train(features.image_ids)).astype(np.int64)
    if len(images) < 2:
        raise InputError("correspond: needs at least two training images that can be read; give more images")
    return images
