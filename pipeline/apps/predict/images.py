"""The images that are predicted: those of a folder, or some that are named one by one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig, SourceConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.files import FileSource
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.listing import list_images


class LoadedImages(ImageSource):
    """Images that are in memory, by id."""

    def __init__(self, pixels: Mapping[str, UInt8Array]) -> None:
        self.ids = tuple(pixels)
        self.n_train = 0
        self._pixels = pixels

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB."""
        return self._pixels[self.ids[index]]

    def fingerprint(self) -> str:
        """Never asked for: nothing that is made from these images is kept under a key."""
        raise NotImplementedError


class NamedImages(FileSource):
    """Images that a user has named; their ids are their paths below the folder that holds all of them."""

    def __init__(self, files: Sequence[Path], config: SourceConfig) -> None:
        whole = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100 - a link keeps its name
        above = Path(os.path.commonpath([file.parent for file in whole]))
        super().__init__(config, {file.relative_to(above).as_posix(): file for file in whole}, {}, above)

    def label_files(self) -> dict[str, Path]:
        """None: nobody knows the truth about them."""
        return {}


def open_images(paths: Sequence[Path], like: SourceConfig) -> FileSource:
    """The images that are named, and all below the folders that are, read as those of a data set are.

    Raises:
        InputError: There is no such file or folder, or no image in a folder.
    """
    read = like.model_dump(include={"max_pixels", "stretch"})
    if len(paths) == 1 and paths[0].is_dir():
        _images_below(paths[0])
        return FolderSource(FolderConfig(kind="folder", root=paths[0], max_failure_rate=1, **read))
    files = [file for path in paths for file in (_images_below(path) if path.is_dir() else [_there(path)])]
    return NamedImages(files, SourceConfig(max_failure_rate=1, **read))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: there is no such folder or image")
    return path


def _images_below(folder: Path) -> list[Path]:
    listing = list_images(folder)
    if not listing.images:
        skipped = f"; it holds {listing.skipped}, which are not read" if listing.skipped.total else ""
        raise InputError(f"{folder}: there are no images in it{skipped}")
    return listing.images
