"""The commands of the README work as they are printed: typed one after the other where no checkout is.

Two stand-ins make this minutes instead of hours: a file called `demo`, which `-c demo` then takes, holds a demo of a
dozen small scenes, and the ViT that a run downloads is replaced as in test_session.py. Installing from the network is
left out: the wheel is put into an environment of its own, which borrows its dependencies.
"""

import shutil
from urllib.request import urlopen

import pytest

from helpers.fresh_install import build_wheel, copy_source, install, run
from helpers.markdown import blocks, commands
from helpers.paths import ROOT
from helpers.standin_vit import fill_cache
from helpers.terminal import Terminal, put_photos

pytestmark = pytest.mark.slow

README = ROOT / "README.md"
DEMO = """
data: {kind: scenes, n_train: 12, n_val: 4, size: 64}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 64}}
cluster: {k: 3, max_side: 64}
distill: {backend: regions, backbone: vit, iterations: 5, batch_size: 2}
filter: {threshold: 0.2}
segment: {backbone: resnet18, output_stride: 16, crop: 64, iterations: 2, batch_size: 2}
execution: {device: cpu}
"""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    folder = tmp_path_factory.mktemp("readme")
    copy_source(folder / "source")
    python = install(build_wheel(folder / "source", folder / "dist"), folder / "environment")
    put_photos(folder / "desk", n_photos=22, n_new=2, size=64)
    (folder / "desk" / "demo").write_text(DEMO)
    fill_cache(folder / "huggingface")
    return Terminal(folder / "desk", python, {"HF_HOME": str(folder / "huggingface"), "CUDA_VISIBLE_DEVICES": ""})


def test_every_command_as_printed(terminal: Terminal) -> None:
    typed = ["maskdistill run -c demo", *commands(README)]  # as `make pipeline` does
    assert len(typed) > 15
    for command in typed:
        if "maskdistill view" in command:
            with terminal.page(command) as address, urlopen(address.partition("#")[0]) as page:
                assert page.status == 200
        else:
            terminal.type(command)
    made = {path.name for path in terminal.folder.iterdir()}
    assert made >= {"labels", "report.html", "sheet.png", "maps", "model", "masks.json"}
    [code] = [block.code for block in blocks(README) if block.language == "python"]
    shutil.copy(next((terminal.folder / "NEW").iterdir()), terminal.folder / "photo.jpg")
    printed = run([terminal.python, "-c", f"{code}\nprint(labels.shape)"], terminal.folder, terminal.environment)
    assert printed.endswith("(64, 64)\n")
