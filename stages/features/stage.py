"""An optional stage: the patch tokens of a frozen ViT, for whatever learns on them. Writes `features.zarr`."""

import shutil
from pathlib import Path

from maskdistill.data.catalog import FEATURES
from maskdistill.data.stores.write_features import join_features
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.features.estimate import FreeBytes, bytes_of, check_space, estimate, free_bytes
from maskdistill.stages.features.extract import FeaturesJob
from maskdistill.stages.parts import compute_parts
from maskdistill.stages.progress import Progress


def run(
    config: FeaturesConfig, inputs: StageInputs, workdir: Path, progress: Progress, *, free: FreeBytes = free_bytes
) -> StageOutputs:
    """Pass all images through the ViT once, in parts that a later run need not compute again.

    Says how much space and time that takes before it begins.

    Args:
        config: The settings of the stage, `model` and `weights` filled in.
        inputs: The images; and the artifact of `pretrain` where the ViT is its result.
        workdir: Where `features.zarr` is written; its images are all readable ones, in the order of the source.
        progress: Told about every image.
        free: How many bytes the file system of a folder has left.

    Returns:
        The number of images; unreadable ones as failures.

    Raises:
        InputError: Unusable model, weights or blocks, a disk with too little space left, or more unreadable images than
            `inputs.max_failure_rate` allows.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    job, n_images = FeaturesJob(config, inputs), len(inputs.source)
    expected = estimate(job.open(), inputs.source)
    progress.say(str(expected))
    check_space(expected, bytes_of(workdir), workdir, free)
    progress.start("tokens", n_images, "images")
    parts = compute_parts(
        job,
        workdir / "parts",
        n_images,
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
        lambda failures: check_failures(failures, n_images, inputs.max_failure_rate),
    )
    store = join_features([part / FEATURES.file for part in parts.folders], workdir / FEATURES.file)
    shutil.rmtree(workdir / "parts", ignore_errors=True)
    metrics = {**store.description, "dim": store.dim, "patches": int(store.grid_hw.prod(axis=1).sum())}
    return StageOutputs(len(store), "images", metrics, parts.failures)
