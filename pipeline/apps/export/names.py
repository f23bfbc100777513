"""What an export says about images: file names and, where a store does not know them, sizes."""

from pathlib import Path

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource


class ImageNames:
    """Names and sizes of the images of a source.

    Args:
        source: The images.
        root: Folder that names are relative to; names of images that lie elsewhere, or are no files, are their ids.
    """

    def __init__(self, source: ImageSource, root: Path | None = None) -> None:
        self.source = source
        self.root = root

    def name_of(self, image_id: str) -> str:
        """Path of the image below the root."""
        path = self.path_of(image_id)
        if path is None or self.root is None or not path.is_relative_to(self.root):
            return image_id
        return path.relative_to(self.root).as_posix()

    def file_of(self, image_id: str) -> str:
        """Absolute path of the image, or its id where it is no file."""
        path = self.path_of(image_id)
        return image_id if path is None else str(path.resolve())

    def path_of(self, image_id: str) -> Path | None:
        """File of the image; None where it is generated."""
        return self.source.file(self._index(image_id))

    def size_of(self, image_id: str) -> tuple[int, int]:
        """Height and width of the image, px; it is decoded."""
        height, width = self.source.read(self._index(image_id)).shape[:2]
        return height, width

    def _index(self, image_id: str) -> int:
        try:
            return self.source.index(image_id)
        except KeyError:
            raise InputError(f"export: image {image_id} is not in the image source any more") from None
