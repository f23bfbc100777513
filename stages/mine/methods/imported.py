"""Masks that another program proposed, read from a COCO file in place of mining any."""

from pathlib import Path
from typing import Any

from maskdistill.data.coco.proposals import CocoMasks
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.sources.image_names import match_images
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.mine.parts import save_part


class Importer:
    """Takes the masks and scores of a COCO annotation file for the images of a source.

    Classes are left behind, so that no label can enter, and so are crowd regions, which are no objects. An image that
    the file does not name has no mask.
    """

    def __init__(self, path: Path, source: ImageSource) -> None:
        """Read the file. Raises InputError where it is not in order, or names no image of the source."""
        self.source = source
        self.file = CocoMasks(path)
        self.failures: dict[str, str] = {}
        names = {key: image.name for key, image in self.file.images.items()}
        self.entry_of = match_images(names, source.ids, str(path))
        if not self.entry_of:
            theirs = ", ".join(list(names.values())[:3]) or "none"
            raise InputError(
                f"mine.import: {path} names no image of the data set. Its file names ({theirs}, ...) must end with the "
                f"images' ids ({', '.join(source.ids[:3])}, ...), with or without suffix, or the other way round"
            )

    def write_part(self, items: range, path: Path) -> None:
        """Write the masks of some images, and which could not be read, into the folder `path`.

        Raises:
            InputError: A size in the file is not that of the image, or an annotation is not in order.
        """
        builder = MaskStoreBuilder()
        failures: dict[str, str] = {}
        for i in items:
            image_id = self.source.ids[i]
            try:
                height, width = self.source.read(i).shape[:2]
            except UnreadableImage as error:
                failures[image_id] = str(error)
                continue
            if i in self.entry_of:
                masks = self.file.masks_of(self.entry_of[i], (height, width))
                builder.add_rles(image_id, masks.rles, masks.scores)
            else:
                builder.add_rles(image_id, [])
        save_part(path, builder, failures)
        self.failures |= failures

    def metrics(self) -> dict[str, Any]:
        """How well the file and the data set go together."""
        return {
            "file_images": len(self.file.images),
            "file_images_not_in_data": len(self.file.images) - len(self.entry_of),
            "images_not_in_file": len(self.source) - len(self.entry_of),
            "crowds_left_out": sum(self.file.count_crowds(key) for key in self.entry_of.values()),
        }
