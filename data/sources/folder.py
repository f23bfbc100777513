"""A user's own folder of images, with label PNGs beside it if there are any."""

import os
from collections.abc import Iterator
from pathlib import Path

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.class_file import read_class_file
from maskdistill.data.sources.files import FileSource, require_folder
from maskdistill.data.sources.palette import Palette

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
     ".pbm", ".pnm", ".jp2", ".tga", ".avif")
)  # fmt: skip
"""File names that are taken for images, in any case."""


class FolderSource(FileSource):
    """All images below a folder."""

    def __init__(self, config: FolderConfig) -> None:
        """List the folder. Raises InputError where it is missing or holds no training image."""
        root = config.root
        require_folder(root, "data.root")
        if config.val is not None:
            require_folder(root / config.val, "data.val")
        if config.labels is not None:
            require_folder(config.labels, "data.labels")
        val_prefix = None if config.val is None else Path(config.val).as_posix().rstrip("/") + "/"
        train: dict[str, Path] = {}
        val: dict[str, Path] = {}
        for path in find_images(root, config.labels):
            image_id = path.relative_to(root).as_posix()
            split = val if val_prefix is not None and image_id.startswith(val_prefix) else train
            split[image_id] = path
        if val_prefix is not None and not val:
            raise InputError(f"data.val: there are no images in {root / val_prefix}")
        super().__init__(config, train, val, root)
        self._labels, self._class_file = config.labels, config.class_file
        self.class_names = config.class_names
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
        """Class of each pixel as uint8 (H, W), 0 = background, 255 = ignore; None where the image has no label PNG."""
        path = self._label_file(self.ids[index])
        if path is None or not path.is_file() or self.class_names is None:
            return None
        from maskdistill.data.sources.decode import read_class_indices

        return read_class_indices(path, len(self.class_names), self._palette)

    def _label_file(self, image_id: str) -> Path | None:
        return None if self._labels is None else (self._labels / image_id).with_suffix(".png")


def find_images(root: Path, excluded: Path | None = None) -> Iterator[Path]:
    """Image files below `root`, by suffix; without hidden files and folders, and without the folder `excluded`."""
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        # Label PNGs often lie below the images' own folder, and are no images themselves.
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and not _same(here / name, excluded)]
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield here / name


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.samefile(other)
