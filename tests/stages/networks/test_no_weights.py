"""Files that are no weights are called what they are, and none is loaded in a way that runs code."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.weights import WeightsSource

TINY = "vit_tiny_patch16_224"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def write_module(path: Path) -> Path:
    torch.save(nn.Linear(2, 2), path)
    return path


def write_tar(path: Path) -> Path:
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, "x.pth")
    return path


def write_numbers(path: Path) -> Path:
    torch.save({1: torch.zeros(2), 2: torch.zeros(2)}, path)
    return path


NO_WEIGHTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a web page": (lambda p: write(p / "x.pth", b"<!DOCTYPE html><html>Not found</html>"), "a web page, not weights"),
    "a page of errors": (lambda p: write(p / "x.bin", b'\n <?xml version="1.0"?><Error>'), "an XML file, not weights"),
    "a pointer": (
        lambda p: write(p / "x.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 22\n"),
        "a pointer of Git LFS, not the weights; fetch them with `git lfs pull`",
    ),
    "nothing": (lambda p: write(p / "x.pth", b""), "the file is empty"),
    "a text": (lambda p: write(p / "x.safetensors", b'{"a": 1}'), "a text, not weights"),
    "noise": (lambda p: write(p / "x.pth", bytes(range(256))), "cannot be read as weights"),
    "half a file of torch": (lambda p: write(p / "x.pth", b"PK\3\4" + bytes(300)), "the file is cut off or damaged"),
    "a tar archive": (lambda p: write_tar(p / "x.pth.tar"), "a tar archive, not weights; unpack it"),
    "packed": (lambda p: write(p / "x.pth", b"\x1f\x8b\x08\0"), "compressed with gzip; unpack it"),
    "numbers for names": (lambda p: write_numbers(p / "x.pth"), "holds no parameters by name"),
    "half a file": (lambda p: write(p / "x.safetensors", b"\xff" * 100), "cannot be read as weights"),
    "a whole module": (lambda p: write_module(p / "x.pth"), "holds Python objects beside tensors"),
    "another ending": (lambda p: write(p / "x.pkl", b"x"), "give a file that ends in .safetensors, .pth"),
    "a folder": (lambda p: p, "a folder; name a file of weights"),
    "no file": (lambda p: p / "gone.pth", "there is no such file"),
}


@pytest.mark.parametrize(("make", "message"), NO_WEIGHTS.values(), ids=NO_WEIGHTS.keys())
def test_what_is_no_file_of_weights_is_called_what_it_is(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        load_vit(TINY, WeightsSource.parse(str(make(tmp_path))), normalise="half")
    text = str(caught.value)
    assert text.startswith("mine.weights: ") and message in text
    assert len(text.splitlines()) == 1 and "\x1b" not in text
    assert "weights_only" not in text
