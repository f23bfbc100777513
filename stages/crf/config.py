"""Settings of the DenseCRF. No torch."""

from pydantic import Field

from maskdistill.data.settings import Settings


class CrfConfig(Settings):
    """Fully connected conditional random field over the pixels of one image (section 5 of the paper)."""

    iterations: int = Field(10, ge=1)
    """Mean-field updates."""
    gaussian_weight: float = Field(3.0, ge=0)
    """Strength of the smoothness term, which knows the distance of two pixels only; 0 = without."""
    gaussian_sxy: float = Field(1.0, gt=0)
    """Its standard deviation, px."""
    bilateral_weight: float = Field(4.0, ge=0)
    """Strength of the appearance term, which knows distance and colour; 0 = without."""
    bilateral_sxy: float = Field(67.0, gt=0)
    """Its standard deviation in distance, px."""
    bilateral_srgb: float = Field(3.0, gt=0)
    """Its standard deviation in each colour channel, 0-255."""
    cell: float = Field(1.5, gt=0)
    """Side, in these standard deviations, of the cells of distance and colour whose pixels share one node of the
    appearance term; the smaller, the nearer to the exact kernel, and the slower."""
    reach: float = Field(2.8, gt=0)
    """Distance of two nodes, in these standard deviations, beyond which their kernel counts as 0."""
    max_side: int = Field(1024, ge=16)
    """Long side of images, px, above which it works on a smaller copy: its memory grows with the number of pixels."""
