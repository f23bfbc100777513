"""Masks out of a file that some other program wrote in COCO's format: this project's own export, CutLER, SAM, ..."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.annotations import AnnotationFile, decode
from maskdistill.data.coco.entries import CocoAnnotation, CocoId, check_size
from maskdistill.data.coco.export import CLUSTER
from maskdistill.data.errors import InputError
from maskdistill.data.sources.frames import UPRIGHT, AnnotationFrame, Frame, Header, frame_of, likely_frame, upright
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle, encode
from maskdistill.data.tally import Tally

MAX_PIXELS = 100_000_000
"""Largest height x width that is believed where no image tells the true size."""
CROWDS = "crowd regions"
EMPTY = "empty"
OTHER_SIZE = "for an image of another size"


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


@dataclass
class CocoMasks:
    """The masks of a file, not yet decoded.

    Attributes:
        path: An annotation file, a file of results, or a folder with a file for each image.
        images_file: The annotation file whose images the ids of results mean.
        crowds: Whether crowd regions are masks.
        setting: In which frame photos with an EXIF orientation were annotated.
        otherwise: The frame of those whose size does not tell it.
    """

    path: Path
    images_file: Path | None = None
    crowds: bool = False
    setting: AnnotationFrame = "auto"
    otherwise: Frame = "displayed"
    file: AnnotationFile = field(init=False)

    def __post_init__(self) -> None:
        """Read the file. Raises InputError where it is no COCO file."""
        self.file = AnnotationFile(self.path, keep_annotations=True, images=self.images_file)
        self.images = self.file.images
        self._clusters = _read_clusters(self.file)

    def masks_of(self, image_id: CocoId, header: Header, tally: Tally) -> ForeignMasks:
        """The masks of an image, in the order of the file, upright; what is left out is counted in `tally`.

        Args:
            image_id: Its id in the file.
            header: True size and orientation of the image.
            tally: Gets crowd regions, masks without a pixel, and those that are not in order or not for this image.
        """
        items = self._objects(image_id, tally)
        declared = self.declared_hw(image_id)
        frame = frame_of(header, declared, self.setting, self.otherwise)
        if frame is None:
            theirs, ours = (f"{w} x {h}" for h, w in (declared or header.displayed_hw, header.displayed_hw))
            name = f"{self.images[image_id].file_name}: {theirs} px in the file, {ours} px in truth"
            tally.add(OTHER_SIZE, name, len(items)) if items else None
            items = []
        found = []
        for item in items:
            mask = decode(self.file, item, header.size_of(frame or "displayed"), tally)
            if mask is not None and mask.any():
                found.append((item, mask if frame == "displayed" else upright(mask, header.orientation)))
            elif mask is not None:
                tally.add(EMPTY, self.images[image_id].file_name)
        return ForeignMasks(
            rles=[encode(mask) for _, mask in found],
            scores=np.asarray([1 if item.score is None else item.score for item, _ in found], dtype=np.float32),
            clusters=np.asarray([self._cluster_of(item) for item, _ in found], dtype=np.int32),
        )

    def declared_hw(self, image_id: CocoId) -> tuple[int, int] | None:
        """Height and width of an image as the file has them, or as its codes do; None where nothing tells."""
        declared = self.images[image_id].size_hw
        codes = (item.segmentation for item in self.file.of_image(image_id) if isinstance(item.segmentation, dict))
        size = declared or next((code.get("size") for code in codes), None)
        if isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int for side in size):
            return int(size[0]), int(size[1])
        return None

    def _objects(self, image_id: CocoId, tally: Tally) -> list[CocoAnnotation]:
        items = list(self.file.of_image(image_id))
        if self.crowds:
            return items
        for _ in range(sum(bool(item.iscrowd) for item in items)):
            tally.add(CROWDS, self.images[image_id].file_name)
        return [item for item in items if not item.iscrowd]

    def _cluster_of(self, item: CocoAnnotation) -> int:
        return -1 if item.category_id is None else self._clusters.get(item.category_id, -1)


def likely_frame_of(file: CocoMasks, headers: "dict[CocoId, Header]") -> Frame:
    """The frame that most photos of a file were annotated in, as far as their sizes tell."""
    turned = {key: header for key, header in headers.items() if header.orientation != UPRIGHT}
    return likely_frame((header, file.declared_hw(key)) for key, header in turned.items())


def read_coco(path: Path) -> tuple[MaskStore, dict[str, tuple[int, int]]]:
    """All masks of a COCO annotation file, and the sizes of its images.

    Returns:
        The masks, their image ids the file names; and height and width, px, of each image that the file tells.
        Crowd regions, masks without a pixel and entries that are not in order are left out.

    Raises:
        InputError: The file is no annotation file, or an image with masks has no size.
    """
    file = CocoMasks(path)
    builder = MaskStoreBuilder()
    sizes: dict[str, tuple[int, int]] = {}
    names: set[str] = set()
    for image_id, image in file.images.items():
        where = f"{path}: {image.where}"
        if image.file_name in names:
            raise InputError(f"{where}: the file name {image.file_name!r} occurs twice in images")
        names.add(image.file_name)
        size = file.declared_hw(image_id)
        if size is not None:
            check_size(size, MAX_PIXELS, where)
            sizes[image.file_name] = size
        elif file.file.of_image(image_id):
            raise InputError(f"{where}: an image with masks needs height and width")
        masks = file.masks_of(image_id, Header(size or (0, 0)), Tally())
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
