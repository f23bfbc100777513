"""Masks by name, as files of edits name them: by their image, and there by box and area."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.errors import InputError
from maskdistill.data.stores.mask_columns import MaskColumns


def mask_name(masks: MaskColumns, row: int) -> str:
    """How a mask is named beside its image: its box and its area."""
    return " ".join(str(round(value)) for value in (*masks.bbox_xywh[row].tolist(), int(masks.area[row])))


def find_masks(masks: MaskColumns, named: Mapping[str, Iterable[str]], where: str) -> NDArray[np.int64]:
    """Rows of named masks, int64 (n,).

    Raises:
        InputError: There is no such image or mask; the text begins with `where`.
    """
    rows: list[int] = []
    for image_id, names in named.items():
        if image_id not in masks:
            raise InputError(f"{where}: {image_id}: no such image; take it out")
        known = {mask_name(masks, row): row for row in masks.rows_of(masks.index(image_id))}
        for name in names:
            if name not in known:
                there = "; ".join(known) or "none"
                raise InputError(f"{where}: {image_id} has no mask {name!r}; take it out (it has: {there})")
            rows.append(known[name])
    return np.asarray(sorted(rows), dtype=np.int64)
