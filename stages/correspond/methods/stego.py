"""The method `stego`: a head whose codes are alike where the tokens are more alike than usual.

Hamilton et al. 2022, arXiv 2203.08414. Shapes: B images, D numbers a patch, S patches along a side.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.contrastive_crf import crf_energies
from maskdistill.stages.correspond.correlation import centred, correlation_loss
from maskdistill.stages.correspond.methods.method import PatchMethod
from maskdistill.stages.correspond.methods.stego_config import PerPair, ShiftRule
from maskdistill.stages.correspond.pairs import Pairs
from maskdistill.stages.correspond.rows import window_means
from maskdistill.stages.correspond.shifts import Batch, choose_shifts
from maskdistill.stages.correspond.similar import most_similar
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.resize import resize
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.fit import Losses, Metrics
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.schedules import Step

_BATCHES_FOR_SHIFTS = 8
_COLOUR_POINTS = 1000


class StegoMethod(PatchMethod):
    """A coder, the images that are most similar to each, and the shifts.

    Attributes:
        shifts: As they are set, or as they were chosen.
    """

    def __init__(
        self, config: CorrespondConfig, inputs: StageInputs, folder: Path, device: torch.device, progress: Progress
    ) -> None:
        super().__init__(config, inputs, folder, device, progress)
        means = window_means(self.features, self.images, self.windows)
        self.similar = most_similar(means, self.own.neighbours, self.own.index)
        self.shifts: PerPair = (
            self.own.shifts if isinstance(self.own.shifts, PerPair) else self._chosen_shifts(self.own.shifts)
        )
        self._alike: Metrics = {}

    def load(self, item: int) -> Sample:
        """Tokens (D, S, S) of a window, and of one of the windows most similar to it; its colours, where needed."""
        ranked, image_id = self.similar[item], self.image_id(item)
        other = int(ranked[int(torch.randint(len(ranked), ()))])
        tokens = self.tokens(item)
        colours = [self._colours(image_id, tokens.shape[:2])] if self.own.colours else []
        own, *colour = self.squares(item, tokens, *colours)
        return image_id, (own, *self.squares(other, self.tokens(other)), *colour)

    def _colours(self, image_id: str, grid_hw: tuple[int, ...]) -> NDArray[np.float32]:
        """Colour of each patch, float32 (h, w, 3), 0-1."""
        pixels = resize(read_known(self.inputs.source, image_id), (grid_hw[0], grid_hw[1]))
        return np.asarray(pixels, dtype=np.float32) / np.float32(255)

    def losses(self, batch: Any, step: Step) -> Losses:
        """Of the three kinds of pairs, and of the centres of the clusters."""
        tokens, similar = (self.coder.prepared(one) for one in batch[:2])
        pairs = Pairs.draw(len(tokens), self.own.points, self.own.others, tokens.device)
        if self.own.interpolate == "codes":
            codes = self.coder.head(tokens)
            seen = pairs.seen(*(F.dropout2d(one, self.config.dropout) for one in (tokens, similar)))
            coded = pairs.seen(codes, self.coder.head(similar))
        else:
            maps = pairs.seen_once(tokens, similar)
            codes, *rest = (self.coder.head(one) for one in maps)
            seen = pairs.among(*(F.dropout2d(one, self.config.dropout) for one in maps))
            coded = pairs.among(codes, *rest)
        features, alike = seen.compare(), coded.compare()
        self._alike = {f"alike_{kind}": torch.stack(found).detach().mean() for kind, found in alike.items()}
        losses = {kind: self._loss(kind, features[kind], alike[kind]) for kind in alike}
        if self.own.colours:
            losses["colours"] = self.own.colours * self._colour_loss(tokens, batch[2])
        return {**losses, "clusters": self.coder.probe.loss(codes)}

    def _colour_loss(self, tokens: Tensor, colours: Tensor) -> Tensor:
        codes = F.normalize(self.coder.head(tokens).float(), dim=1)
        points = torch.randint(self.side, (2, min(_COLOUR_POINTS, self.side**2)), device=tokens.device)
        return crf_energies(colours.float(), codes, points).mean()

    def _loss(self, kind: str, features: list[Tensor], codes: list[Tensor]) -> Tensor:
        shift, weight = getattr(self.shifts, kind), getattr(self.own.weights, kind)
        found = [
            correlation_loss(
                centred(one) if self.own.centre else one,
                other,
                shift,
                zero_clamp=self.own.zero_clamp,
                stabilise=self.own.stabilise,
            )
            for one, other in zip(features, codes, strict=True)
        ]
        loss: Tensor = weight * torch.stack(found).mean()
        return loss

    def after_update(self, step: Step) -> Metrics:
        """How alike codes are on the mean, by kind of pair: what shifts are judged by."""
        return self._alike

    def facts(self) -> dict[str, Any]:
        """The shifts."""
        return {"shifts": self.shifts.model_dump()}

    def _chosen_shifts(self, rule: ShiftRule) -> PerPair:
        stream = SampleStream(len(self.windows), self.load, self.inputs.seed)
        own, k = self.own, self.coder.probe.centres.shape[0]
        return choose_shifts(
            self._batches(stream), k, own.points, own.others, self.inputs.seed, centre=own.centre, rule=rule
        )

    def _batches(self, stream: SampleStream) -> Iterator[Batch]:
        size = self.config.batch_size
        for start in range(0, _BATCHES_FOR_SHIFTS * size, size):
            tokens, similar, *_ = self.collate([stream[number][1] for number in range(start, start + size)])
            yield self.coder.prepared(tokens), self.coder.prepared(similar)
