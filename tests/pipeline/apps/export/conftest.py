"""A run of two photos whose pseudo-labels are exported."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.runs import photo_plan, publish, write_photos
from maskdistill.data.catalog import KEPT, PSEUDO_LABELS
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.apps.export.formats import export_stage
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.stages.progress import Progress, Silent

IDS = ("a/first.jpg", "empty.png")
Box = Callable[[int, int, int, int], NDArray[np.bool_]]


def draw_box(x: int, y: int, width: int, height: int) -> NDArray[np.bool_]:
    mask = np.zeros((10, 12), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


@pytest.fixture(scope="session")
def box() -> Box:
    """Draws a mask of the first photo, given x, y, width and height."""
    return draw_box


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two masks on the first photo, one of them without a cluster, and none on the second."""
    write_photos(tmp_path, dict(zip(IDS, [(10, 12), (4, 5)], strict=True)))
    plan = photo_plan(tmp_path)
    builder = MaskStoreBuilder()
    masks = np.stack([draw_box(3, 2, 3, 3), draw_box(11, 0, 1, 10)])
    builder.add(IDS[0], masks, scores=[0.9, 0.25], clusters=[1, -1])
    builder.add(IDS[1], np.zeros((0, 4, 5), dtype=bool))
    builder.build().save(plan.path("filter") / KEPT.file)
    label_map = draw_box(3, 2, 3, 3) * np.uint8(2)
    label_map[0, 0] = 255
    maps = [(IDS[0], label_map), (IDS[1], np.zeros((4, 5), dtype=np.uint8))]
    write_labels(plan.path("filter") / PSEUDO_LABELS.file, maps)
    publish(plan, "filter")
    return Run(plan)


@pytest.fixture
def images(run: Run, tmp_path: Path) -> ImageNames:
    return ImageNames(run.source, tmp_path / "photos")


@pytest.fixture
def export(run: Run, tmp_path: Path) -> Callable[..., Path]:
    """Export the pseudo-labels in a format, to a name in the test's folder."""

    def write(kind: str, name: str = "out", force: bool = False, progress: Progress | None = None) -> Path:
        export_stage(run, "filter", kind, tmp_path / name, progress or Silent(), force=force)
        return tmp_path / name

    return write
