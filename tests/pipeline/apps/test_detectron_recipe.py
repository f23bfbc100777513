"""The recipe of docs/detectors.md for detectron2's own trainer, with a stand-in for detectron2 where it is imported."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.clusters import save_clusters
from helpers.paths import ROOT
from helpers.runs import photo_plan, publish, write_photos
from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.apps.export.detectron import detectron_dicts
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.outputs import Run

DOCS = ROOT / "docs" / "detectors.md"


class Catalogues:
    """`DatasetCatalog` and `MetadataCatalog` of detectron2.data, as far as they are used."""

    def __init__(self) -> None:
        self.registered: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.DatasetCatalog = SimpleNamespace(register=self.registered.__setitem__)
        self.MetadataCatalog = SimpleNamespace(
            get=lambda name: SimpleNamespace(set=lambda **fields: self.metadata.update({name: fields}))
        )


TRAINING, VALIDATION = ("a.png", "b.png", "c.png"), ("val/d.png", "val/e.png")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Photos with a mask each, those of validation photos of a cluster of their own."""
    write_photos(tmp_path, dict.fromkeys((*TRAINING, *VALIDATION), (5, 6)))
    plan = photo_plan(tmp_path, "data.val=val")
    builder = MaskStoreBuilder()
    for name in (*TRAINING, *VALIDATION):
        builder.add(name, np.ones((1, 5, 6), dtype=bool))
    builder.build().save(plan.path("mine") / MINED.file)
    save_clusters(plan.path("cluster") / CLUSTERS.file, np.asarray([0, 0, 0, 1, 1], dtype=np.int32), 2)
    for stage in ("mine", "cluster"):
        publish(plan, stage)
    return Run(plan)


def test_the_documented_recipe_registers_training_images_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogues = Catalogues()
    # What the recipe's import finds, whether detectron2 is installed or not.
    monkeypatch.setitem(sys.modules, "detectron2.data", catalogues)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text((tmp_path / "photos.yaml").read_text().replace("photos}", "photos, val: val}"))
    recipe = re.search(r"own trainer.*?```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert recipe is not None
    told = re.search(r'DATASETS\.TRAIN = \("(\w+)",\)', recipe[1])
    assert told is not None, "the recipe does not say what the trainer is to be told"
    exec(recipe[1], {})
    entries = catalogues.registered[told[1]]()
    assert [entry["file_name"] for entry in entries] == [str(tmp_path / "photos" / name) for name in TRAINING]
    assert all(len(entry["annotations"]) == 1 for entry in entries)
    # Classes are those of the whole run, whichever of them the training images show.
    assert catalogues.metadata["mined"] == {"thing_classes": ["cluster 0", "cluster 1"]}


def test_without_ids_all_images_are_registered(run: Run) -> None:
    masks, names = run.masks("cluster"), ImageNames(run.source)
    assert len(list(detectron_dicts(masks, names))) == 5
    (one,) = detectron_dicts(masks, names, ["val/d.png"])
    assert one["file_name"].endswith("val/d.png")
