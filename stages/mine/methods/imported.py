"""The mining method `import`: masks that another program proposed, read from a COCO file in place of mining any."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from maskdistill.data.coco.entries import CocoId
from maskdistill.data.coco.proposals import CROWDS, CocoMasks, likely_frame_of
from maskdistill.data.errors import InputError, UnreadableImage, about
from maskdistill.data.sources.frames import Frame, Header
from maskdistill.data.sources.image_names import match_images
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.tally import Tally
from maskdistill.data.text import printable
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.imported_config import ImportConfig
from maskdistill.stages.mine.methods.miner import Miner, Photo, Proposals
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import MINING

NOT_IN_DATA = "of images that are not in the data"
AMBIGUOUS = "of images whose names may mean several, or the same as another name"


class ImportMiner(Miner):
    """Takes the masks and scores of a COCO annotation file for the images of a source.

    Classes are left behind, so that no label can enter, and so are crowd regions, unless they are asked for. An image
    that the file does not name has no mask. What is left out is counted by its reason.
    """

    def __init__(self, config: MineConfig, inputs: StageInputs, prepared: Any = None) -> None:
        """Read the file. Raises InputError where it is no COCO file, or names no image of the source."""
        super().__init__(config, inputs, prepared)
        own, source = MINING.settings(config), inputs.source
        self.file = open_file(own)
        if prepared is not None:
            self.file.otherwise = prepared
        self.matches = match_images({key: image.file_name for key, image in self.file.images.items()}, source.ids)
        if not self.file.images:
            tally = Tally()
            tally.merge(self.file.file.bad_entries)
            tally.merge(self.file.file.left_out)
            raise InputError(f"mine.import.file: {own.file}: no image is left: {tally or 'it lists none'}; correct it")
        if not self.matches.found:
            theirs = ", ".join([printable(image.file_name) for image in self.file.images.values()][:3])
            raise InputError(
                f"mine.import.file: {own.file} names no image of the data set. Its file names ({theirs}, ...) must end "
                f"with the images' ids ({', '.join(source.ids[:3])}, ...), with or without suffix, or the other way "
                "round. COCO results hold ids only: name the annotation file with mine.import.images=FILE. Of SAM's "
                "masks, give a folder of JSON files, each named after its image"
            )

    @classmethod
    def prepare(cls, config: MineConfig, inputs: StageInputs, folder: Path, progress: Progress) -> Frame:
        """See that some mask is left, and find the frame of turned photos whose size does not tell it.

        Raises:
            InputError: Not one mask is left; the text says why.
        """
        miner = cls(config, inputs)
        headers = {key: header for key, _, header in _headers(miner, inputs.source)}
        miner.file.otherwise = likely_frame_of(miner.file, headers)
        _report_names(miner, progress)
        _report_frame(miner, headers, progress)
        tally = Tally()
        for key, header in headers.items():
            if miner.file.masks_of(key, header, tally).rles:
                return miner.file.otherwise
        tally.merge(miner.of_file())
        raise InputError(f"mine.import.file: {miner.file.path}: no mask is left of {_left_out(miner, tally)}")

    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """The masks of each image."""
        for photo in photos:
            rles, scores = [], []
            for key in self.matches.found.get(photo.index, ()):
                masks = self.file.masks_of(key, _header(self.inputs.source, photo), self.left_out)
                rles += masks.rles
                scores += list(masks.scores)
            yield photo.index, Proposals(rles, scores)

    def facts(self) -> dict[str, Any]:
        """How well the file and the data set go together."""
        found = self.matches.found
        named = [key for keys in found.values() for key in keys]
        crowds = sum(bool(item.iscrowd) for key in named for item in self.file.file.of_image(key))
        return {
            "file_images": len(self.file.images),
            "file_images_not_in_data": len(self.file.images) - len(named),
            "images_not_in_file": len(self.inputs.source) - len(found),
            "crowds_left_out": 0 if self.file.crowds else crowds,
        }

    def of_file(self) -> Tally:
        """The masks that belong to no image of the data, or are not in order as they stand in the file."""
        tally = Tally()
        tally.merge(self.file.file.left_out)
        named = {key for keys in self.matches.found.values() for key in keys}
        for reason, keys in (
            (AMBIGUOUS, set(self.matches.ambiguous)),
            (NOT_IN_DATA, set(self.file.images) - named - set(self.matches.ambiguous)),
        ):
            for key in (key for key in self.file.images if key in keys):
                count = len(self.file.file.of_image(key))
                if count:
                    tally.add(reason, self.file.images[key].file_name, count)
        return tally


def open_file(own: ImportConfig) -> CocoMasks:
    """The file that the settings name."""
    assert own.file is not None
    images = own.images and own.images.expanduser()
    with about("mine.import.file"):
        return CocoMasks(own.file.expanduser(), images, own.crowds, own.annotation_frame or "auto")


def _header(source: ImageSource, photo: Photo) -> Header:
    try:
        return source.header(photo.index)
    except UnreadableImage:
        return Header(photo.size_hw)


def _headers(miner: ImportMiner, source: ImageSource) -> Iterator[tuple[CocoId, int, Header]]:
    """Those of the images that the file names, as far as they can be read."""
    for index, keys in miner.matches.found.items():
        try:
            header = source.header(index)
        except UnreadableImage:
            continue
        for key in keys:
            yield key, index, header


def _report_names(miner: ImportMiner, progress: Progress) -> None:
    if (bad := miner.file.file.bad_entries).total:
        progress.say(f"{miner.file.path}: images and categories left out: {bad}")
    for way, count in miner.matches.remedies.items():
        progress.say(f"{count} file names found {way}")
    if miner.file.file.relative:
        progress.say("all outlines lie within 0 to 1 and are read as fractions of width and height")


def _report_frame(miner: ImportMiner, headers: dict[CocoId, Header], progress: Progress) -> None:
    """Say what was taken for turned photos whose size does not tell in which frame they were annotated."""
    if miner.file.setting != "auto":
        return
    turned = {key: header for key, header in headers.items() if header.turned}
    untold = [key for key, header in turned.items() if not header.told_by(miner.file.declared_hw(key))]
    stored = [key for key, header in turned.items() if header.told_by(miner.file.declared_hw(key)) == "stored"]
    if stored:
        progress.say(f"the masks of {len(stored)} photos are turned with their pixels (EXIF)")
    if untold:
        progress.say(
            f"{len(untold)} photos are stored turned (EXIF), and their size does not tell whether "
            f"they were annotated so; taken as {miner.file.otherwise}, see data.annotation_frame"
        )


def _left_out(miner: ImportMiner, tally: Tally) -> str:
    total = miner.file.file.count()
    if not total:
        return "0: the file holds none"
    remedy = "write them as polygons or run-length codes, in px of these images"
    if CROWDS in tally.counts():
        remedy = "-s mine.import.crowds=true takes crowd regions for masks"
    return f"{total}: {tally}; {remedy}"
