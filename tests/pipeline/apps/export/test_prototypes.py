"""The memory of the head `mcibi` as a file of prototypes."""

from pathlib import Path

import numpy as np
import pytest

from helpers.runs import publish
from maskdistill.data.catalog import SEGMENTER
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.export.formats import export_stage
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.progress import Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.heads.mcibi_config import McibiConfig
from maskdistill.stages.segment.model import Segmenter


@pytest.fixture
def finished(run: Run) -> Run:
    """The run, its final model trained."""
    publish(run.plan, "segment")
    return run


def write_segmenter(run: Run, config: SegmentConfig) -> Segmenter:
    model = Segmenter(config, 3, None)
    for name, value in model.head.named_buffers():
        if name == "memory":
            value.normal_()
    save_weights(run.folder("segment") / SEGMENTER.file, model, {"config": config.model_dump(), "n_classes": 3})
    return model


def test_prototypes_are_the_memory(finished: Run, tmp_path: Path) -> None:
    own = McibiConfig(channels=4, slots=2, dilations=(1, 2, 3))
    config = SegmentConfig(backbone="resnet18", head="mcibi").model_copy(update={"mcibi": own})
    model = write_segmenter(finished, config)
    export_stage(finished, "segment", "prototypes", tmp_path / "memory.npy", Silent(), force=False)
    written = np.load(tmp_path / "memory.npy")
    assert written.dtype == np.float32 and written.shape == (3, 2, 4)
    assert written.any() and np.array_equal(written, model.state_dict()["head.memory"].numpy())


def test_what_has_none_says_so(finished: Run, tmp_path: Path) -> None:
    write_segmenter(finished, SegmentConfig(backbone="resnet18", head="linear"))
    with pytest.raises(InputError, match=r"segment\.head=mcibi"):
        export_stage(finished, "segment", "prototypes", tmp_path / "memory.npy", Silent(), force=False)
    with pytest.raises(InputError, match="pseudo-labels have no prototypes"):
        export_stage(finished, "filter", "prototypes", tmp_path / "memory.npy", Silent(), force=False)
    assert not (tmp_path / "memory.npy").exists()
