"""The head of DINO, which turns tokens into scores of many outputs (arXiv 2104.14294, appendix C)."""

from torch import Tensor, nn

from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.training.full_precision import cosine_similarity


class DinoHead(nn.Module):
    """Three layers, a unit-length bottleneck, and a last layer of unit-length rows: (N, D) to float32 (N, K)."""

    def __init__(self, dim: int, config: DinoConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )
        # Short rows, as nn.Linear starts with: AdamW turns a row the more slowly the longer it is.
        self.last = nn.Parameter(nn.Linear(config.bottleneck, config.outputs, bias=False).weight.detach())
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Cosine similarity of each token's bottleneck to each row of the last layer."""
        return cosine_similarity(self.layers(tokens), self.last)
