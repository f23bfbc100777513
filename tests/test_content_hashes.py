"""The script that compares runs tells a changed value from what may differ between two runs."""

import json
from pathlib import Path

import numpy as np
import torch
from content_hashes import content_hashes, hash_content
from safetensors.torch import save_file

from maskdistill.data.catalog import PREDICTIONS, SEGMENTER
from maskdistill.data.stores.labels import write_labels
from maskdistill.pipeline.manifest import MANIFEST


def write_run(folder: Path, *, seconds: float = 1.0, pixel: int = 0, weight: float = 0.5) -> Path:
    """One artifact of one stage with its scores."""
    artifact = folder / "segment" / f"key{seconds}"
    artifact.mkdir(parents=True)
    labels = np.zeros((4, 5), dtype=np.uint8)
    labels[0, 0] = pixel
    write_labels(artifact / PREDICTIONS.file, [("one", labels)])
    save_file({"w": torch.tensor([weight])}, artifact / SEGMENTER.file, {"seconds": str(seconds)})
    made = {"items": 1, "unit": "maps", "metrics": {"loss": 0.1}, "failures": {}, "seconds": seconds}
    (artifact / MANIFEST).write_text(json.dumps(made))
    scores = folder / "evaluate" / "segment" / f"key{seconds}.json"
    scores.parent.mkdir(parents=True)
    scores.write_text(json.dumps({"val": {"miou": 0.25}, "seconds": seconds}))
    return folder


def test_times_and_keys_do_not_count(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a"), write_run(tmp_path / "b", seconds=9.0)
    assert content_hashes(first) == content_hashes(second)
    assert [line.rpartition(" ")[0] for line in content_hashes(first)] == [
        "evaluate segment",
        "segment made",
        f"segment {PREDICTIONS.file}",
        f"segment {SEGMENTER.file}",
    ]


def test_one_pixel_and_one_weight_count(tmp_path: Path) -> None:
    before = set(content_hashes(write_run(tmp_path / "a")))
    for name, change in ((PREDICTIONS.file, {"pixel": 1}), (SEGMENTER.file, {"weight": 0.25})):
        after = set(content_hashes(write_run(tmp_path / name, **change)))
        assert {line.rpartition(" ")[0] for line in after - before} == {f"segment {name}"}


def test_the_order_of_fields_does_not_count(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    one.write_text('{"a": 1, "b": 2}\n')
    other.write_text('{"b": 2, "a": 1}\n')
    assert hash_content(one) == hash_content(other)
