"""Settings of masks that another program proposed."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from maskdistill.data.errors import InputError
from maskdistill.data.sources.frames import AnnotationFrame
from maskdistill.stages.mine.methods.settings import MinerSettings


class ImportConfig(MinerSettings):
    """Masks and scores of a COCO annotation file, for the images that it names."""

    only_reads: ClassVar[bool] = True

    file: Path | None = None
    """The file, needed by `method: import`: a COCO annotation file, COCO results, or a folder with the masks of SAM, a
    JSON file for each image, named after it. Images are found by file name, and classes are left behind."""
    images: Path | None = None
    """For COCO results, which name images by id only: the annotation file in which these ids stand."""
    crowds: bool = False
    """Whether regions that are marked as crowds are masks too, as some programs mark whatever was painted."""
    annotation_frame: AnnotationFrame | None = None
    """In which frame photos that are stored turned (EXIF) were annotated; None = as `data.annotation_frame`."""

    def files(self) -> Mapping[str, Path]:
        """The file, and that of the ids. Raises InputError where no file is named."""
        if self.file is None:
            raise InputError("mine.import.file: required by mine.method: import; give the path of a COCO file")
        return {"file": self.file, **({"images": self.images} if self.images else {})}

    def unused(self) -> set[str]:
        """What is as it was before it could be set."""
        unset = {"images"} if self.images is None else set()
        unset |= set() if self.crowds else {"crowds"}
        return unset | ({"annotation_frame"} if self.annotation_frame in (None, "auto") else set())
