"""What the features will take is said before they are written, and a disk that does not hold it is refused."""

from pathlib import Path

import pytest

from helpers.sources import BlobSource
from maskdistill.data.catalog import FEATURES
from maskdistill.data.errors import InputError
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.features.estimate import Estimate, bytes_of, check_space, estimate
from maskdistill.stages.features.extract import FeaturesJob
from maskdistill.stages.features.stage import run
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import UNTRAINED

CONFIG = FeaturesConfig(model="vit_tiny_patch16_224", weights=UNTRAINED, short_side=32, blocks=(0,))


class Lines(Silent):
    """A Progress that keeps the lines it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def inputs_for(source: BlobSource) -> StageInputs:
    return StageInputs(source, {}, execution=ExecutionConfig(device="cpu", part_size=2))


def test_the_estimate_is_what_is_written(tmp_path: Path) -> None:
    inputs, progress = inputs_for(BlobSource()), Lines()
    expected = estimate(FeaturesJob(CONFIG, inputs).open(), inputs.source)
    # Two images of 3 x 2 patches and four of 2 x 3, each twice, 192 numbers of 2 bytes a patch.
    assert expected.n_bytes == 6 * 6 * 192 * 2 * 2
    assert expected.seconds > 0
    run(CONFIG, inputs, tmp_path, progress)
    assert [line.partition(", about")[0] for line in progress.lines] == ["6 images, 0.03 MB"]
    tokens = sum(bytes_of(path) for path in (tmp_path / FEATURES.file).glob("*/c"))
    assert expected.n_bytes <= tokens


def test_it_reads_as_people_speak() -> None:
    assert str(Estimate(700, 870_000_000, 241)) == "700 images, 0.87 GB, about 4 min"
    assert str(Estimate(100_000, 124_000_000_000, 30_000)) == "100,000 images, 124.00 GB, about 8.3 h"
    assert str(Estimate(24, 3_000_000, 0.2)) == "24 images, 3.00 MB, about 1 s"


def test_a_disk_that_does_not_hold_them_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"need 0\.03 MB more, .* only 0\.00 MB left.*features\.mirror=false"):
        run(CONFIG, inputs_for(BlobSource()), tmp_path, Silent(), free=lambda folder: 1000)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_needs_no_space(tmp_path: Path) -> None:
    check_space(Estimate(2, 1000, 1.0), 400, tmp_path, lambda folder: 600)
    with pytest.raises(InputError):
        check_space(Estimate(2, 1000, 1.0), 400, tmp_path, lambda folder: 599)


def test_where_no_image_can_be_read_that_is_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 of 2 images cannot be read"):
        run(CONFIG, inputs_for(BlobSource(2, 2, unreadable=(0, 1))), tmp_path, Silent())
