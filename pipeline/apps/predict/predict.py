"""A trained detector or segmenter on new images: what `maskdistill predict` does."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.catalog import CANDIDATES
from maskdistill.data.coco.export import write_coco
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.naming import NO_NAMES, ClusterNames
from maskdistill.data.sources.files import FileSource
from maskdistill.data.stores.labels import LabelStore, merge_label_parts
from maskdistill.data.stores.masks import MaskStore
from maskdistill.data.tally import Tally
from maskdistill.pipeline.apps.drawing.cells import save_below
from maskdistill.pipeline.apps.drawing.overlay import draw_labels, draw_masks
from maskdistill.pipeline.apps.drawing.stage import caption
from maskdistill.pipeline.apps.export.label_pngs import CLASSES, legend, paint_labels, png_names
from maskdistill.pipeline.apps.predict.files import CANDIDATES_COCO, COCO, POLYGONS
from maskdistill.pipeline.apps.predict.images import LoadedImages
from maskdistill.pipeline.apps.predict.regions import label_regions
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device


@dataclass(frozen=True, eq=False)
class Prediction:
    """What becomes of some images.

    Attributes:
        model: File of the trained model.
        images: The images.
        out: The folder to write to, and to nowhere else.
        overlays: Whether to draw each result on its image.
        coco, polygons: Whether to write a COCO file with the masks as run-length codes, and one with polygons. Masks of
            a segmenter are the connected regions of its label maps. A detector always writes the codes.
        progress: Told about every image.
        execution: Device and batch size.
        names: What people call the clusters.
        failures: Gets the reason for each image that cannot be read.
        remarks: Gets what was done to images that were read, such as a stretch of their values.
    """

    model: Path
    images: FileSource
    out: Path
    overlays: bool
    progress: Progress
    coco: bool = False
    polygons: bool = False
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    names: ClusterNames = field(default_factory=lambda: NO_NAMES)
    failures: dict[str, str] = field(default_factory=dict)
    remarks: Tally = field(default_factory=Tally)

    def run(self, stage: str) -> list[str]:
        """Predict with the model of "distill" or "segment"; gives the ids of the images that could be read.

        Raises:
            MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
            InputError: Not one image could be read.
        """
        done = self._detect() if stage == "distill" else self._segment()
        if self.failures:
            write_json(self.out / "failures.json", self.failures)
        if not done:
            raise InputError(f"not one image could be read; the first one: {next(iter(self.failures.values()))}")
        return list(done)

    def _segment(self) -> tuple[str, ...]:
        from maskdistill.stages.segment.predict import predict_part
        from maskdistill.stages.segment.train import load_segmenter

        execution = self.execution
        device = resolve_device(execution)
        model, config = load_segmenter(self.model, device)
        with self._scratch() as scratch:
            parts = []
            for number, images in enumerate(self._readable(execution.batch_size)):
                parts.append(Path(scratch) / f"{number:08d}.zarr")
                ids = list(images.ids)
                predict_part(model, images, ids, config, execution.batch_size, device, self.progress.advance, parts[-1])
            labels = merge_label_parts(parts, Path(scratch) / "labels")
            self._write_labels(labels)
            return tuple(labels.image_ids)

    def _detect(self) -> tuple[str, ...]:
        from maskdistill.stages.distill.predict import predict_part
        from maskdistill.stages.distill.stage import load_detector, read_detector

        (config, _), execution = read_detector(self.model), self.execution
        device = resolve_device(execution)
        detector = load_detector(self.model, device)
        found = [
            predict_part(
                detector, images, list(images.ids), config, execution.batch_size, device, self.progress.advance
            )
            for images in self._readable(execution.batch_size)
        ]
        candidates = MaskStore.concatenate(found)
        if config.class_agnostic:
            candidates = candidates.with_columns(cluster=candidates.cluster * 0 - 1)
        self._write_candidates(candidates)
        return candidates.image_ids

    def _readable(self, most: int) -> Iterator[LoadedImages]:
        """The images in groups; those that cannot be read are noted."""
        self.progress.start("predict", len(self.images), "images")
        for start in range(0, len(self.images), most):
            loaded: dict[str, UInt8Array] = {}
            for index in range(start, min(start + most, len(self.images))):
                try:
                    loaded[self.images.ids[index]] = self.images.read(index)
                    for remark in self.images.remarks(index):
                        self.remarks.add(remark, self.images.ids[index])
                except UnreadableImage as error:
                    self.failures[self.images.ids[index]] = str(error)
                    self.progress.advance()
            if loaded:
                yield LoadedImages(loaded)

    def _scratch(self) -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(dir=self.out, prefix=".predict-")

    def _write_labels(self, labels: LabelStore) -> None:
        with atomic_path(self.out / "labels") as folder:
            found = paint_labels(labels, folder, png_names(labels.image_ids), "prediction", lambda: None)
        write_json(self.out / CLASSES, legend(found, self.names))
        if self.coco or self.polygons:
            self._write_annotations(label_regions(labels), COCO if self.coco else None)
        self._write_overlays(labels.image_ids, lambda index, pixels: draw_labels(pixels, labels.read(index)))

    def _write_candidates(self, candidates: MaskStore) -> None:
        candidates.save(self.out / CANDIDATES.file)
        self._write_annotations(candidates, CANDIDATES_COCO)

        def draw(index: int, pixels: UInt8Array) -> UInt8Array:
            rows = candidates.rows_of(index)
            clusters, scores = candidates.cluster[rows].tolist(), candidates.score[rows].tolist()
            captions = [caption(*one, self.names) for one in zip(clusters, scores, strict=True)]
            return draw_masks(pixels, candidates.decode_image(index), clusters, captions)

        self._write_overlays(candidates.image_ids, draw)

    def _write_annotations(self, masks: MaskStore, codes: str | None) -> None:
        """Write COCO files: `codes` with run-length codes, and the one with polygons where it is wanted."""
        for name, outlined in {codes: False, POLYGONS if self.polygons else None: True}.items():
            if name is not None:
                with atomic_path(self.out / name) as path:
                    write_coco(masks, path, self._size_of, names=self.names, outlined=outlined)

    def _size_of(self, image_id: str) -> tuple[int, int]:
        height, width = self.images.read(self.images.index(image_id)).shape[:2]
        return height, width

    def _write_overlays(self, image_ids: Sequence[str], draw: Callable[[int, UInt8Array], UInt8Array]) -> None:
        if not self.overlays:
            return
        self.progress.start("draw", len(image_ids), "images")
        with atomic_path(self.out / "overlays") as folder:
            folder.mkdir()
            for index, name in enumerate(png_names(image_ids)):
                pixels = self.images.read(self.images.index(image_ids[index]))
                save_below(Image.fromarray(draw(index, pixels)), folder, name, "predict")
                self.progress.advance()
