"""What a notebook shows of a MaskStore: its figures and thumbnails of its first masks, as one piece of HTML."""

import base64
import io
from html import escape
from itertools import islice

import numpy as np
from PIL import Image

from maskdistill.data.stores.image_masks import ImageMasks, images_of
from maskdistill.data.stores.mask_columns import MaskColumns

_IMAGES = 8
_SIDE_PX = 96
_INK = (32, 96, 160)


def store_html(store: MaskColumns) -> str:
    """Figures of the store and the masks of its first images that have any; image ids are escaped."""
    with_masks = (image for image in images_of(store) if len(image))
    cells = "".join(_cell(image) for image in islice(with_masks, _IMAGES))
    clusters = len(np.unique(store.cluster[store.cluster >= 0]))
    figures = {
        "images": f"{len(store.image_ids):,}",
        "masks": f"{len(store):,}",
        "clusters": f"{clusters:,}",
        "scores": f"{store.score.min():.2f} to {store.score.max():.2f}" if len(store) else "-",
    }
    head = "".join(f"<th>{name}</th>" for name in figures)
    row = "".join(f"<td>{value}</td>" for value in figures.values())
    return f"<b>MaskStore</b><table><tr>{head}</tr><tr>{row}</tr></table><div>{cells}</div>"


def _cell(image: ImageMasks) -> str:
    name = escape(image.id, quote=True)
    masks = "1 mask" if len(image) == 1 else f"{len(image)} masks"
    return (
        f'<figure style="display:inline-block;margin:4px;text-align:center;font-size:11px">'
        f'<img src="data:image/png;base64,{_thumbnail(image)}" alt="{masks} of {name}" '
        f'style="border:1px solid #999"><figcaption title="{name}" style="width:{_SIDE_PX}px;overflow:hidden;'
        f'text-overflow:ellipsis;white-space:nowrap">{name}<br>{masks}</figcaption></figure>'
    )


def _thumbnail(image: ImageMasks) -> str:
    """Base64 of a PNG: the more masks cover a pixel, the darker it is."""
    depth = image.masks.sum(axis=0)
    ink = (depth / max(1, depth.max()))[..., None]
    picture = Image.fromarray((255 - ink * (255 - np.asarray(_INK))).astype(np.uint8))
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
