"""Settings of masks that another program proposed."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from maskdistill.data.errors import InputError
from maskdistill.stages.mine.methods.settings import MinerSettings


class ImportConfig(MinerSettings):
    """Masks and scores of a COCO annotation file, for the images that it names."""

    only_reads: ClassVar[bool] = True

    file: Path | None = None
    """The file, needed by `method: import`; its images are found by file name, and its classes are left behind."""

    def files(self) -> Mapping[str, Path]:
        """The file. Raises InputError where none is named."""
        if self.file is None:
            raise InputError("mine.import.file: required by mine.method: import; give the path of a COCO file")
        return {"file": self.file}
