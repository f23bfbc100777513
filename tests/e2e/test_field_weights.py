"""Files of weights as their authors publish them, a row for each: whether they are read, and what is said of others.

Their generator lies beside the checkout, where it is there at all.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.paths import SHARED
from maskdistill.data.errors import InputError
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.weights import WeightsSource

FIELD = SHARED / "field"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FIELD.is_dir(), reason="../shared/field, which makes these inputs, is not there"),
]

TINY, REGISTERS = "vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"
READ_ALIKE = """
lightning_style.pth dino_full.pth model_state_dict.pth model_prefix.pth net_vit.pth compiled.pth odd_prefix.pth
moco_v3.pth mae.pth x.ckpt x.bin x.pth.tar x.PTH half.pth with_head.pth hf.safetensors
"""
VITS = {
    **dict.fromkeys(READ_ALIKE.split(), TINY),
    "small.pth": "vit_small_patch16_224",
    "dinov2_reg4.pth": REGISTERS,
}
RESNETS = ["moco.pth", "moco_v2_800ep_pretrain.pth.tar", "swav_800ep_pretrain.pth.tar"]
REFUSED = {
    "pickled_module.pth": "it holds Python objects beside tensors, which may run any code",
    "nan.pth": "norm.weight holds numbers that are not finite; give another file",
    "html.pth": "a web page, not weights; the download went wrong",
    "empty.pth": "the file is empty; the download went wrong",
    "lfs.safetensors": "a pointer of Git LFS, not the weights; fetch them with `git lfs pull`",
    "d2.pkl": "give a file that ends in .safetensors, .pth",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All files, made once, and taken away, as they are large."""
    folder = tmp_path_factory.mktemp("field")
    environment = {**os.environ, "PYTHONPATH": str(FIELD), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, str(FIELD / "mkw.py")], cwd=folder, env=environment, check=True)
    yield folder / "w"
    shutil.rmtree(folder)


def load(path: Path, model: str) -> None:
    load_vit(model, WeightsSource.parse(str(path)), normalise="imagenet")


@pytest.mark.parametrize("name", VITS)
def test_vits_are_read(folder: Path, name: str) -> None:
    load(folder / name, VITS[name])


@pytest.mark.parametrize("name", RESNETS)
def test_resnets_are_read(folder: Path, name: str) -> None:
    build_resnet("resnet18", folder / name)


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_called_what_they_are(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"^mine\.weights: ") as caught:
        load(folder / name, TINY)
    assert REFUSED[name] in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_weights_of_another_model_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"small\.pth does not fit the model"):
        load(folder / "small.pth", TINY)
    with pytest.raises(InputError, match=r"distill\.weights: .*moco_v3\.pth is not a resnet18: it lacks conv1\.weight"):
        build_resnet("resnet18", folder / "moco_v3.pth", "distill.weights")


def test_every_file_has_a_row(folder: Path) -> None:
    """None of what the generator makes is forgotten."""
    assert {path.name for path in folder.iterdir()} == {*VITS, *RESNETS, *REFUSED}
