"""What an export says of images and clusters: file names, names of clusters, and sizes that a store does not know."""

from pathlib import Path

from maskdistill.data.errors import UnreadableImage
from maskdistill.data.naming import NO_NAMES, ClusterNames
from maskdistill.data.sources.image_source import ImageSource


class ImageNames:
    """Names and sizes of the images of a source; one that is gone is named by its id and has no size.

    Args:
        source: The images.
        root: Folder that names are relative to; names of images that lie elsewhere, or are no files, are their ids.
        clusters: What people call a cluster, by its number; the others are called after their number.
    """

    def __init__(self, source: ImageSource, root: Path | None = None, clusters: ClusterNames = NO_NAMES) -> None:
        self.source = source
        self.root = root
        self.clusters = clusters

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
        """File of the image; None where it is generated, or gone."""
        index = self._index(image_id)
        return None if index is None else self.source.file(index)

    def size_of(self, image_id: str) -> tuple[int, int] | None:
        """Height and width of the image, px; it is decoded. None where it is gone."""
        index = self._index(image_id)
        try:
            height, width = (0, 0) if index is None else self.source.read(index).shape[:2]
        except UnreadableImage:
            return None
        return (height, width) if height else None

    def _index(self, image_id: str) -> int | None:
        try:
            return self.source.index(image_id)
        except KeyError:
            return None
