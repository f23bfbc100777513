"""Photos, mask overlays and cut-outs as encoded images, drawn at the size at which they are shown."""

import io
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BeforeValidator
from scipy.ndimage import binary_erosion

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.overlay import draw_masks
from maskdistill.pipeline.apps.view.layers import SizeHW
from maskdistill.stages.networks.resize import resize_mask

Style = Literal["fill", "outline"]
Edge = Annotated[Literal[160, 320, 1024], BeforeValidator(int)]
"""Long sides of the pictures that there are, px."""

_FILL_ALPHA = 115
_DIM_ALPHA = 115
_LOST_COLOUR = (255, 255, 255)
_JPEG_QUALITY = 85
_CUT_MARGIN = 0.15
_HEAT_STOPS = ((0.0, (20, 11, 53)), (0.3, (120, 28, 109)), (0.6, (237, 105, 37)), (1.0, (252, 255, 164)))


def fit(size_hw: SizeHW, edge: int) -> SizeHW:
    """The size of a picture whose long side becomes `edge` px."""
    factor = edge / max(size_hw)
    return max(1, round(size_hw[0] * factor)), max(1, round(size_hw[1] * factor))


def encode_photo(pixels: UInt8Array, edge: int) -> bytes:
    """A JPEG of an image, uint8 (H, W, 3), made smaller where its long side exceeds `edge` px."""
    size_hw = pixels.shape[:2]
    height, width = fit(size_hw, edge) if max(size_hw) > edge else size_hw
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _encode(picture, "JPEG", quality=_JPEG_QUALITY)


def encode_overlay(
    masks: NDArray[np.bool_], clusters: Sequence[int], style: Style, lost: Sequence[NDArray[np.bool_]] = ()
) -> bytes:
    """A transparent PNG with masks, to lie on the photo.

    Args:
        masks: bool (n, height, width), the topmost first.
        clusters: n clusters, -1 = none.
        style: "fill" = tinted and outlined on a dimmed photo, "outline" = outlined.
        lost: bool (height, width) each, masks to be outlined in broken white below the others.
    """
    height, width = masks.shape[1:]
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    if style == "fill" and (len(masks) or len(lost)):
        canvas[..., 3] = _DIM_ALPHA
    stripes = (np.add.outer(np.arange(height), np.arange(width)) // 4) % 2 == 0
    for mask in lost:
        canvas[_outline(mask) & stripes] = (*_LOST_COLOUR, 255)
    for mask, cluster in list(zip(masks, clusters, strict=True))[::-1]:
        colour = cluster_colour(cluster)
        if style == "fill":
            canvas[mask] = (*colour, _FILL_ALPHA)
        canvas[_outline(mask)] = (*colour, 255)
    return _encode(Image.fromarray(canvas), "PNG", compress_level=1)


def encode_heat(heat: NDArray[np.float32]) -> bytes:
    """A PNG of values 0-1, float32 (height, width): dark and nearly transparent at 0, bright and opaque at 1."""
    stops = [stop for stop, _ in _HEAT_STOPS]
    channels = [np.interp(heat, stops, [colour[i] for _, colour in _HEAT_STOPS]) for i in range(3)]
    alpha = 110 + 125 * heat
    picture = np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)
    return _encode(Image.fromarray(picture), "PNG", compress_level=1)


def encode_cut(
    pixels: UInt8Array, mask: NDArray[np.bool_], bbox_xywh: Sequence[float], cluster: int, edge: int
) -> bytes:
    """A JPEG of one mask with some of what is around it.

    Args:
        pixels: uint8 (H, W, 3).
        mask: bool (H, W).
        bbox_xywh: Its box, px.
        cluster: The cluster whose colour it gets.
        edge: Long side of the picture, px.
    """
    x, y, width, height = bbox_xywh
    margin = _CUT_MARGIN * max(width, height)
    top, left = max(0, round(y - margin)), max(0, round(x - margin))
    window = (slice(top, round(y + height + margin) + 1), slice(left, round(x + width + margin) + 1))
    size_hw = fit(mask[window].shape, edge)
    photo = Image.fromarray(pixels[window]).resize(size_hw[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0)
    drawn = draw_masks(np.asarray(photo), resize_mask(mask[window], size_hw)[None], [cluster])
    return _encode(Image.fromarray(drawn), "JPEG", quality=_JPEG_QUALITY)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner: NDArray[np.bool_] = binary_erosion(mask, iterations=1 + max(mask.shape) // 300, border_value=1)
    return mask & ~inner


def _encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()
