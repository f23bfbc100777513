"""A user's own folder of images, with label PNGs beside it if there are any."""

from collections.abc import Iterator
from pathlib import Path

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.class_file import read_class_file
from maskdistill.data.sources.files import FileSource, require_folder
from maskdistill.data.sources.frames import Header, SizeHw
from maskdistill.data.sources.label_sets import LABEL_SETS
from maskdistill.data.sources.listing import list_images
from maskdistill.data.sources.palette import Palette
from maskdistill.data.text import printable

_VALUES = 256
"""Of a pixel, before a set of classes says what each means."""


class FolderSource(FileSource):
    """All images below a folder."""

    truth_remedy = (
        "write 1 for the objects, or leave out data.labels and class names: the run then goes on without scores"
    )

    def __init__(self, config: FolderConfig) -> None:
        """List the folder. Raises InputError where it is missing, holds no training image, or no label map fits."""
        root = config.root
        require_folder(root, "data.root")
        if config.val is not None:
            require_folder(root / config.val, "data.val")
        if config.labels is not None:
            require_folder(config.labels, "data.labels")
        val_prefix = None if config.val is None else Path(config.val).as_posix().rstrip("/") + "/"
        train: dict[str, Path] = {}
        val: dict[str, Path] = {}
        listing = list_images(root, config.labels)
        for path in listing.images:
            image_id = path.relative_to(root).as_posix()
            split = val if val_prefix is not None and image_id.startswith(val_prefix) else train
            split[image_id] = path
        skipped = f"{root}: left out {listing.skipped}" if listing.skipped.total else None
        if not train and skipped:
            raise InputError(
                f"data.root: {skipped}; nothing else is there to train on: convert them to JPEG or PNG, or name "
                "another folder"
            )
        if val_prefix is not None and not val:
            raise InputError(f"data.val: there are no images in {root / val_prefix}")
        super().__init__(config, train, val, root)
        self.notes = (*self.notes, *([skipped] if skipped else []))
        self._labels, self._class_file = config.labels, config.class_file
        self.class_names = config.class_names
        self._label_set = LABEL_SETS[config.label_set] if config.label_set else None
        if self._label_set is not None:
            self.class_names = self._label_set.names
        self._palette: Palette | None = None
        if config.class_file is not None:
            self.class_names, self._palette = read_class_file(config.class_file)

    def label_files(self) -> dict[str, Path]:
        """The label PNGs that are there, by image id, and the file of the classes."""
        if self._labels is None:
            return {}
        files = {image_id: self._label_file(image_id) for image_id in self.ids}
        found = {image_id: path for image_id, path in files.items() if path is not None and path.is_file()}
        return found if self._class_file is None else {**found, "/class_file": self._class_file}

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W), 0 = background, 255 = ignore; None where the image has no label PNG.

        Turned as the image is. Raises InputError where the file is no label map, or that of another size.
        """
        path = self._label_file(self.ids[index])
        if path is None or not path.is_file() or self.class_names is None:
            return None
        from maskdistill.data.sources.label_maps import read_class_indices

        n_values = len(self.class_names) if self._label_set is None else _VALUES
        labels = read_class_indices(path, n_values, self._palette)
        if self._label_set is not None:
            labels = self._label_set.decode(labels, path)
        return self._like_the_image(index, labels, path)

    def describe_labels(self) -> str | None:
        """What is wrong with the folder of label maps as a whole."""
        if self._labels is None:
            return None
        n_found = len(self.label_files()) - (self._class_file is not None)
        if n_found:
            return None
        files = sorted(path for path in self._labels.rglob("*") if path.is_file())
        held = f"files such as {printable(files[0].name)}" if files else "no files"
        jpeg = any(path.suffix.lower() in (".jpg", ".jpeg") for path in files)
        return (
            f"data.labels: {self._labels} has a label map of none of the {len(self)} images; that of {self.ids[0]} "
            f"would be {self._label_file(self.ids[0])}. It holds {held}: write PNGs, each with its image's name"
            + ("; JPEG cannot hold the numbers of classes" if jpeg else "")
        )

    def _label_file(self, image_id: str) -> Path | None:
        if self._labels is None:
            return None
        path = (self._labels / image_id).with_suffix(".png")
        if self._label_set is not None:
            path = path.with_stem(self._label_set.label_stem(path.stem))
        upper = path.with_suffix(".PNG")
        return upper if not path.is_file() and upper.is_file() else path

    def _annotated_sizes(self) -> Iterator[tuple[Header, SizeHw | None]]:
        from maskdistill.data.sources.decode import read_header

        for index, header in self._headers(range(len(self))):
            path = self._label_file(self.ids[index])
            if header.turned and path is not None and path.is_file():
                yield header, read_header(path).stored_hw
