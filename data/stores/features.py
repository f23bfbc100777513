"""FeatureStore: the patch tokens of a frozen ViT as one map per image, and per mirror image, in one zarr group.

On disk (I images, h x w patches of one of them, D numbers a patch, N patches of the training images):

    image_ids/  ids of the images
    size_hw     int32   (I, 2)  height and width of the image, px
    grid_hw     int32   (I, 2)  h and w
    start       int64   (I,)    where the image's h * w * D values begin in the two arrays that follow
    tokens      float16 (n,)    row by row of each map; between the images there may be gaps
    mirrored    float16 (n,)    the same of the mirror images, where there are any
    n_tokens    int64   (1,)    N
    total       float64 (D,)    sum over those N tokens, mirror images left out
    squares     float64 (D,)    sum of their squares

The attribute `description` says in JSON what the tokens are of. Float16 tokens hardly compress, so they are not.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.stores.zarr_group import get_array, has_item, open_store, read_array, read_rows, read_strings

COLUMNS = {"size_hw": "i4", "grid_hw": "i4", "start": "i8"}
STATISTICS = {"n_tokens": "i8", "total": "f8", "squares": "f8"}
TOKENS, MIRRORED = "tokens", "mirrored"
DESCRIPTION = "description"
_LEAST_STD = 1e-6


class FeatureStore:
    """Patch tokens on disk, read one image at a time.

    Attributes:
        image_ids: Id of each image.
        size_hw: int32 (I, 2), height and width of the images themselves, px.
        grid_hw: int32 (I, 2), height and width of their maps, patches.
        dim: D, numbers a patch.
        mirrored: Whether the maps of the mirror images are there too.
        description: What the tokens are of.
    """

    def __init__(self, path: Path) -> None:
        group = open_store(path, "features")
        self.path = path
        self.image_ids = read_strings(group, "image_ids")
        self.size_hw, self.grid_hw, self.start = (read_array(group, name, dtype) for name, dtype in COLUMNS.items())
        self.n_tokens, self.total, self.squares = (read_array(group, name, dtype) for name, dtype in STATISTICS.items())
        self.dim = self.total.size
        self.mirrored = has_item(group, MIRRORED)
        self.arrays = {name: get_array(group, name) for name in (TOKENS, *([MIRRORED] * self.mirrored))}
        self.description: dict[str, Any] = _read_description(path, group.attrs.get(DESCRIPTION))
        self.check()

    @classmethod
    def open(cls, path: Path | str) -> "FeatureStore":
        """Open a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a FeatureStore."""
        return cls(Path(path))

    def __len__(self) -> int:
        return len(self.image_ids)

    def check(self) -> None:
        """Raise CorruptArtifact unless columns, statistics and tokens fit each other."""
        n = len(self)
        if (self.size_hw.shape, self.grid_hw.shape, self.start.shape) != ((n, 2), (n, 2), (n,)):
            raise CorruptArtifact(f"{self.path}: sizes, grids and starts are not one for each of the {n} images")
        if (self.n_tokens.shape, self.total.shape, self.squares.shape) != ((1,), (self.dim,), (self.dim,)):
            raise CorruptArtifact(f"{self.path}: the statistics of the tokens do not fit each other")
        stop = self.start + self.grid_hw.astype(np.int64).prod(axis=1) * self.dim
        in_order = np.sort(self.start)[1:] >= np.sort(stop)[:-1]
        for name, array in self.arrays.items():
            inside = (self.start >= 0).all() and (stop <= array.size).all()
            if array.ndim != 1 or array.dtype != np.float16 or not inside or not in_order.all():
                raise CorruptArtifact(f"{self.path}: the images and the array {name!r} do not fit each other")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {image_id: i for i, image_id in enumerate(self.image_ids)}

    def index(self, image_id: str) -> int:
        """Position of an image id. Raises KeyError where the store has no map of it."""
        return self._index[image_id]

    def read(self, index: int, mirrored: bool = False) -> NDArray[np.float16]:
        """The map of one image, float16 (h, w, D); or that of its mirror image, as the ViT saw it, not turned back.

        Raises:
            InputError: There are no mirror images.
            CorruptArtifact: The tokens are damaged.
        """
        if mirrored and not self.mirrored:
            raise InputError(f"{self.path}: holds no mirror images; set features.mirror=true")
        shape = (*self.grid_hw[index].tolist(), self.dim)
        start = int(self.start[index])
        values = read_rows(self.arrays[MIRRORED if mirrored else TOKENS], start, start + int(np.prod(shape)))
        return values.reshape(shape)

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Mean of each number over the patches of the training images, mirror images left out, float32 (D,)."""
        return np.asarray(self.total / max(1, self.n_tokens[0]), dtype=np.float32)

    @cached_property
    def std(self) -> NDArray[np.float32]:
        """Their standard deviation, at least 1e-6, float32 (D,)."""
        total, squares = (values / max(1, self.n_tokens[0]) for values in (self.total, self.squares))
        deviation = np.sqrt(np.maximum(squares - total**2, 0))
        return np.asarray(np.maximum(deviation, _LEAST_STD), dtype=np.float32)


def _read_description(path: Path, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise CorruptArtifact(f"{path}: does not say what its tokens are of")
    return found
