"""Label maps as PNGs with a palette, one per image: colours to look at, class indices to read."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from maskdistill.data.atomic import write_json
from maskdistill.data.errors import InputError
from maskdistill.data.naming import NO_NAMES, ClusterNames, label_name
from maskdistill.data.stores.labels import LabelStore
from maskdistill.pipeline.apps.drawing.cells import save_below
from maskdistill.pipeline.apps.drawing.colours import label_palette

CLASSES = "classes.json"
"""What the values in the PNGs beside it stand for."""


def png_names(image_ids: Sequence[str]) -> list[str]:
    """A PNG's name for each image: its id with the suffix .png, put behind its own where two would be the same."""
    plain = _plain_names(image_ids)
    shared = {name for name, count in Counter(plain).items() if count > 1}
    return [f"{image_id}.png" if name in shared else name for image_id, name in zip(image_ids, plain, strict=True)]


def distinct_png_names(image_ids: Sequence[str]) -> list[str]:
    """Each id with the suffix .png in place of its own, as `data.labels` finds them. Raises InputError where two would
    be the same."""
    taken: dict[str, str] = {}
    for image_id, name in zip(image_ids, _plain_names(image_ids), strict=True):
        if name in taken:
            raise InputError(f"export: {taken[name]} and {image_id} would both be written as {name}; rename one image")
        taken[name] = image_id
    return list(taken)


def write_label_pngs(
    labels: LabelStore, folder: Path, on_image: Callable[[], None], names: ClusterNames = NO_NAMES
) -> None:
    """Write one PNG per image into a new folder, in folders as the ids have them, and what the values stand for.

    Raises:
        InputError: Two images would have the same name, or an id leads out of the folder.
    """
    found = paint_labels(labels, folder, distinct_png_names(labels.image_ids), "export", on_image)
    write_json(folder / CLASSES, legend(found, names))


def paint_labels(
    labels: LabelStore, folder: Path, file_names: Sequence[str], what: str, on_image: Callable[[], None]
) -> set[int]:
    """Write one PNG per image into a new folder, and give the values that are in them.

    Raises:
        InputError: A name leads out of the folder; `what` begins the text.
    """
    folder.mkdir()
    palette, found = label_palette(), set[int]()
    for i, name in enumerate(file_names):
        label_map = labels.read(i)
        found.update(np.unique(label_map).tolist())
        picture = Image.fromarray(label_map)
        picture.putpalette(palette)
        save_below(picture, folder, name, f"{what} of {labels.image_ids[i]}")
        on_image()
    return found


def legend(values: Iterable[int], names: ClusterNames) -> dict[str, str]:
    """What the values of label maps stand for, by value."""
    return {str(value): label_name(value, names) for value in sorted(values)}


def _plain_names(image_ids: Sequence[str]) -> list[str]:
    return [PurePosixPath(image_id).with_suffix(".png").as_posix() for image_id in image_ids]
