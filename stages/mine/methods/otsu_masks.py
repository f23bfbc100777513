"""Object masks by Otsu's threshold (1979), on colour and on edges: what any better method has to beat.

Widths are shares of the image's short side.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.otsu import otsu_threshold

_FRAME = 3 / 64
_COLOUR_BLUR, _EDGE_BLUR = 1 / 64, 1 / 32

Saliency = NDArray[np.float64]


def otsu_on_colour(image: UInt8Array) -> NDArray[np.bool_]:
    """What differs in colour from the frame around the image, uint8 (H, W, 3): bool (H, W), one connected region."""
    lab = rgb_to_lab(image)
    width = max(1, round(_FRAME * min(lab.shape[:2])))
    # The corners count twice; a mean over the frame does not mind.
    sides = [lab[:width], lab[-width:], lab[:, :width], lab[:, -width:]]
    frame = np.concatenate([side.reshape(-1, 3) for side in sides]).mean(axis=0)
    return _most_salient_region(np.linalg.norm(lab - frame, axis=2), _COLOUR_BLUR)


def otsu_on_edges(image: UInt8Array) -> NDArray[np.bool_]:
    """Where the image, uint8 (H, W, 3), has many edges: bool (H, W), one connected region."""
    lab = rgb_to_lab(image)
    gradient = np.hypot(ndimage.sobel(lab, axis=0), ndimage.sobel(lab, axis=1)).sum(axis=2)
    return _most_salient_region(gradient, _EDGE_BLUR)


def rgb_to_lab(image: UInt8Array) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of sRGB pixels, uint8 (H, W, 3) to float64 (H, W, 3)."""
    rgb = image / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = linear @ np.transpose(to_xyz) / [0.95047, 1.0, 1.08883]
    x, y, z = np.moveaxis(np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _most_salient_region(saliency: Saliency, blur: float) -> NDArray[np.bool_]:
    """Threshold a blurred saliency; of what is above it, keep the connected region around its peak."""
    side = min(saliency.shape)
    smooth = ndimage.gaussian_filter(saliency, blur * side)
    mask = smooth > otsu_threshold(smooth)
    regions, _ = ndimage.label(mask)
    chosen = regions.flat[ndimage.gaussian_filter(smooth, _EDGE_BLUR * side).argmax()]
    return np.asarray(regions == chosen if chosen else mask)
