"""The method `hidden_positives`: patches contrasted with those of the whole batch that are alike beyond doubt.

Seong et al. 2023, arXiv 2303.15014. Shapes: B images of n = S * S patches, N = B n, D numbers a patch, C numbers a
code, M patches in the pool.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.data.catalog import FEATURES
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.coder import PatchCoder
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.methods.hidden_positives_config import HiddenPositivesConfig
from maskdistill.stages.correspond.methods.method import PatchMethod, training_images
from maskdistill.stages.correspond.methods.second_look import NEIGHBOURS, RECOLOURED, LookJob, look_again
from maskdistill.stages.correspond.neighbours import mix_neighbours
from maskdistill.stages.correspond.positives import consistency_loss, hidden_positive_loss, ramp_of
from maskdistill.stages.features.read import stored_tokens
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import CORRESPONDENCE
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.samples import Sample
from maskdistill.stages.training.schedules import Step


class Contrast(nn.Module):
    """All that is trained, averaged or kept.

    Attributes:
        coder: The coder.
        projection: From codes to what is contrasted; left out of the result.
        averaged: The head, averaged over the steps.
        pool: Standardised tokens of random patches (M, D, 1, 1).
        pool_codes: What the averaged head made of them when it was last asked, (M, C) of length 1.
    """

    pool: Tensor
    pool_codes: Tensor

    def __init__(self, coder: PatchCoder, pool: Tensor) -> None:
        super().__init__()
        self.coder = coder
        self.projection = nn.Conv2d(coder.code_dim, coder.code_dim, kernel_size=1)
        self.averaged: nn.Module = frozen_copy(coder.head)
        self.register_buffer("pool", pool)
        self.register_buffer("pool_codes", torch.zeros(len(pool), coder.code_dim))

    def projected(self, codes: Tensor) -> Tensor:
        """Codes (B, C, S, S) as rows (N, C) of length 1, for the loss."""
        return unit_rows(self.projection(codes))

    @torch.no_grad()
    def renew_pool(self) -> None:
        """Code the pool anew."""
        self.pool_codes.copy_(unit_rows(self.averaged(self.pool)))


class HiddenPositivesMethod(PatchMethod):
    """A coder, its averaged head, and the pools.

    The pools hold one random patch each of as many random training images, the same ones throughout: the authors draw
    those of the pool of codes anew each time.
    """

    def __init__(
        self, config: CorrespondConfig, inputs: StageInputs, folder: Path, device: torch.device, progress: Progress
    ) -> None:
        super().__init__(config, inputs, folder, device, progress)
        self.contrast = Contrast(self.coder, self._pool()[:, :, None, None])
        self.module = self.contrast
        self.looks = [FeatureStore.open(folder / name) for name in (NEIGHBOURS, RECOLOURED)]

    @classmethod
    def prepare(cls, config: CorrespondConfig, inputs: StageInputs, folder: Path, progress: Progress) -> None:
        """Pass the training images through the ViT once more."""
        images = training_images(FEATURES.open(inputs.artifacts), inputs)
        own: HiddenPositivesConfig = CORRESPONDENCE.settings(config)
        job = LookJob(config, inputs, tuple(images.tolist()), recolour=own.consistency > 0)
        look_again(job, folder, progress)

    def load(self, item: int) -> Sample:
        """Tokens (D, S, S) of a window, the weights of neighbours (9, S, S), and tokens in other colours."""
        image_id = self.image_id(item)
        stores = self.looks if self.own.consistency else self.looks[:1]
        looks = [store.read(store.index(image_id)) for store in stores]
        return image_id, tuple(self.squares(item, self.tokens(item), *looks))

    def losses(self, batch: Any, step: Step) -> Losses:
        """Of positives, of the same patches in other colours, and of the centres of the clusters."""
        tokens, weights, *recoloured = batch
        net, own = self.contrast, self.own
        tokens = self.coder.prepared(tokens)
        codes = self.coder.head(tokens)
        positives = self._positives(tokens, codes, weights, step)
        losses = {"positives": positives, "clusters": self.coder.probe.loss(codes)}
        if recoloured:
            others = net.projected(self.coder(recoloured[0]))
            losses["consistency"] = own.consistency * consistency_loss(net.projected(codes), others)
        return losses

    def _positives(self, tokens: Tensor, codes: Tensor, weights: Tensor, step: Step) -> Tensor:
        net, own = self.contrast, self.own
        if step.number % own.renew_every == 0:
            net.renew_pool()
        with torch.no_grad():
            averaged = unit_rows(net.averaged(tokens))
            features = unit_rows(F.dropout2d(tokens, self.config.dropout))
            move_towards(net.averaged, self.coder.head, own.momentum)
        n_patches = codes.shape[2] * codes.shape[3]
        drawn = torch.rand(n_patches, len(codes) * n_patches, device=codes.device) < own.drawn
        return hidden_positive_loss(
            net.projected(codes),
            net.projected(mix_neighbours(codes, weights.to(codes))),
            features,
            averaged,
            (unit_rows(net.pool), net.pool_codes),
            ramp_of(step.number, round(own.warmup * step.total), step.total),
            own.temperature,
            drawn,
            reweigh=own.reweigh,
        )

    def _pool(self) -> Tensor:
        """Tokens of one random patch each of random training images, as the head sees them, float32 (M, D)."""
        rng = np.random.default_rng(self.inputs.seed)
        found = torch.empty(self.own.pool, self.features.dim)
        images = np.sort(rng.choice(self.images, self.own.pool, replace=True))
        for image in np.unique(images):
            tokens = stored_tokens(self.features, int(image), torch.device("cpu"))
            rows = self.coder.prepared(tokens)[0].flatten(1).T
            places = np.flatnonzero(images == image)
            found[places] = rows[torch.from_numpy(rng.integers(len(rows), size=len(places)))]
        return found


def unit_rows(maps: Tensor) -> Tensor:
    """Maps (B, C, S, S) as rows (N, C) of length 1, image by image and row by row."""
    return F.normalize(maps.permute(0, 2, 3, 1).flatten(0, 2).float(), dim=1)
