"""What is fuzzed: readers of files and texts that nobody vouches for. Each may refuse its input, and nothing else."""

import json
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask

from maskdistill.data.coco.proposals import read_coco
from maskdistill.data.coco.segmentation import decode_counts, read_mask
from maskdistill.data.errors import MaskDistillError
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.yaml_text import read_yaml
from maskdistill.pipeline.config import Config
from maskdistill.pipeline.overrides import parse_override
from maskdistill.stages.networks.foreign_weights import read_weights

Target = Callable[[bytes], None]
_SIZE_HW = (11, 13)


def coco_file(content: bytes) -> None:
    """An annotation file, or a file of results."""
    with suppress(MaskDistillError):
        read_coco(_written(content, ".json"))


def segmentation(content: bytes) -> None:
    """One segmentation, as JSON."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return
    with suppress(ValueError):
        mask = read_mask(value, _SIZE_HW)
        assert mask.shape == _SIZE_HW
        assert mask.dtype == bool


def rle(content: bytes) -> None:
    """Compressed counts: what is read is what pycocotools writes."""
    with suppress(ValueError):
        runs = decode_counts(content)
        if (runs >= 0).all() and int(runs.sum()) == int(np.prod(_SIZE_HW)):
            mask = read_mask({"size": list(_SIZE_HW), "counts": content.decode("latin-1")}, _SIZE_HW)
            assert int(coco_mask.area(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))) == int(mask.sum())


def store(content: bytes) -> None:
    """A mask store one of whose files is another: where it opens, it holds what it held, or has another description."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "masks.zarr")
        builder = MaskStoreBuilder()
        builder.add("image", np.eye(8, dtype=bool)[None], [0.5], [3])
        sound = builder.build()
        sound.save(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        file = files[(content[0] if content else 0) % len(files)]
        file.write_bytes(content[1:])
        with suppress(MaskDistillError):
            found = MaskStore.open(path)
            assert file.name == "zarr.json"
            assert found.decode(0).shape == (8, 8)


def override(content: bytes) -> None:
    """A setting on the command line."""
    text = content.decode(errors="surrogateescape")
    with suppress(MaskDistillError):
        parse_override(text)


def yaml_file(content: bytes) -> None:
    """A file of settings."""
    with suppress(MaskDistillError):
        read_yaml(content.decode(errors="replace"), "fuzz.yaml")


def settings(content: bytes) -> None:
    """The value of a setting, down to the check of the whole configuration."""
    names = ("cluster.k", "mine.affinity.block", "data.root", "filter.threshold", "seed", "segment.crf.predictions")
    text = content[1:].decode(errors="replace")
    with suppress(MaskDistillError, ValueError):
        tree = parse_override(f"{names[(content[0] if content else 0) % len(names)]}={text}")
        Config.model_validate({"data": {"kind": "scenes"}, **tree})


def weights(content: bytes) -> None:
    """A file of weights that torch or another program wrote."""
    suffix = (".pth", ".safetensors")[(content[0] if content else 0) % 2]
    with suppress(MaskDistillError):
        read_weights(_written(content[1:], suffix), "fuzz")


TARGETS: Mapping[str, Target] = {
    target.__name__: target for target in (coco_file, segmentation, rle, store, override, yaml_file, settings, weights)
}


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with: sound ones, and those in the corpus, which once were findings."""
    kept = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").glob(f"{name}-*"))]
    return [*_SOUND.get(name, list)(), *kept]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few changes: bits, cuts, repetitions, numbers that programs stumble over."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(found) + 1)
        change = rng.randrange(5)
        if change == 0 and found:
            found[place % len(found)] ^= 1 << rng.randrange(8)
        elif change == 1:
            del found[place : place + rng.randint(1, 16)]
        elif change == 2:
            found[place:place] = found[place : place + rng.randint(1, 16)]
        else:
            found[place:place] = rng.choice(_ODD)
    return bytes(found)


_ODD = (b"0", b"-1", b"1e400", b"NaN", b"null", b'"', b"{", b"[", b"]", b"}", b"\0", b"\xff", b"99999999999", b"\x1b[")


def _written(content: bytes, suffix: str) -> Path:
    path = Path(tempfile.gettempdir(), f"maskdistill-fuzz-{os.getpid()}{suffix}")
    path.write_bytes(content)
    return path


def _coco() -> list[bytes]:
    code = coco_mask.encode(np.asfortranarray(np.eye(8, dtype=np.uint8)))
    image = {"id": 1, "file_name": "a.jpg", "height": 8, "width": 8}
    common = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 8, 8], "area": 8, "iscrowd": 0}
    forms = (
        {"size": [8, 8], "counts": code["counts"].decode()},
        [[0, 0, 8, 0, 8, 8]],
        {"size": [8, 8], "counts": [64]},
    )
    annotations = [{**common, "id": i, "segmentation": form} for i, form in enumerate(forms)]
    categories = [{"id": 1, "name": "x"}]
    return [json.dumps({"images": [image], "annotations": annotations, "categories": categories}).encode()]


def _segmentations() -> list[bytes]:
    forms = ([[0, 0, 8, 0, 8, 8]], {"size": [11, 13], "counts": [143]}, {"size": [11, 13], "counts": "_4"})
    return [json.dumps(form).encode() for form in forms]


def _weights() -> list[bytes]:
    path = _written(b"", ".pth")
    torch.save({"state_dict": {"a": torch.zeros(2)}}, path)
    return [b"\0" + path.read_bytes()]


_SOUND: Mapping[str, Callable[[], list[bytes]]] = {
    "coco_file": _coco,
    "segmentation": _segmentations,
    "rle": lambda: [coco_mask.encode(np.asfortranarray(np.eye(11, 13, dtype=np.uint8)))["counts"]],
    "override": lambda: [b"cluster.k=20", b"a.b=[1, {c: 2}]"],
    "yaml_file": lambda: [b"cluster:\n  k: 20\n", b"a: &x [1]\nb: *x\n"],
    "settings": lambda: [b"\x0020", b"\x01-1", b"\x030.5"],
    "weights": _weights,
}
