"""A MaskStore as COCO annotations: as one dict, or written to a file image by image.

Category c + 1 is cluster c; masks without a cluster have the category after the last one, named "object". Image ids
count from 1 in the order of the store, and annotation ids are row + 1.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from maskdistill.data.coco.outlines import polygons
from maskdistill.data.naming import NO_NAMES, ClusterNames, cluster_name
from maskdistill.data.stores.image_masks import ImageMasks, images_of
from maskdistill.data.stores.mask_columns import MaskColumns

CLUSTER = "cluster"
"""Supercategory by which the importer knows that a category stands for a cluster."""
_OBJECT = "object"

Json = dict[str, Any]
SizesHw = Mapping[str, tuple[int, int]]
NameOf = Callable[[str], str]


def coco_dict(store: MaskColumns, sizes_hw: SizesHw | None = None, name_of: NameOf = str) -> Json:
    """All masks in the form of a COCO annotation file, ready for `json.dump` or for pycocotools.

    Args:
        store: The masks.
        sizes_hw: Height and width, px, of images by id; needed only for images without a mask, whose entry has no size
            otherwise.
        name_of: Gives the file name of an image id; by default the id itself.
    """
    sizes = sizes_hw or {}
    n_clusters = count_clusters(store)
    annotations = [annotation for image in images_of(store) for annotation in coco_annotations(image, n_clusters)]
    images = [coco_image(image, sizes.get(image.id), name_of) for image in images_of(store)]
    return {"images": images, "annotations": annotations, "categories": coco_categories(store, n_clusters)}


def write_coco(
    store: MaskColumns,
    path: Path,
    size_of: Callable[[str], tuple[int, int] | None],
    name_of: NameOf = str,
    on_image: Callable[[], None] = lambda: None,
    names: ClusterNames = NO_NAMES,
    *,
    outlined: bool = False,
) -> None:
    """Write the same as a file, one entry per line, without holding it in memory.

    Args:
        store: The masks.
        path: The file.
        size_of: Gives height and width of an image id, or None; asked for images without a mask only.
        name_of: As above.
        on_image: Called after each image.
        names: What people call a cluster, by its number.
        outlined: Whether masks are written as polygons, for programs that read no run-length codes.
    """
    n_clusters = count_clusters(store)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"categories": ' + _dump(coco_categories(store, n_clusters, names)) + ',\n"images": [')
        entries = (coco_image(image, None if len(image) else size_of(image.id), name_of) for image in images_of(store))
        for i, entry in enumerate(entries):
            file.write((",\n" if i else "\n") + _dump(entry))
        file.write('],\n"annotations": [')
        for image in images_of(store):
            for row, entry in zip(image.rows, coco_annotations(image, n_clusters, outlined=outlined), strict=True):
                file.write((",\n" if row else "\n") + _dump(entry))
            on_image()
        file.write("]}\n")


def count_clusters(store: MaskColumns) -> int:
    """One more than the largest cluster that a mask has."""
    return int(store.cluster.max(initial=-1)) + 1


def coco_categories(store: MaskColumns, n_clusters: int, names: ClusterNames = NO_NAMES) -> list[Json]:
    """Every cluster, under its name where it has one, and "object" where a mask has none."""
    clusters = [{"id": c + 1, "name": cluster_name(c, names), "supercategory": CLUSTER} for c in range(n_clusters)]
    without = bool((store.cluster < 0).any())
    return clusters + ([{"id": n_clusters + 1, "name": _OBJECT, "supercategory": _OBJECT}] if without else [])


def coco_image(image: ImageMasks, size_hw: tuple[int, int] | None, name_of: NameOf = str) -> Json:
    """The entry of an image; `size_hw` is used where it has no mask."""
    entry: Json = {"id": image.position + 1, "file_name": name_of(image.id)}
    size = image.size_hw or size_hw
    return entry if size is None else {**entry, "height": size[0], "width": size[1]}


def coco_annotations(image: ImageMasks, n_clusters: int, *, outlined: bool = False) -> Iterator[Json]:
    """The entries of an image's masks, as polygons or as their codes in text."""
    for row, rle, box, area, score, cluster in zip(
        image.rows, image.rles(), image.bbox_xywh, image.area, image.score, image.cluster, strict=True
    ):
        code = {"size": rle["size"], "counts": rle["counts"].decode("ascii")}
        yield {
            "id": row + 1,
            "image_id": image.position + 1,
            "category_id": int(cluster) + 1 if cluster >= 0 else n_clusters + 1,
            "segmentation": polygons(image.store.decode(row)) if outlined else code,
            "bbox": box.tolist(),
            "area": int(area),
            "iscrowd": 0,
            # The fewest digits that give the same float32: 0.9, not 0.8999999761581421.
            "score": float(str(score)),
        }


def _dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
