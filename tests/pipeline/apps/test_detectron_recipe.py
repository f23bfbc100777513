"""The recipe of docs/detectors.md for detectron2's own trainer, with a stand-in for detectron2's catalogues."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from helpers.paths import ROOT
from maskdistill.data.config import FolderConfig
from maskdistill.data.sources.open import open_source
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps.export import detectron
from maskdistill.pipeline.apps.inspect import views

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


def save_photos(root: Path) -> MaskStore:
    """Photos with a mask each, those of validation photos of a cluster of their own."""
    builder = MaskStoreBuilder()
    (root / "val").mkdir(parents=True)
    for name in (*TRAINING, *VALIDATION):
        Image.new("RGB", (6, 5)).save(root / name)
        builder.add(name, np.ones((1, 5, 6), dtype=bool), clusters=[name in VALIDATION])
    return builder.build()


def test_the_documented_recipe_registers_training_images_alone(tmp_path: Path, monkeypatch: Any) -> None:
    masks, catalogues = save_photos(tmp_path / "photos"), Catalogues()
    source = open_source(FolderConfig(kind="folder", root=tmp_path / "photos", val="val"))
    monkeypatch.setattr(detectron, "import_optional", lambda *_: catalogues)
    monkeypatch.setattr("maskdistill.pipeline.plan.Plan", lambda _: SimpleNamespace(source=source))
    monkeypatch.setattr(views.View, "of", lambda _, name: SimpleNamespace(masks=masks) if name == "clusters" else None)
    recipe = re.search(r"own trainer.*?```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert recipe is not None
    cfg = SimpleNamespace(DATASETS=SimpleNamespace(), INPUT=SimpleNamespace())
    exec(recipe[1], {"cfg": cfg})
    entries = catalogues.registered[cfg.DATASETS.TRAIN[0]]()
    assert [entry["file_name"] for entry in entries] == [str(tmp_path / "photos" / name) for name in TRAINING]
    assert all(len(entry["annotations"]) == 1 for entry in entries)
    # Classes are those of the whole run, whichever of them the training images show.
    assert catalogues.metadata["mined"] == {"thing_classes": ["cluster 0", "cluster 1"]}


def test_without_ids_all_images_are_registered(tmp_path: Path) -> None:
    masks = save_photos(tmp_path / "photos")
    names = detectron.ImageNames(open_source(FolderConfig(kind="folder", root=tmp_path / "photos")))
    assert len(list(detectron.detectron_dicts(masks, names))) == 5
    (one,) = detectron.detectron_dicts(masks, names, ["val/d.png"])
    assert one["file_name"].endswith("val/d.png")
