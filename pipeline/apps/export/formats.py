"""`maskdistill export`: the formats by name, and writing one of them whole or not at all."""

from collections.abc import Callable, Collection
from pathlib import Path

from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.catalog import LABELS, MASKS, SEGMENTER, stages_read
from maskdistill.data.coco.export import write_coco
from maskdistill.data.errors import InputError
from maskdistill.data.naming import ClusterNames
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.mask_table import write_csv, write_parquet
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.export.detectron import write_detectron
from maskdistill.pipeline.apps.export.fiftyone_samples import write_fiftyone
from maskdistill.pipeline.apps.export.label_pngs import write_label_pngs
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.export.supervision_detections import write_yolo
from maskdistill.pipeline.apps.output_names import NAME_OF, VIEWS
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.cluster_names import cluster_names
from maskdistill.stages.progress import Progress

OnImage = Callable[[], None]
MaskWriter = Callable[[MaskStore, ImageNames, Path, OnImage], None]
LabelWriter = Callable[[LabelStore, Path, OnImage, ClusterNames], None]
RECORD = "export.json"
"""Stands in every exported folder: what it holds, and the sign that it may be replaced."""


def export_stage(run: Run, stage: str, kind: str, out: Path, progress: Progress, *, force: bool) -> None:
    """Write what a stage made as a file or folder of another format.

    Args:
        run: The run.
        stage: Whose output is written.
        kind: A key of MASK_FORMATS or LABEL_FORMATS, or PROTOTYPES.
        out: The file or folder.
        progress: Told about every image.
        force: Replace `out` where it is there: a file, or a folder that an earlier export wrote.

    Raises:
        InputError: No such format, a format that this output does not have, `out` is there already, or a library is
            missing.
        MissingArtifact: The stage is not finished.
    """
    formats = (*MASK_FORMATS, *LABEL_FORMATS, PROTOTYPES)
    if kind not in formats:
        raise InputError(f"--format {kind}: one of {', '.join(formats)}")
    check_target(out, force=force)
    write, n_images = _writer(run, stage, kind)
    progress.start(f"export {kind}", n_images, "images")
    with atomic_path(out) as temporary:
        write(temporary, progress.advance)
        if temporary.is_dir():
            keys = {name: run.plan.stages[name].key for name in stages_read(stage)}
            write_json(temporary / RECORD, {"view": NAME_OF[stage], "format": kind, "artifacts": keys})
            if out.is_file():
                out.unlink()  # no folder can be renamed onto a file


def _writer(run: Run, stage: str, kind: str) -> tuple[Callable[[Path, OnImage], None], int]:
    """What writes a stage's output in a format, and its number of images."""
    names = cluster_names(run.plan, stage)
    if kind == PROTOTYPES:
        if stage != SEGMENTER.stage:
            raise InputError(f"{NAME_OF[stage]} have no prototypes; those of {NAME_OF[SEGMENTER.stage]} do")
        weights = run.folder(stage) / SEGMENTER.file
        return lambda path, on_image: _prototypes(weights, path), 0
    if kind in LABEL_FORMATS:
        if stage not in LABELS:
            raise InputError(f"{NAME_OF[stage]} are masks; label maps are in {_names(LABELS)}")
        labels = run.labels(stage)
        return lambda path, on_image: LABEL_FORMATS[kind](labels, path, on_image, names), len(labels)
    if stage not in MASKS:
        raise InputError(f"{NAME_OF[stage]} are label maps alone; masks are in {_names(MASKS)}")
    masks = run.masks(stage)
    images = ImageNames(run.source, getattr(run.plan.config.data, "root", None), names)
    return lambda path, on_image: MASK_FORMATS[kind](masks, images, path, on_image), len(masks.image_ids)


def _names(stages: Collection[str]) -> str:
    return ", ".join(name for name, stage in VIEWS.items() if stage in stages)


def check_target(out: Path, *, force: bool) -> None:
    """Raise InputError where something is at `out` that must not be replaced."""
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise InputError(f"--out {out}: it is there already; name another, or add --force to replace it")
    if out.is_dir() and not (out / RECORD).is_file():
        raise InputError(f"--out {out}: --force replaces no folder that an export did not write; delete it yourself")


def _coco(masks: MaskStore, images: ImageNames, path: Path, on_image: OnImage) -> None:
    write_coco(masks, path, images.size_of, images.name_of, on_image, images.clusters)


def _polygons(masks: MaskStore, images: ImageNames, path: Path, on_image: OnImage) -> None:
    write_coco(masks, path, images.size_of, images.name_of, on_image, images.clusters, outlined=True)


def _torchvision(masks: MaskStore, images: ImageNames, path: Path, on_image: OnImage) -> None:
    from maskdistill.pipeline.apps.export.torchvision_targets import write_torchvision  # torch takes seconds to import

    write_torchvision(masks, images, path, on_image)


def _prototypes(weights: Path, path: Path) -> None:
    import numpy as np

    from maskdistill.pipeline.apps.predict.segmenter import Segmenter  # torch takes seconds to import

    with path.open("wb") as file:
        np.save(file, Segmenter.load(weights, device="cpu").prototypes)


def _table(write: Callable[[MaskStore, Path], None]) -> MaskWriter:
    def write_table(masks: MaskStore, images: ImageNames, path: Path, on_image: OnImage) -> None:
        write(masks, path)
        for _ in masks.image_ids:
            on_image()

    return write_table


MASK_FORMATS: dict[str, MaskWriter] = {
    "coco": _coco,
    "detectron2": write_detectron,
    "torchvision": _torchvision,
    "csv": _table(write_csv),
    "parquet": _table(write_parquet),
    "fiftyone": write_fiftyone,
    "supervision": write_yolo,
    "polygons": _polygons,
}
PROTOTYPES = "prototypes"
"""What the head `mcibi` remembers of each class, a .npy file; a format of predictions."""
LABEL_FORMATS: dict[str, LabelWriter] = {"png": write_label_pngs}
