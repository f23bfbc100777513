"""The configuration of a run over blob images that lie on disk; see `BlobSource`."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from helpers.runs import photo_config, write_photos
from helpers.sources import write_image
from maskdistill.data.sources.image_source import ImageSource


def blob_config(
    folder: Path, blobs: ImageSource, *, class_names: Sequence[str] | None = None, prefix: str = "blob"
) -> Path:
    """Write images, and where classes are named their ground truth, below a folder, and a configuration over them.

    Args:
        folder: The folder; images of an earlier call are removed.
        blobs: The images; all but the first `n_train` are for validation.
        class_names: Names of the classes, background first; None = no ground truth.
        prefix: What the names of the files begin with; it may name folders.
    """
    for name in ("photos", "labels"):
        shutil.rmtree(folder / name, ignore_errors=True)
    names = [f"{prefix}{i}.png" if i < blobs.n_train else f"val/{prefix}{i}.png" for i in range(len(blobs))]
    write_photos(folder, {name: blobs.read(i) for i, name in enumerate(names)})
    data = "val: val"
    if class_names is not None:
        data += f", labels: {folder / 'labels'}, class_names: {json.dumps(list(class_names))}"
        for i, name in enumerate(names):
            write_image(folder / "labels" / name, np.asarray(blobs.read_labels(i)))
    (config,) = photo_config(folder).paths
    config.write_text(config.read_text().replace("photos}", f"photos, {data}}}"))
    return config
