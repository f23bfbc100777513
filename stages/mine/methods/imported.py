"""The mining method `import`: masks that another program proposed, read from a COCO file in place of mining any."""

from collections.abc import Iterable, Iterator
from typing import Any

from maskdistill.data.coco.proposals import CocoMasks
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_names import match_images
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.miner import Miner, Photo, Proposals


class ImportMiner(Miner):
    """Takes the masks and scores of a COCO annotation file for the images of a source.

    Classes are left behind, so that no label can enter, and so are crowd regions, which are no objects. An image that
    the file does not name has no mask.
    """

    def __init__(self, config: MineConfig, inputs: StageInputs, prepared: Any = None) -> None:
        """Read the file. Raises InputError where it is not in order, or names no image of the source."""
        super().__init__(config, inputs, prepared)
        path, source = config.own.files()["file"], inputs.source
        self.file = CocoMasks(path)
        names = {key: image.file_name for key, image in self.file.images.items()}
        self.entry_of = match_images(names, source.ids, str(path))
        if not self.entry_of:
            theirs = ", ".join(list(names.values())[:3]) or "none"
            raise InputError(
                f"mine.import.file: {path} names no image of the data set. Its file names ({theirs}, ...) must end "
                f"with the images' ids ({', '.join(source.ids[:3])}, ...), with or without suffix, or the other way "
                "round"
            )

    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """The masks of each image. Raises InputError where the file has another size of it, or is not in order."""
        for photo in photos:
            if photo.index in self.entry_of:
                masks = self.file.masks_of(self.entry_of[photo.index], photo.size_hw)
                yield photo.index, Proposals(list(masks.rles), list(masks.scores))
            else:
                yield photo.index, Proposals([])

    def facts(self) -> dict[str, Any]:
        """How well the file and the data set go together."""
        return {
            "file_images": len(self.file.images),
            "file_images_not_in_data": len(self.file.images) - len(self.entry_of),
            "images_not_in_file": len(self.inputs.source) - len(self.entry_of),
            "crowds_left_out": sum(self.file.count_crowds(key) for key in self.entry_of.values()),
        }
