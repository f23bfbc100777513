"""What the correspond stage says of every mask: the mean code of the patches inside it, in parts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from maskdistill.data.catalog import CODES, MINED
from maskdistill.stages.cluster.embed import EMBEDDING
from maskdistill.stages.cluster.features import pool
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.networks.resize import patch_cover
from maskdistill.stages.parts import Advance, PartReport

_PX = 16
"""Side of a patch that the fraction a mask covers of it is measured on."""


@dataclass(frozen=True)
class CodesJob:
    """Averaging codes inside some of the mined masks."""

    inputs: StageInputs

    def open(self) -> "CodesWorker":
        """Open the codes and the masks."""
        return CodesWorker(self.inputs)


class CodesWorker:
    """The codes, and the masks."""

    def __init__(self, inputs: StageInputs) -> None:
        self.codes, self.masks = CODES.open(inputs.artifacts), MINED.open(inputs.artifacts)

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write `embedding.npy`, float32 (len(items), width), of some rows of the masks."""
        embedding = np.empty((len(items), self.codes.dim), dtype=np.float32)
        for row in items:
            codes = self.codes.read(self.codes.index(self.masks.image_ids[self.masks.image[row]]))
            height, width, dim = codes.shape
            cover = patch_cover(self.masks.decode(row), (height * _PX, width * _PX), _PX)
            patches = torch.from_numpy(codes.reshape(1, -1, dim))
            embedding[row - items.start] = pool(patches, torch.from_numpy(cover.reshape(1, -1)))[0].numpy()
        np.save(folder / EMBEDDING, embedding)
        advance(len(items))
        return PartReport(len(items))
