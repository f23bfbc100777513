"""The files that a prediction writes, all below one folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from maskdistill.data.catalog import CANDIDATES
from maskdistill.data.errors import InputError
from maskdistill.data.paths import inside
from maskdistill.pipeline.apps.export.label_pngs import CLASSES, png_names

COCO, CANDIDATES_COCO, POLYGONS = "coco.json", "candidates.json", "polygons.json"
_WRITTEN = ("labels", CLASSES, "overlays", CANDIDATES.file, COCO, CANDIDATES_COCO, POLYGONS, "failures.json")


def prepare_out(out: Path, images: Sequence[Path], *, force: bool) -> None:
    """Make the folder to write to; with `force`, remove what an earlier prediction wrote there.

    Raises:
        InputError: It is no folder, cannot be made, is not empty without `force`, or lies among the images.
    """
    for folder in (path for path in images if path.is_dir()):
        if out.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"--out {out}: lies in {folder}, whose images are read; name a folder elsewhere")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: not a folder")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InputError(f"--out {out}: not empty; name another folder, or add --force to replace a prediction in it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made ({error.strerror}); name another folder") from error
    for name in _WRITTEN:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_names(out: Path, image_ids: Sequence[str]) -> None:
    """Raise InputError where the file of an image would not lie in the folder: before anything is computed."""
    for name in png_names(image_ids):
        inside(out, name, "predict")
