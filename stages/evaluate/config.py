"""Settings of the evaluation; none of them changes what a stage makes."""

from typing import Literal

from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.stages.segment.probe_config import LinearProbeConfig

Matching = Literal["iou", "pixels"]


class EvaluateConfig(Settings):
    """Which part of the ground truth is scored, and what the stages are compared with."""

    classes: tuple[str, ...] | None = None
    """Names of the classes that are scored, beside the background; pixels of other classes are ignored, as if they
    had no label. None = all classes."""
    matching: Matching = "iou"
    """What the one-to-one matching of clusters and classes makes largest: the sum of their `iou`, or the number of
    `pixels` that are right, as for the published scores of STEGO and Hidden Positives."""
    baselines: bool = False
    """Whether a run ends with the scores of what needs no learning. Masks: Otsu's threshold on colour and on edges, and
    the `mine` and `cluster` stages with an untrained ViT of the same architecture. Clusters of patches: K-means."""
    baseline_images: int = Field(100, ge=1)
    """Images of each split, from the first, that those are scored on."""
    linear_probe: LinearProbeConfig = Field(default_factory=LinearProbeConfig)
    """Linear probe, which runs only where it is asked for."""
