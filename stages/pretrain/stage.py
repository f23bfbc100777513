"""An optional stage: a Vision Transformer from the training images alone. Writes `vit.safetensors` and `vit.json`."""

from pathlib import Path

from maskdistill.data.atomic import write_json
from maskdistill.data.catalog import TRAINING_LOG, VIT, VIT_ARGUMENTS
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.train import POOL, VitTraining, train_vit
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.distributed import count_devices, run_on_devices
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.pool import open_pool, remove_pool
from maskdistill.stages.training.trainer import CHECKPOINT


def run(config: PretrainConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Pre-train on the training images; labels and validation images are never read.

    Writes `vit.safetensors` (float16, a plain timm ViT), `vit.json` (its name in timm and the arguments to build it
    with) and `training.jsonl`.

    Raises:
        InputError: Unusable model or number of devices, or more unreadable images than `inputs.max_failure_rate`
            allows.
        MaskDistillError: The loss is not finite, or the embeddings collapsed.
    """
    if not config.own.learns:
        failures = PRETRAINING.chosen(config).load()(config, inputs, workdir, progress)
        return StageOutputs(0, "samples", failures=failures)
    count = count_devices(inputs.execution, config.batch_size)
    pool, failures = open_pool(inputs.source, config.image_size, workdir / POOL, progress)
    check_failures(failures, inputs.source.n_train, inputs.max_failure_rate)
    n_images = len(pool)
    del pool
    if not (workdir / VIT.file).exists():
        run_on_devices(train_vit, VitTraining(config, inputs, workdir), count, inputs.execution, progress)
    write_json(workdir / VIT_ARGUMENTS.file, {"model": config.model, "overrides": config.overrides})
    remove_pool(workdir / POOL)
    remove_checkpoints(workdir / CHECKPOINT)
    samples = config.iterations * config.batch_size
    metrics = {"training_images": n_images, "samples": samples, "losses": final_losses(workdir / TRAINING_LOG)}
    return StageOutputs(samples, "samples", metrics, failures)
