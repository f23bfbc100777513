"""What a method of pre-training is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class BatchLosses:
    """What a method makes of one batch of views: its losses, and what tells whether it has collapsed.

    Attributes:
        losses: Weighted losses by name; their sum is minimised. Where several processes share the batch, their mean
            over the processes is the loss of the batch, and so with the gradients.
        embeddings: float (N, D), one row per large view of all processes: what must not collapse.
        shares: float (K,), how much of the large views of all processes belongs to each prototype or output, sum 1;
            None = the method does not say.
        doubt: Mean over those views of the `assignment_entropy` of a view's own shares, a scalar; None likewise.
    """

    losses: dict[str, Tensor]
    embeddings: Tensor
    shares: Tensor | None = None
    doubt: Tensor | None = None


class PretrainMethod(nn.Module, ABC):
    """A network in training: its state dict holds all that a resumed training needs."""

    @abstractmethod
    def losses(self, large: Tensor, small: Tensor, share: float) -> BatchLosses:
        """Look at this process's normalised views (2, B, 3, T, T) and (V, B, 3, T', T') when `share` of the training is
        done."""

    def before_update(self, share: float) -> None:
        """Called between the backward pass and the optimiser's step."""

    @abstractmethod
    def after_update(self, step: int, share: float, next_share: float) -> None:
        """Called after the optimiser's step, with the fractions of the training before and after it."""

    @abstractmethod
    def result(self) -> nn.Module:
        """The averaged ViT, in evaluation mode."""
