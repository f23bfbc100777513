"""The mining stage on small images, in parts of two."""

from pathlib import Path

from maskdistill.data.catalog import MINED
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.stage import run
from maskdistill.stages.progress import Progress, Silent


def mining_inputs(source: ImageSource, *, part_size: int = 2, max_failure_rate: float = 0.01) -> StageInputs:
    """What the stage works on, on the CPU."""
    execution = ExecutionConfig(device="cpu", batch_size=4, part_size=part_size)
    return StageInputs(source, {}, execution=execution, max_failure_rate=max_failure_rate)


def mine(
    config: MineConfig, inputs: StageInputs, folder: Path, progress: Progress | None = None
) -> tuple[StageOutputs, MaskStore]:
    """Run the stage into a folder, and open what it leaves."""
    outputs = run(config, inputs, folder, progress or Silent())
    return outputs, MaskStore.open(folder / MINED.file)
