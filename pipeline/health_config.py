"""From where on something in a stage's result looks wrong; it changes no result."""

from pydantic import Field

from maskdistill.data.settings import Settings


class HealthConfig(Settings):
    """From where on something that a stage has made is said to look wrong; fractions, 0 to 1."""

    large_mask: float = Field(0.8, gt=0, le=1)
    """Fraction of its image from which on a mask is large."""
    small_mask: float = Field(0.001, ge=0, lt=1)
    """Fraction of its image below which a mask is small."""
    large: float = Field(0.1, ge=0, le=1)
    """Most masks that may be large."""
    small: float = Field(0.1, ge=0, le=1)
    """Most masks that may be small."""
    on_border: float = Field(0.8, ge=0, le=1)
    """Most masks that may touch the border of their image."""
    without_mask: float = Field(0.2, ge=0, le=1)
    """Most images that may have no mask."""
    uniform: float = Field(0.01, ge=0, le=1)
    """Most images that may be of one colour throughout."""
    empty_clusters: float = Field(0.0, ge=0, le=1)
    """Most clusters that may have no mask."""
    giant_cluster: float = Field(0.5, ge=0, le=1)
    """Most masks that may be in one cluster."""
    below_threshold: float = Field(0.98, ge=0, le=1)
    """Most candidates that the filter may drop."""
    loss_left: float = Field(0.95, ge=0)
    """Most of the loss at the beginning of a training that may be left at its end."""
