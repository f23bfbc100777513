"""An optional stage: a ResNet that imitates the Vision Transformer. Writes `resnet.safetensors`."""

from pathlib import Path

from maskdistill.data.catalog import RESNET, TRAINING_LOG
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.train import POOL, StudentTraining, train_student
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.distributed import count_devices, run_on_devices
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.pool import open_pool, remove_pool
from maskdistill.stages.training.trainer import CHECKPOINT


def run(config: ImitateConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train on the training images; labels and validation images are never read.

    Not in the paper, which starts its detector and its final model from ResNets that others trained without labels:
    this makes such a start from one's own images alone.

    Raises:
        InputError: Unusable ViT, weights or number of devices, or more unreadable images than
            `inputs.max_failure_rate` allows.
        MaskDistillError: The loss is not finite.
    """
    count = count_devices(inputs.execution, config.batch_size)
    pool, failures = open_pool(inputs.source, config.image_size, workdir / POOL, progress)
    check_failures(failures, inputs.source.n_train, inputs.max_failure_rate)
    n_images = len(pool)
    del pool
    if not (workdir / RESNET.file).exists():
        run_on_devices(train_student, StudentTraining(config, inputs, workdir), count, inputs.execution, progress)
    remove_pool(workdir / POOL)
    remove_checkpoints(workdir / CHECKPOINT)
    samples = config.recipe().iterations * config.batch_size
    metrics = {"training_images": n_images, "samples": samples, "losses": final_losses(workdir / TRAINING_LOG)}
    return StageOutputs(samples, "samples", metrics, failures)
