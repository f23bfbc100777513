"""The command that uses a trained model: `predict`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import DEFAULT_CONFIG, ConfigOption, SetOption, config_source
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import show_progress


def predict(
    image_dir: Annotated[Path, typer.Option(help="Folder of images, searched recursively.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    stage: Annotated[str, typer.Option(help="Whose model: segment (label PNGs) or distill (masks).")] = "segment",
    overlays: Annotated[bool, typer.Option("--overlays", help="Also draw each result on its image.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the prediction that is there.")] = False,
) -> None:
    """Run a trained model on images that it has not seen."""
    from maskdistill.pipeline.apps.outputs import Run
    from maskdistill.pipeline.apps.predict.files import prepare_out
    from maskdistill.pipeline.apps.predict.predict import STAGES, Prediction, open_images

    if stage not in STAGES:
        raise InputError(f"--stage {stage}: one of {', '.join(STAGES)}")
    run = Run(Plan(config_source(config, overrides)), "predict")
    run.folder(stage)
    images = open_images(image_dir, run.plan.config.data.max_pixels)
    prepare_out(out, image_dir, force=force)
    console = Console(stderr=True)
    with show_progress("predict", console) as progress:
        prediction = Prediction(run, images, out, overlays, progress)
        try:
            done = prediction.run(stage)
        finally:
            for image_id, reason in prediction.failures.items():
                console.print(f"skipped {image_id}: {reason}", markup=False, highlight=False, soft_wrap=True)
    print(f"{out}: {len(done)} images predicted, {len(prediction.failures)} skipped")
