"""Draws masks and label maps, on an image or on a transparent picture that lies over one."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.pipeline.apps.drawing.colours import cluster_colour

_FILL = 0.45
_DIMMED = 0.55
_FILL_ALPHA = 150
_LOST_COLOUR = (255, 255, 255)
_STRIPE = 4
Style = Literal["fill", "outline"]


def draw_masks(
    image: UInt8Array, masks: NDArray[np.bool_], clusters: Sequence[int], captions: Sequence[str] = ()
) -> UInt8Array:
    """Fill and outline masks in the colours of their clusters, the first mask on top.

    Args:
        image: uint8 (height, width, 3) RGB.
        masks: bool (n, height, width).
        clusters: n cluster ids, -1 = none.
        captions: n texts to stand at the top left of the masks, or nothing.

    Returns:
        uint8 (height, width, 3) RGB.
    """
    if len(masks):
        check_same_size(image, masks[0])
    canvas = image * _DIMMED if len(masks) else image.astype(float)
    for mask, cluster in list(zip(masks, clusters, strict=True))[::-1]:
        colour = np.asarray(cluster_colour(cluster))
        canvas[mask] = image[mask] * (1 - _FILL) + colour * _FILL
        canvas[outline(mask)] = colour
    picture = canvas.round().astype(np.uint8)
    return _write_captions(picture, masks, captions) if captions else picture


def check_same_size(image: UInt8Array, mask: NDArray[Any]) -> None:
    """Raise UnreadableImage where an image, (H, W, 3), is no longer the one that a mask or label map was made of."""
    if mask.shape != image.shape[:2]:
        raise UnreadableImage("the image has another size than it had when this was made of it; put the old one back")


def draw_labels(
    image: UInt8Array, label_map: UInt8Array, cluster_of: Callable[[int], int] = lambda value: value - 1
) -> UInt8Array:
    """Draw a label map (0 = background, 255 = ignore) on an image of the same size.

    Args:
        image: uint8 (height, width, 3) RGB.
        label_map: uint8 (height, width).
        cluster_of: The cluster whose colour a label value is drawn in.
    """
    values = [int(value) for value in np.unique(label_map) if value not in (0, IGNORE)]
    masks = np.stack([label_map == value for value in values]) if values else np.zeros((0, *label_map.shape), bool)
    return draw_masks(image, masks, [cluster_of(value) for value in values])


def mask_layer(
    masks: NDArray[np.bool_], clusters: Sequence[int], style: Style, lost: Sequence[NDArray[np.bool_]] = ()
) -> UInt8Array:
    """Masks on a transparent picture, to lie on the photo.

    Args:
        masks: bool (n, height, width), the topmost first.
        clusters: n clusters, -1 = none.
        style: "fill" = tinted and outlined, "outline" = outlined.
        lost: bool (height, width) each, masks to be outlined in broken white below the others.

    Returns:
        uint8 (height, width, 4) RGBA.
    """
    height, width = masks.shape[1:]
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    stripes = (np.add.outer(np.arange(height), np.arange(width)) // _STRIPE) % 2 == 0
    for mask in lost:
        canvas[outline(mask, at_edges=False) & stripes] = (*_LOST_COLOUR, 255)
    for mask, cluster in list(zip(masks, clusters, strict=True))[::-1]:
        colour = cluster_colour(cluster)
        if style == "fill":
            canvas[mask] = (*colour, _FILL_ALPHA)
        canvas[outline(mask, at_edges=False)] = (*colour, 255)
    return canvas


def outline(mask: NDArray[np.bool_], *, at_edges: bool = True) -> NDArray[np.bool_]:
    """The outermost pixels of a mask, bool (height, width); along the edges of the picture only where wanted."""
    width = 1 + max(mask.shape) // 400
    inner: NDArray[np.bool_] = binary_erosion(mask, iterations=width, border_value=0 if at_edges else 1)
    return mask & ~inner


def _write_captions(picture: UInt8Array, masks: NDArray[np.bool_], captions: Sequence[str]) -> UInt8Array:
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    size = max(10, min(picture.shape[:2]) // 24)
    for mask, caption in zip(masks, captions, strict=True):
        rows, columns = np.nonzero(mask)
        if not len(rows):
            continue
        x, y = int(columns.min()), int(rows.min())
        left, top, right, bottom = draw.textbbox((x, y), caption, font_size=size)
        shift_x, shift_y = min(0, picture.shape[1] - right - 2), min(0, picture.shape[0] - bottom - 2)
        box = (left + shift_x - 1, top + shift_y - 1, right + shift_x + 1, bottom + shift_y + 1)
        draw.rectangle(box, fill=(0, 0, 0))
        draw.text((x + shift_x, y + shift_y), caption, fill=(255, 255, 255), font_size=size)
    return np.asarray(canvas)
