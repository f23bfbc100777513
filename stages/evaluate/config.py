"""Settings of the evaluation; none of them changes what a stage makes."""

from pydantic import Field

from maskdistill.data.settings import Settings


class LinearProbeConfig(Settings):
    """A linear classifier of the segmenter's frozen features, trained on ground truth: how much is in them."""

    epochs: float = Field(60.0, gt=0)
    """Passes over the training images."""
    lr: float = Field(0.1, gt=0)
    """Learning rate of sgd."""
    step_epoch: float = Field(25.0, ge=0)
    """Epoch from which the rate is a tenth of that."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of sgd."""
    weight_decay: float = Field(1e-4, ge=0)
    """Decay of the classifier's weights."""
    batch_size: int = Field(16, ge=1)
    """Crops per step; they are augmented as for the segmenter."""
    crf: bool = False
    """Whether its predictions are scored after the DenseCRF too, with the settings of `segment.crf`."""


class EvaluateConfig(Settings):
    """Which part of the ground truth is scored, and what the stages are compared with."""

    classes: tuple[str, ...] | None = None
    """Names of the classes that are scored, beside the background; pixels of other classes are ignored, as if they
    had no label. None = all classes."""
    baselines: bool = False
    """Whether a run ends with the scores of masks that need no learning: Otsu's threshold on colour and on edges, and
    the `mine` and `cluster` stages with an untrained ViT of the same architecture."""
    baseline_images: int = Field(100, ge=1)
    """Images of each split, from the first, that those are scored on."""
    linear_probe: LinearProbeConfig = Field(default_factory=LinearProbeConfig)
    """Linear probe, which runs only where it is asked for."""
