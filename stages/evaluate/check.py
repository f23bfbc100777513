"""Whether the ground truth says anything, looked at before hours of work that it is to score."""

import numpy as np

from maskdistill.data.arrays import IGNORE
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.tally import Tally


def check_truth(source: ImageSource, n_images: int = 16) -> list[str]:
    """Read the ground truth of some images.

    Args:
        source: The images.
        n_images: How many are read, spread evenly over all.

    Returns:
        What a reader of the scores should know, a line each.

    Raises:
        InputError: None of the images has ground truth, a label map cannot be read or is that of an image of another
            size, or all label maps hold background and pixels without label alone.
    """
    if source.class_names is None:
        return []
    if wrong := source.describe_labels():
        raise InputError(wrong)
    values, n_read = np.zeros(256, dtype=np.int64), 0
    chosen = np.unique(np.linspace(0, len(source) - 1, n_images).round().astype(int)).tolist()
    for index in chosen:
        try:
            labels = source.read_labels(index)
        except UnreadableImage:
            continue
        if labels is not None:
            n_read += 1
            values += np.bincount(labels.ravel(), minlength=256)
    remarks = source.truth_remarks
    if not n_read:
        return [f"ground truth: none in {len(chosen)} images that were looked at{_reasons(remarks)}"]
    if not values[1:IGNORE].any() and values[IGNORE]:
        raise InputError(
            f"{source.truth_from}: the label maps of {n_read} images that were looked at hold 0 and 255 alone, and 255 "
            f"stands for pixels without label, so that nothing could be scored; {source.truth_remedy}"
        )
    notes = [f"ground truth: of {n_read} images that were looked at, {remarks}"] if remarks.total else []
    if not values[1:IGNORE].any():
        notes.append(f"ground truth: the label maps of {n_read} images that were looked at are all background")
    return notes


def _reasons(remarks: Tally) -> str:
    return f" ({remarks})" if remarks.total else ""
