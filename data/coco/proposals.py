"""Masks out of a COCO annotation file that some other program wrote: this project's own export, CutLER, SAM, ..."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.annotations import AnnotationFile, decode
from maskdistill.data.coco.entries import CocoAnnotation, CocoId, check_size
from maskdistill.data.coco.export import CLUSTER
from maskdistill.data.errors import InputError
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle, encode

MAX_PIXELS = 100_000_000
"""Largest height x width that is believed where no image tells the true size."""


@dataclass(frozen=True, eq=False)
class ForeignMasks:
    """The n masks of one image.

    Attributes:
        rles: Compressed COCO codes.
        scores: float32 (n,), 1 where the file has none.
        clusters: int32 (n,): category c + 1 of this project's own exports is cluster c; -1 for any other category.
    """

    rles: list[Rle]
    scores: NDArray[np.float32]
    clusters: NDArray[np.int32]


class CocoMasks:
    """An annotation file in memory, its masks not yet decoded.

    Attributes:
        images: Image by COCO's image id.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError where it is no COCO file, or an annotation belongs to no image."""
        self._file = AnnotationFile(path, keep_annotations=True)
        self.images = self._file.images
        self._clusters = _read_clusters(self._file)

    def masks_of(self, image_id: CocoId, size_hw: tuple[int, int]) -> ForeignMasks:
        """The masks of an image of that true size, in the order of the file; empty ones too, crowd regions not.

        Raises:
            InputError: The file gives the image or a mask another size, or a segmentation is not in order.
        """
        image = self.images[image_id]
        if image.size_hw not in (None, size_hw):
            theirs, ours = (f"{size[1]} x {size[0]} px" for size in (image.size_hw or size_hw, size_hw))
            raise InputError(
                f"{image.where}: the file says that {image.file_name} has {theirs}, but the image has {ours}"
            )
        objects = [item for item in self._file.of_image(image_id) if not item.iscrowd]
        return ForeignMasks(
            rles=[encode(decode(item, image, size_hw)) for item in objects],
            scores=np.asarray([1 if item.score is None else item.score for item in objects], dtype=np.float32),
            clusters=np.asarray([self._cluster_of(item) for item in objects], dtype=np.int32),
        )

    def _cluster_of(self, item: CocoAnnotation) -> int:
        return -1 if item.category_id is None else self._clusters.get(item.category_id, -1)

    def count_crowds(self, image_id: CocoId) -> int:
        """Number of crowd regions of an image."""
        return sum(bool(item.iscrowd) for item in self._file.of_image(image_id))

    def has_masks(self, image_id: CocoId) -> bool:
        """Whether an annotation belongs to the image."""
        return bool(self._file.of_image(image_id))


def read_coco(path: Path) -> tuple[MaskStore, dict[str, tuple[int, int]]]:
    """All masks of a COCO annotation file, and the sizes of its images.

    Returns:
        The masks, their image ids the file names; and height and width, px, of each image that the file tells.
        Crowd regions and masks without a pixel are left out.

    Raises:
        InputError: The file is not in order, or an image with masks has no size.
    """
    file = CocoMasks(path)
    builder = MaskStoreBuilder()
    sizes: dict[str, tuple[int, int]] = {}
    names: set[str] = set()
    for image_id, image in file.images.items():
        if image.file_name in names:
            raise InputError(f"{image.where}: the file name {image.file_name!r} occurs twice in images")
        names.add(image.file_name)
        if image.size_hw is not None:
            check_size(image.size_hw, MAX_PIXELS, image.where)
            sizes[image.file_name] = image.size_hw
        elif file.has_masks(image_id):
            raise InputError(f"{image.where}: an image with masks needs height and width")
        masks = file.masks_of(image_id, image.size_hw or (0, 0))
        builder.add_rles(image.file_name, masks.rles, masks.scores, masks.clusters)
    return builder.build(), sizes


def _read_clusters(file: AnnotationFile) -> dict[CocoId, int]:
    """Cluster by category id, for the categories that this project wrote: classes of others are labels."""
    return {
        category.id: category.id - 1
        for category in file.categories.values()
        if category.supercategory == CLUSTER
        and isinstance(category.id, int)
        and 1 <= category.id <= np.iinfo(np.int32).max
    }
