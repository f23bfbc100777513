"""What a mining method must offer. The stage knows nothing else of it, so that another method fits in here."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.image_source import Glance, ImageSource
from maskdistill.data.stores.rle import Rle, encode_all
from maskdistill.data.tally import Tally
from maskdistill.stages.ahead import work_ahead
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.progress import Progress

if TYPE_CHECKING:  # the settings of a method may stand beside it, and are read before those of the stage
    from maskdistill.stages.mine.config import MineConfig


@dataclass(frozen=True, eq=False)
class Photo:
    """One image to find objects in.

    Attributes:
        index: Its number in the source.
        image_id: Its id there.
        glance: What was read of it.
    """

    index: int
    image_id: str
    glance: Glance

    @property
    def pixels(self) -> UInt8Array:
        """uint8 (h, w, 3) RGB, which may be those of a smaller copy."""
        return self.glance.pixels

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image itself, px."""
        return self.glance.size_hw


def read_photos(
    source: ImageSource, items: Iterable[int], failures: dict[str, str], short_side: int | None = None
) -> Iterator[Photo]:
    """The readable ones of some images of a source, read ahead, in threads.

    Args:
        source: The images.
        items: Their numbers.
        failures: The reason of each that cannot be read goes in here, under its id.
        short_side: Where they are looked at with so long a short side, px, or less: large ones are read smaller. None =
            at their own size.
    """

    def read(index: int) -> Photo | UnreadableImage:
        try:
            return Photo(index, source.ids[index], source.glance(index, short_side))
        except UnreadableImage as error:
            return error

    indices = list(items)
    for index, found in zip(indices, work_ahead(read, indices), strict=True):
        if isinstance(found, Photo):
            yield found
        else:
            failures[source.ids[index]] = str(found)


@dataclass(frozen=True, eq=False)
class Proposals:
    """The masks found in one image, as COCO codes; scores 0-1, or None where the method gives none."""

    rles: list[Rle]
    scores: list[float] | None = None

    @classmethod
    def of_masks(cls, masks: NDArray[np.bool_], scores: list[float] | None = None) -> "Proposals":
        """From masks bool (n, height, width) at the image's own size."""
        return cls(encode_all(masks), scores)


class Miner(ABC):
    """Finds objects in images; made once a process.

    Attributes:
        left_out: Counts masks that were there and are left out, by reason, while images are mined.

    Args:
        config: The settings of the stage; those of the method are `config.own`.
        inputs: What the stage works on.
        prepared: What `prepare` gave.
    """

    def __init__(self, config: "MineConfig", inputs: StageInputs, prepared: Any) -> None:
        self.config, self.inputs = config, inputs
        self.left_out = Tally()

    @classmethod
    def prepare(cls, config: "MineConfig", inputs: StageInputs, folder: Path, progress: Progress) -> Any:
        """What has to be known of all images before the first one: anything that can be pickled.

        Called once, before any miner is made. What it writes into `folder`, which may not be there yet, outlives a run
        that is killed.
        """
        return None

    @property
    def looks_at(self) -> int | None:
        """Short side, px, at which images are looked at, or less; None = at their own size."""
        return None

    @abstractmethod
    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """The proposals of each image, under its index, in any order."""

    def facts(self) -> dict[str, Any]:
        """What is worth knowing of the method as a whole, such as what it normalised pixels with; JSON values."""
        return {}

    def of_file(self) -> Tally:
        """Masks that are left out before any image is looked at; the same in every process."""
        return Tally()
