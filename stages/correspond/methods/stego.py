"""The method `stego`: a head whose codes are alike where the tokens are more alike than usual.

Hamilton et al. 2022, arXiv 2203.08414. Shapes: B images, D numbers a patch, S patches along a side.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.correlation import centred, correlation_loss
from maskdistill.stages.correspond.methods.method import PatchMethod
from maskdistill.stages.correspond.methods.stego_config import PerPair
from maskdistill.stages.correspond.pairs import Pairs
from maskdistill.stages.correspond.rows import window_means
from maskdistill.stages.correspond.shifts import Batch, choose_shifts
from maskdistill.stages.correspond.similar import most_similar
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.schedules import Step

_BATCHES_FOR_SHIFTS = 4


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
        self.shifts: PerPair = self._chosen_shifts() if self.own.shifts == "auto" else self.own.shifts
        self._alike: Mapping[str, Tensor] = {}

    def load(self, item: int) -> Sample:
        """Tokens (D, S, S) of a window, and of one of the windows most similar to it."""
        ranked = self.similar[item]
        other = int(ranked[int(torch.randint(len(ranked), ()))])
        return self.image_id(item), (*self.squares(item, self.features), *self.squares(other, self.features))

    def losses(self, batch: Any, step: Step) -> Losses:
        """Of the three kinds of pairs, and of the centres of the clusters."""
        tokens, similar = (self.coder.standard(one) for one in batch)
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
        return {**losses, "clusters": self.coder.probe.loss(codes)}

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
        return weight * torch.stack(found).mean()

    def after_update(self, step: Step) -> Mapping[str, float]:
        """How alike codes are on the mean, by kind of pair: what shifts are judged by."""
        return {name: value.item() for name, value in self._alike.items()}

    def facts(self) -> dict[str, Any]:
        """The shifts."""
        return {"shifts": self.shifts.model_dump()}

    def _chosen_shifts(self) -> PerPair:
        stream = SampleStream(len(self.windows), self.load, self.inputs.seed)
        own, k = self.own, self.coder.probe.centres.shape[0]
        return choose_shifts(self._batches(stream), k, own.points, own.others, self.inputs.seed, centre=own.centre)

    def _batches(self, stream: SampleStream) -> Iterator[Batch]:
        size = self.config.batch_size
        for start in range(0, _BATCHES_FOR_SHIFTS * size, size):
            tokens, similar = self.collate([stream[number][1] for number in range(start, start + size)])
            yield self.coder.standard(tokens), self.coder.standard(similar)
