"""PASCAL VOC 2007 and 2012, and data sets in its layout, read as its authors ship it."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.config import VocConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.files import FileSource
from maskdistill.data.sources.frames import Header, SizeHw
from maskdistill.data.sources.instances import Instances
from maskdistill.data.sources.voc_lists import ListedImages, read_list

CLASS_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Those of VOC, whose files do not hold them; `data.class_names` names others."""
_LABEL_FOLDERS = ("SegmentationClassAug", "SegmentationClass")
_LISTS = "ImageSets/Segmentation"
_SBD = (
    "; VOC does not ship this list: it names the images of SBD (Semantic Boundaries Dataset) and VOC's train together, "
    "without VOC's val, and comes with conversions of SBD to label PNGs (SegmentationClassAug)"
)


class VocSource(FileSource):
    """The images of two VOC lists; an image's id is its VOC name, e.g. 2007_000032."""

    def __init__(self, config: VocConfig) -> None:
        """Read the lists. Raises InputError where a list, a listed image or the chosen label folder is missing."""
        root = config.root
        _require(root / "JPEGImages", "data.root", "data.root is the folder above it, VOCdevkit/VOC2012 or VOC2007")
        train = _read_split(root, config.train_split, "data.train_split")
        val = ListedImages()
        if config.val_split is not None:
            val = _read_split(root, config.val_split, "data.val_split")
        super().__init__(config, train.files, val.files, root)
        self.notes = (*self.notes, *train.notes, *val.notes)
        self._label_folders = _label_folders(root, config.labels)
        self._objects, self._annotations = root / "SegmentationObject", root / "Annotations"
        if self._label_folders:
            self.class_names = config.class_names or CLASS_NAMES

    def label_files(self) -> dict[str, Path]:
        """The label PNGs, object PNGs and box annotations that are there, as `<folder>/<file>`."""
        files: list[Path | None] = [self._label_file(image_id) for image_id in self.ids]
        for folder, end in ((self._objects, ".png"), (self._annotations, ".xml")):
            files += [path for image_id in self.ids if (path := folder / f"{image_id}{end}").is_file()]
        return {f"{path.parent.name}/{path.name}": path for path in files if path is not None}

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W), 255 = the void border; None where the image has no label PNG."""
        path = self._label_file(self.ids[index])
        if path is None:
            return None
        from maskdistill.data.sources.label_maps import read_class_indices

        return self._like_the_image(index, read_class_indices(path, len(self.class_names or ())), path)

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of all objects, difficult ones included, as float32 (n, 4) x1 y1 x2 y2 px; None without annotation."""
        path = self._annotations / f"{self.ids[index]}.xml"
        return read_box_file(path) if path.is_file() else None

    def read_instances(self, index: int) -> Instances | None:
        """The objects without their void border; None where the image has no PNG in SegmentationObject.

        An object's class is the one that most of its pixels have in the label PNG.
        """
        labels = self.read_labels(index)
        path = self._objects / f"{self.ids[index]}.png"
        if labels is None or not path.is_file():
            return None
        from maskdistill.data.sources.label_maps import read_class_indices

        objects = self._like_the_image(index, read_class_indices(path, IGNORE), path)
        if objects.shape != labels.shape:
            raise InputError(f"{path}: {objects.shape} px, but the label PNG of the image is {labels.shape} px")
        return _classify(objects, labels)

    def _annotated_sizes(self) -> Iterator[tuple[Header, SizeHw | None]]:
        from maskdistill.data.sources.decode import read_header

        for index, header in self._headers(range(len(self))):
            path = self._label_file(self.ids[index])
            if header.turned and path is not None:
                yield header, read_header(path).stored_hw

    def _label_file(self, image_id: str) -> Path | None:
        files = (folder / f"{image_id}.png" for folder in self._label_folders)
        return next((path for path in files if path.is_file()), None)


def read_box_file(path: Path) -> FloatArray:
    """Boxes of a VOC annotation as float32 (n, 4) x1 y1 x2 y2, px counted from 0, the far edge excluded.

    VOC counts pixels from 1 and includes the far edge, so only the near corner moves.

    Raises:
        InputError: The file is no UTF-8 XML, declares a document type, or an object lacks its box.
    """
    try:
        # Decoded first: in another encoding, a document type with its entity bombs would pass the test below.
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise InputError(f"{path}: document type declarations are refused; VOC annotations have none")
        boxes = [_read_box(item) for item in ElementTree.fromstring(text).iter("object")]
    except InputError:
        raise
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise InputError(f"{path}: not a VOC annotation ({error})") from error
    return np.asarray(boxes, dtype=np.float32).reshape(-1, 4) - np.array([1, 1, 0, 0], dtype=np.float32)


def _read_box(item: ElementTree.Element) -> list[float]:
    texts = [item.findtext(f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
    if None in texts:
        raise ValueError("an <object> has no complete <bndbox>")
    return [float(text) for text in texts if text is not None]


def _classify(objects: UInt8Array, labels: UInt8Array) -> Instances:
    """Objects by index, 1 to 254, with the class that most of their pixels have; those without any are left out."""
    known = (labels != 0) & (labels != IGNORE)
    values = np.zeros(256, dtype=np.uint8)
    class_ids: list[int] = []
    for index in np.setdiff1d(objects, [0, IGNORE]).tolist():
        counts = np.bincount(labels[(objects == index) & known])
        if counts.any():
            class_ids.append(int(counts.argmax()))
            values[index] = len(class_ids)
    return Instances.of_map(values[objects], class_ids)


def _read_split(root: Path, split: str, field: str) -> ListedImages:
    """The images of a list: the name of one of VOC's own, or a text file of the user's."""
    own = root / _LISTS / f"{split}.txt"
    listing = Path(split) if split.endswith(".txt") else own
    hint = f"VOC's authors put train, val and trainval into {_LISTS}; another file is named with -s {field}=FILE.txt"
    _require(listing, field, hint + (_SBD if split == "trainaug" else ""))
    return read_list(listing, root / "JPEGImages", field)


def _label_folders(root: Path, chosen: str) -> tuple[Path, ...]:
    if chosen != "auto":
        _require(
            root / chosen,
            "data.labels",
            f"VOC's own is {_LABEL_FOLDERS[1]}, SBD's {_LABEL_FOLDERS[0]}",
        )
        return (root / chosen,)
    return tuple(root / name for name in _LABEL_FOLDERS if (root / name).is_dir())


def _require(path: Path, field: str, hint: str) -> None:
    if not path.exists():
        raise InputError(f"{field}: {path} is not there; {hint}")
