"""From patch tokens to codes (STEGO's segmentation head, which Hidden Positives uses as well).

Shapes: B images, D numbers a patch, C numbers a code, h x w patches.
"""

from torch import Tensor, nn


class CodeHead(nn.Module):
    """A linear layer and a perceptron of one hidden layer, added up; each patch by itself.

    Args:
        dim: D.
        code_dim: C.
        dropout: Chance of a channel to be left out in training, drawn for each branch by itself.
    """

    def __init__(self, dim: int, code_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(dim, code_dim, kernel_size=1))
        self.perceptron = nn.Sequential(
            nn.Dropout2d(dropout),
            nn.Conv2d(dim, dim, kernel_size=1),
            nn.ReLU(),
            nn.Conv2d(dim, code_dim, kernel_size=1),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Codes (B, C, h, w) of tokens (B, D, h, w)."""
        code: Tensor = self.linear(tokens) + self.perceptron(tokens)
        return code
