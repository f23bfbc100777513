"""PASCAL VOC, read as its authors ship it."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from data.config import VocConfig
from data.errors import InputError
from data.files import FileSource, read_lines, require_folder
from data.images import FloatArray, UInt8Array
from data.paths import inside

CLASS_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_LABEL_FOLDERS = ("SegmentationClassAug", "SegmentationClass")


class VocSource(FileSource):
    """The images of two VOC segmentation lists; an image's id is its VOC name, e.g. 2007_000032."""

    def __init__(self, config: VocConfig) -> None:
        """Read the lists. Raises InputError where a list, a listed image or the chosen label folder is missing."""
        root = config.root
        require_folder(root, "data.root")
        require_folder(root / "JPEGImages", "data.root")
        train = _read_split(root, config.train_split, "data.train_split")
        val = {} if config.val_split is None else _read_split(root, config.val_split, "data.val_split")
        super().__init__(config, train, val, root)
        self._labels = _label_folder(root, config.labels)
        self._annotations = root / "Annotations"
        if self._labels is not None:
            self.class_names = CLASS_NAMES

    def label_files(self) -> dict[str, Path]:
        """The label PNGs and box annotations that are there, as `<folder>/<file>`."""
        folders = [(self._labels, ".png"), (self._annotations, ".xml")]
        files = [folder / f"{image_id}{end}" for folder, end in folders if folder for image_id in self.ids]
        return {f"{path.parent.name}/{path.name}": path for path in files if path.is_file()}

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W), 255 = the void border; None where the image has no label PNG."""
        if self._labels is None:
            return None
        path = self._labels / f"{self.ids[index]}.png"
        if not path.is_file():
            return None
        from data.decode import read_class_indices

        return read_class_indices(path, len(CLASS_NAMES))

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of all objects, difficult ones included, as float32 (n, 4) x1 y1 x2 y2 px; None without annotation."""
        path = self._annotations / f"{self.ids[index]}.xml"
        return read_box_file(path) if path.is_file() else None


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


def _read_split(root: Path, split: str, field: str) -> dict[str, Path]:
    listing = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    names = read_lines(listing, field)
    return {name: inside(root / "JPEGImages", f"{name}.jpg", str(listing)) for name in names}


def _label_folder(root: Path, chosen: str) -> Path | None:
    if chosen != "auto":
        require_folder(root / chosen, "data.labels")
        return root / chosen
    return next((root / name for name in _LABEL_FOLDERS if (root / name).is_dir()), None)
