"""Settings of the linear probe. No torch."""

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
