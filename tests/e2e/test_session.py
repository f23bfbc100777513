"""docs/session.md, typed and clicked as it says, in a fresh clone: from a folder of photos to a model in ONNX.

Nothing is downloaded: the ViT of the run lies in a cache of Hugging Face, as the page says of machines without a
network. It is a stand-in of the same shape, in place of weights that were trained.
"""

import re
from typing import Any

import numpy as np
import pytest

from helpers.fresh_install import build_wheel, copy_source, install, run
from helpers.markdown import blocks, commands
from helpers.paths import ROOT
from helpers.standin_vit import fill_cache
from helpers.terminal import Terminal, put_photos
from helpers.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SESSION = ROOT / "docs" / "session.md"
N_PHOTOS, N_NEW = 24, 4
_AGREEMENT = """
import sys
import numpy as np, maskdistill
from PIL import Image
from pathlib import Path
segmenter = maskdistill.Segmenter.load(sys.argv[1], device="cpu")
for photo in sorted(Path("NEW").iterdir()):
    written = np.asarray(Image.open(f"labels/labels/{photo.stem}.png"))
    exported = np.asarray(Image.open(f"{photo.stem}.onnx.png"))
    own = segmenter.probabilities(photo, with_crf=False).argmax(axis=0)
    print((segmenter.predict(photo) == written).mean(), (exported == own).mean(), len(np.unique(exported)))
"""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Photos, a fresh clone of this checkout that is installed, and a cache with the stand-in."""
    folder = tmp_path_factory.mktemp("session")
    clone = folder / "clone"
    if (ROOT / ".git").exists():
        run(["git", "clone", "-q", ROOT, clone], folder)
    else:
        copy_source(clone)
    python = install(build_wheel(clone, folder / "dist"), folder / "environment")
    put_photos(folder / "desk", N_PHOTOS, N_NEW)
    fill_cache(folder / "huggingface")
    return Terminal(folder / "desk", python, {"HF_HOME": str(folder / "huggingface"), "CUDA_VISIBLE_DEVICES": ""})


def test_from_photos_to_a_model(terminal: Terminal, browser: Any) -> None:
    typed = list(commands(SESSION))
    assert not any(re.search(r"\s-(s|c)\s|--set|--config", command) for command in typed)
    first_run, look, second_run, *rest = typed
    first = terminal.type(first_run)
    assert f"{N_PHOTOS} label maps" in first
    assert "look: maskdistill view" in first and "use: maskdistill predict" in first
    before = terminal.model
    with terminal.page(look) as address:
        exclude_and_merge(Visitor(browser.new_page(), address.partition("#")[0]), address)
    second = terminal.type(second_run)
    assert terminal.model != before
    rows = {line.split()[0]: line for line in second.splitlines() if line.strip()}
    assert f"{N_PHOTOS} masks" in rows["mine"] and "cached" in rows["mine"]
    assert f"{N_PHOTOS - 10} masks" in rows["curate"] and "new" in rows["curate"]
    assert "new" in rows["segment"]
    for command in rest:
        terminal.type(command)
    [code] = [block.code for block in blocks(SESSION) if block.language == "python"]
    run([terminal.python, "-c", code], terminal.folder)
    printed = run([terminal.python, "-c", _AGREEMENT, terminal.model], terminal.folder, terminal.environment)
    written, exported, values = np.array([line.split() for line in printed.splitlines()], dtype=float).T
    assert len(written) == N_NEW
    assert written.min() == 1
    assert exported.mean() >= 0.999
    assert values.max() > 1  # maps of one value would agree with anything


def exclude_and_merge(visitor: Visitor, address: str) -> None:
    """The keys of the page, as the document has them."""
    page = visitor.page
    page.goto(address)
    visitor.ready()
    for key in ("g", "k"):
        page.keyboard.press(key)
    visitor.wait_until(lambda: len(visitor.tiles()) == N_PHOTOS)
    visitor.ready()
    for key in ("j", "x", *["Shift+ArrowRight"] * 9, "e"):
        page.keyboard.press(key)
    visitor.wait_until(lambda: len(page.query_selector_all("[data-tag=excluded]")) == 10)
    for key in ("g", "c"):
        page.keyboard.press(key)
    visitor.wait_until(lambda: len(visitor.tiles()) == 6)
    visitor.ready()
    for key in ("j", "x", "j", "x", "m"):
        page.keyboard.press(key)
    visitor.wait_until(lambda: len(visitor.tiles()) == 5)
    assert visitor.faults == []
