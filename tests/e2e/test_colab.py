"""The notebook for Colab from top to bottom, here instead of there.

What it installs is installed, its upload is an archive that lies there already, and the ViT that a run downloads is a
stand-in in a cache of Hugging Face.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import ROOT
from helpers.standin_vit import fill_cache
from helpers.terminal import put_photos

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("zip") and shutil.which("unzip")), reason="zip is not installed"),
]

_COLAB = """
from pathlib import Path

def upload():
    return {"mine.zip": b""}

def download(name):
    print("downloaded", name, Path(name).stat().st_size > 0)
"""
_DISPLAY = """
def Image(name):
    from PIL import Image
    print("shown", name, min(Image.open(name).size) > 0)
"""
_SHELL = """
import re, subprocess

def _shell(line):
    subprocess.run(re.sub(r"{([^{}]+)}", lambda one: str(eval(one[1], globals())), line), shell=True, check=True)

"""


def script() -> str:
    """The code of the notebook: a line with `!` goes to a shell, with Python in braces, one with `%` is left out."""
    notebook = json.loads((ROOT / "docs" / "colab.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    lines = [line for line in "\n".join(sources).splitlines() if not line.startswith("%")]
    return _SHELL + "\n".join(re.sub(r"^( *)!(.*)$", lambda one: f"{one[1]}_shell({one[2]!r})", line) for line in lines)


def test_every_cell_runs(tmp_path: Path) -> None:
    for module, text in {"google/colab/files.py": _COLAB, "IPython/display.py": _DISPLAY}.items():
        (tmp_path / "stub" / module).parent.mkdir(parents=True)
        (tmp_path / "stub" / module).write_text(text)
    fill_cache(tmp_path / "huggingface")
    put_photos(tmp_path, n_photos=22, n_new=0, size=64)
    shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path / "PHOTOS")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    places = {"PATH": path, "PYTHONPATH": str(tmp_path / "stub"), "HF_HOME": str(tmp_path / "huggingface")}
    environment = {**os.environ, **places, "CUDA_VISIBLE_DEVICES": ""}
    result = subprocess.run(
        [sys.executable, "-c", script()], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "shown gallery.png True" in result.stdout
    assert "downloaded model.zip True" in result.stdout
