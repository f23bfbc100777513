"""Where the segment stage has a DenseCRF."""

from maskdistill.stages.crf.config import CrfConfig


class SegmentCrfConfig(CrfConfig):
    """DenseCRF on label maps that the model predicts."""

    rounds: bool = False
    """Whether the label maps that a further round learns from pass through it."""
    predictions: bool = False
    """Whether the final predictions pass through it, as `predictions_crf.zarr`; those before it stay beside them.
    Whatever shows, exports or predicts then takes those after it."""
