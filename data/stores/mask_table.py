"""The columns of a MaskStore as a table: for pandas, for Arrow, and as CSV and Parquet files. One row per mask."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.optional import import_optional
from maskdistill.data.stores.mask_columns import MaskColumns

_INSTALL = "pip install 'maskdistill[tables]'"
_CSV_ROWS = 10_000


def columns(store: MaskColumns) -> dict[str, NDArray[Any]]:
    """The columns by name, each of length M.

    `image_id` str; `height`, `width` (of the image), `box_x`, `box_y`, `box_width`, `box_height` and `area` in px;
    `area_share` of the image, 0-1; `score`; `cluster`, -1 = none.
    """
    ids = np.asarray(store.image_ids, dtype=np.str_)
    boxes = {f"box_{name}": store.bbox_xywh[:, i] for i, name in enumerate(("x", "y", "width", "height"))}
    return {
        "image_id": ids[store.image],
        "height": store.size_hw[:, 0],
        "width": store.size_hw[:, 1],
        **boxes,
        "area": store.area,
        "area_share": store.area_share.astype(np.float32),
        "score": store.score,
        "cluster": store.cluster,
    }


def to_pandas(store: MaskColumns) -> Any:
    """A pandas.DataFrame whose index is the row in the store. Raises InputError without pandas."""
    return import_optional("pandas", "a table of masks", _INSTALL).DataFrame(columns(store))


def to_arrow(store: MaskColumns) -> Any:
    """A pyarrow.Table. Raises InputError without pyarrow."""
    return import_optional("pyarrow", "an Arrow table of masks", _INSTALL).table(columns(store))


def write_parquet(store: MaskColumns, path: Path) -> None:
    """Write the columns as Parquet. Raises InputError without pyarrow."""
    parquet = import_optional("pyarrow.parquet", "a Parquet file", _INSTALL)
    parquet.write_table(to_arrow(store), path)


def write_csv(store: MaskColumns, path: Path) -> None:
    """Write the columns as CSV with a header; floats have the fewest digits that give the same float32."""
    table = columns(store)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        for start in range(0, len(store), _CSV_ROWS):
            rows = [column[start : start + _CSV_ROWS].astype(np.str_).tolist() for column in table.values()]
            writer.writerows(zip(*rows, strict=True))
