"""FeatureStore: the patch tokens of a frozen ViT as one map per image, and per mirror image, in one zarr group.

On disk (I images, h x w patches of one of them, D numbers a patch, N patches of the training images):

    image_ids/  ids of the images
    size_hw     int32   (I, 2)  height and width of the image, px
    grid_hw     int32   (I, 2)  h and w
    part        int32   (I,)    which group of `parts/` holds the image's tokens
    row         int64   (I,)    its first row there, of h * w
    n_tokens    int64   (1,)    N
    total       float64 (D,)    sum over those N tokens, mirror images left out
    squares     float64 (D,)    sum of their squares
    parts/P/tokens    float16 (rows, D)  row by row of a map
    parts/P/mirrored  float16 (rows, D)  the same of the mirror images, where there are any

The attribute `description` says in JSON what the tokens are of. Float16 tokens hardly compress, so they are not.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.stores.zarr_group import get_array, get_group, open_store, read_array, read_rows, read_strings

COLUMNS = {"size_hw": "i4", "grid_hw": "i4", "part": "i4", "row": "i8"}
STATISTICS = {"n_tokens": "i8", "total": "f8", "squares": "f8"}
TOKENS, MIRRORED, PARTS = "tokens", "mirrored", "parts"
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
        self.path = path
        self._group = open_store(path, "features")
        self.image_ids = read_strings(self._group, "image_ids")
        columns = {name: read_array(self._group, name, dtype) for name, dtype in (COLUMNS | STATISTICS).items()}
        self.size_hw: NDArray[np.int32] = columns["size_hw"]
        self.grid_hw: NDArray[np.int32] = columns["grid_hw"]
        self.part: NDArray[np.int32] = columns["part"]
        self.row: NDArray[np.int64] = columns["row"]
        self.n_tokens: NDArray[np.int64] = columns["n_tokens"]
        self.total: NDArray[np.float64] = columns["total"]
        self.squares: NDArray[np.float64] = columns["squares"]
        self.description: dict[str, Any] = self._read_description()
        self._parts = [self._open_part(name) for name in _part_names(self._group)]
        self.dim = len(self.total)
        self.mirrored = bool(self._parts) and MIRRORED in self._parts[0]
        self.check()

    @classmethod
    def open(cls, path: Path | str) -> "FeatureStore":
        """Open a store. Raises MissingArtifact where there is none, CorruptArtifact where it is not a FeatureStore."""
        return cls(Path(path))

    def __len__(self) -> int:
        return len(self.image_ids)

    def check(self) -> None:
        """Raise CorruptArtifact unless the columns and the arrays of tokens fit each other."""
        n, shapes = len(self), (self.size_hw.shape, self.grid_hw.shape, self.part.shape, self.row.shape)
        if shapes != ((n, 2), (n, 2), (n,), (n,)):
            raise CorruptArtifact(f"{self.path}: sizes, grids and rows are not one for each of the {n} images")
        if self.n_tokens.shape != (1,) or self.squares.shape != self.total.shape or self.total.ndim != 1:
            raise CorruptArtifact(f"{self.path}: the statistics of the tokens do not fit each other")
        if n and not 0 <= self.part.min() <= self.part.max() < len(self._parts):
            raise CorruptArtifact(f"{self.path}: an image belongs to a part that is not there")
        rows = self.grid_hw.astype(np.int64).prod(axis=1)
        for number, part in enumerate(self._parts):
            held, own = int(rows[self.part == number].sum()), self.part == number
            inside = not own.any() or (self.row[own].min() >= 0 and (self.row[own] + rows[own]).max() <= held)
            if part.keys() != self._parts[0].keys() or not inside:
                raise CorruptArtifact(f"{self.path}: the images and the tokens of part {number} do not fit each other")
            for name, array in part.items():
                if array.shape != (held, self.dim) or array.dtype != np.float16:
                    raise CorruptArtifact(
                        f"{self.path}: {name} of part {number} are {array.dtype} {array.shape}, "
                        f"not float16 {(held, self.dim)}"
                    )

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
        array = self._parts[self.part[index]][MIRRORED if mirrored else TOKENS]
        height, width = (int(side) for side in self.grid_hw[index])
        start = int(self.row[index])
        return read_rows(array, start, start + height * width).reshape(height, width, self.dim)

    @property
    def n_parts(self) -> int:
        """Number of groups that the tokens are in."""
        return len(self._parts)

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean of each number over the patches of the training images, mirror images left out, float32 (D,)."""
        return (self.total / self._count).astype(np.float32)

    @property
    def std(self) -> NDArray[np.float32]:
        """Their standard deviation, at least 1e-6, float32 (D,)."""
        mean = self.total / self._count
        variance = np.maximum(self.squares / self._count - mean**2, 0)
        return np.maximum(np.sqrt(variance), _LEAST_STD).astype(np.float32)

    @property
    def _count(self) -> int:
        return max(1, int(self.n_tokens[0]))

    def _read_description(self) -> dict[str, Any]:
        description = self._group.attrs.get(DESCRIPTION)
        if not isinstance(description, dict):
            raise CorruptArtifact(f"{self.path}: does not say what its tokens are of")
        return dict(description)

    def _open_part(self, name: str) -> dict[str, Any]:
        group = get_group(self._group, f"{PARTS}/{name}")
        names = (TOKENS, MIRRORED) if MIRRORED in group else (TOKENS,)
        return {name: get_array(group, name) for name in names}


def _part_names(group: Any) -> list[str]:
    """Of the groups in `parts/`, which are numbered from 0."""
    found = sorted(get_group(group, PARTS).group_keys(), key=lambda name: (len(name), name))
    if found != [str(number) for number in range(len(found))]:
        raise CorruptArtifact(f"{group.store_path}: parts are missing among {', '.join(found)}")
    return found
