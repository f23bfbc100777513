"""Sets of classes: against those of STEGO's authors, and as files of label maps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.paths import GOLDEN
from helpers.sources import write_image
from maskdistill.data.arrays import IGNORE
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.label_sets import LABEL_SETS
from maskdistill.data.sources.open import open_source

OFFICIAL: dict[str, Any] = json.loads((GOLDEN / "stego_labelmaps.json").read_text())


def test_coco_stuff() -> None:
    found = LABEL_SETS["coco_stuff_27"]
    assert [found.classes[value] for value in range(182)] == OFFICIAL["cocostuff_182_to_27"]
    assert [name.removesuffix(" (stuff)") for name in found.names] == OFFICIAL["cocostuff27_names"]
    assert len(set(found.names)) == 27, "scores are kept by name"


def test_cityscapes() -> None:
    found = LABEL_SETS["cityscapes_27"]
    official = {value: value - 7 if value >= 7 else IGNORE for value in range(34)}
    assert found.classes == {**official, IGNORE: IGNORE}
    assert len(found.names) == 27


def test_potsdam() -> None:
    official = {int(value): IGNORE if to < 0 else to for value, to in OFFICIAL["potsdam_fine_to_coarse"].items()}
    assert LABEL_SETS["potsdam_3"].classes == official


def open_cityscapes(folder: Path, values: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    write_image(folder / "images/aachen/a_leftImg8bit.png", 0, values.shape)
    write_image(folder / "gtFine/aachen/a_gtFine_labelIds.png", values)
    fields = {"root": folder / "images", "labels": folder / "gtFine", "label_set": "cityscapes_27"}
    return open_source(FolderConfig.model_validate({"kind": "folder", **fields}))


def test_label_maps_are_read_by_the_names_of_their_authors(tmp_path: Path) -> None:
    source = open_cityscapes(tmp_path, np.array([[0, 7, 33], [255, 26, 6]], dtype=np.uint8))
    assert source.read_labels(0).tolist() == [[IGNORE, 0, 26], [IGNORE, 19, IGNORE]]
    assert source.class_names[19] == "car"


def test_a_value_of_no_class_is_named(tmp_path: Path) -> None:
    source = open_cityscapes(tmp_path, np.array([[40]], dtype=np.uint8))
    with pytest.raises(InputError, match=r"labelIds\.png: value 40 is none"):
        source.read_labels(0)


def test_a_set_takes_the_place_of_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        FolderConfig(kind="folder", root=tmp_path, labels=tmp_path, class_names=("a", "b"), label_set="potsdam_3")
