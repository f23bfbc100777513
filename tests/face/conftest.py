"""A run that is small enough to be made once for these tests."""

from pathlib import Path

import pytest

CONFIG = """
data: {kind: scenes, n_train: 4, n_val: 2, size: 32}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 32}}
cluster: {k: 2, max_side: 32}
filter: {masks: initial}
segment: {backbone: resnet18, output_stride: 16, crop: 32, iterations: 2, batch_size: 2, inference_scales: [1, 2],
          crf: {predictions: true}}
execution: {device: cpu, batch_size: 1}
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("face")
    path = folder / "tiny.yaml"
    path.write_text(f"{CONFIG}\nartifacts: {folder / 'artifacts'}\n")
    return path
