"""`maskdistill export`: the formats by name, and writing one of them whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.coco.export import write_coco
from maskdistill.data.errors import InputError
from maskdistill.data.stores.mask_table import write_csv, write_parquet
from maskdistill.pipeline.apps.export.detectron import write_detectron
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.inspect.views import View
from maskdistill.stages.progress import Progress

OnImage = Callable[[], None]
Writer = Callable[[View, ImageNames, Path, OnImage], None]
_RECORD = "export.json"
"""Stands in every exported folder: what it holds, and the sign that it may be replaced."""


def export_view(view: View, images: ImageNames, kind: str, out: Path, progress: Progress, *, force: bool) -> None:
    """Write what a stage made as a file or folder of another format.

    Args:
        view: What is exported.
        images: Names and sizes of the images.
        kind: A key of FORMATS.
        out: The file or folder.
        progress: Told about every image.
        force: Replace `out` where it is there: a file, or a folder that an earlier export wrote.

    Raises:
        InputError: No such format, a format that this output does not have, `out` is there already, or a library is
            missing.
    """
    if kind not in FORMATS:
        raise InputError(f"--format {kind}: one of {', '.join(FORMATS)}")
    check_target(out, force=force)
    content = view.labels if kind == "png" else view.masks
    progress.start(f"export {kind}", len(content.image_ids), "images")
    with atomic_path(out) as temporary:
        FORMATS[kind](view, images, temporary, progress.advance)
        if temporary.is_dir():
            keys = {stage: folder.name for stage, folder in view.folders.items()}
            write_json(temporary / _RECORD, {"view": view.name, "format": kind, "artifacts": keys})
            if out.is_file():
                out.unlink()  # no folder can be renamed onto a file


def check_target(out: Path, *, force: bool) -> None:
    """Raise InputError where something is at `out` that must not be replaced."""
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise InputError(f"--out {out}: it is there already; name another, or add --force to replace it")
    if out.is_dir() and not (out / _RECORD).is_file():
        raise InputError(f"--out {out}: --force replaces no folder that an export did not write; delete it yourself")


def _coco(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    write_coco(view.masks, path, images.size_of, images.name_of, on_image)


def _detectron2(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    write_detectron(view.masks, images, path, on_image)


def _torchvision(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    from maskdistill.pipeline.apps.export.torchvision_targets import write_torchvision  # torch takes seconds to import

    write_torchvision(view.masks, images, path, on_image)


def _png(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    from maskdistill.pipeline.apps.export.label_pngs import write_label_pngs

    write_label_pngs(view.labels, path, on_image)


def _table(write: Callable[[Any, Path], None]) -> Writer:
    def write_table(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
        write(view.masks, path)
        for _ in view.masks.image_ids:
            on_image()

    return write_table


def _fiftyone(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    from maskdistill.pipeline.apps.export.fiftyone_samples import write_fiftyone

    write_fiftyone(view.masks, images, path, on_image)


def _supervision(view: View, images: ImageNames, path: Path, on_image: OnImage) -> None:
    from maskdistill.pipeline.apps.export.supervision_detections import write_yolo

    write_yolo(view.masks, images, path, on_image)


FORMATS: dict[str, Writer] = {
    "coco": _coco,
    "detectron2": _detectron2,
    "torchvision": _torchvision,
    "png": _png,
    "csv": _table(write_csv),
    "parquet": _table(write_parquet),
    "fiftyone": _fiftyone,
    "supervision": _supervision,
}
