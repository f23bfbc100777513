"""From the stored tokens of a frozen ViT to codes and clusters: what the stage trains, and what it leaves.

Shapes: B images, D numbers a patch, C numbers a code, K clusters, h x w patches.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.head import CodeHead
from maskdistill.stages.correspond.probe import ClusterProbe
from maskdistill.stages.features.read import stored_tokens
from maskdistill.stages.networks.standardise import Standardise
from maskdistill.stages.networks.weights_file import read_description


class PatchCoder(nn.Module):
    """Tokens brought to one scale, a head, and the centres of clusters.

    Args:
        config: Of the stage; without training the head does nothing, and codes are the tokens.
        dim: D.
        n_clusters: K.
    """

    def __init__(self, config: CorrespondConfig, dim: int, n_clusters: int) -> None:
        super().__init__()
        learns = config.own.learns
        self.code_dim, self.centre, self.keep_mean = config.code_dim if learns else dim, config.centre, config.keep_mean
        self.standard = Standardise(dim)
        self.head: nn.Module = CodeHead(dim, self.code_dim, config.dropout) if learns else nn.Identity()
        self.probe = ClusterProbe(n_clusters, self.code_dim)

    def prepared(self, tokens: Tensor) -> Tensor:
        """Tokens (B, D, h, w) as they are stored, as the head sees them: of one scale, less the mean of their image.

        With `keep_mean` the mean of all images is in them again.
        """
        scaled: Tensor = self.standard(tokens)
        if self.centre:
            scaled = scaled - self.centre * scaled.mean(dim=(2, 3), keepdim=True)
        return scaled + (self.standard.mean / self.standard.std)[:, None, None] if self.keep_mean else scaled

    def forward(self, tokens: Tensor) -> Tensor:
        """Codes (B, C, h, w) of tokens (B, D, h, w) as they are stored."""
        codes: Tensor = self.head(self.prepared(tokens))
        return codes

    def codes_of(self, features: FeatureStore, index: int, *, mirror: bool) -> Tensor:
        """Codes of an image, of length 1, float32 (C, h, w); see `CorrespondConfig.mirror`."""
        device = self.probe.centres.device

        def code(mirrored: bool) -> Tensor:
            codes = self(stored_tokens(features, index, device, mirrored=mirrored))
            return F.normalize(codes.float(), dim=1)[0]

        own = code(mirrored=False)
        both = own + code(mirrored=True).flip(-1) if mirror and features.mirrored else own
        return F.normalize(both, dim=0)


def load_coder(path: Path, config: CorrespondConfig, device: torch.device) -> PatchCoder:
    """The coder of a file, in eval mode. Raises MissingArtifact or CorruptArtifact."""
    description = read_description(path)
    try:
        coder = PatchCoder(config, int(description["dim"]), int(description["k"]))
        coder.load_state_dict(load_file(path))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptArtifact(f"{path}: not a head of this project ({error}); run the stage again") from error
    return coder.to(device).eval()
