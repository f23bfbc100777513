"""The command that uses a trained model: `predict`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.data.config import SourceConfig
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    artifacts_folder,
    config_source,
)
from maskdistill.pipeline.config import Config
from maskdistill.pipeline.progress import print_note, show_progress
from maskdistill.stages.contract import ExecutionConfig


def predict(
    image_dir: Annotated[Path, typer.Option(help="Folder of images, searched recursively.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|FOLDER|KEY",
            help="The trained model: its .safetensors file, the folder of its artifact, or the artifact's key. A file "
            "or folder needs no configuration. Without it: the model of the configuration.",
        ),
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Whose model: segment (label PNGs) or distill (masks).")] = None,
    overlays: Annotated[bool, typer.Option("--overlays", help="Also draw each result on its image.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the prediction that is there.")] = False,
) -> None:
    """Run a trained model on images that it has not seen."""
    from maskdistill.pipeline.apps.predict.files import check_names, prepare_out
    from maskdistill.pipeline.apps.predict.model import MODELS, find_model, model_of_run
    from maskdistill.pipeline.apps.predict.predict import Prediction, open_images
    from maskdistill.pipeline.artifacts import ArtifactStore
    from maskdistill.pipeline.finished import FinishedPlan
    from maskdistill.stages.networks.weights_file import stretch_of

    if stage not in (*MODELS, None):
        raise InputError(f"--stage {stage}: one of {', '.join(MODELS)}")
    source = config_source(config, overrides, run_name)
    if model is None:
        plan = FinishedPlan(source, stage or "segment")
        settings: Config | None = plan.config
        trained = model_of_run(plan, stage or "segment")
    else:
        settings = source.load() if config or overrides or run_name else None
        store = ArtifactStore(settings.artifacts if settings else artifacts_folder(None))
        trained = find_model(model, store, stage)
    images = open_images(image_dir, settings.data if settings else SourceConfig(stretch=stretch_of(trained.file)))
    check_names(out, images.ids)
    prepare_out(out, image_dir, force=force)
    console = Console(stderr=True)
    execution = settings.execution if settings else ExecutionConfig()
    with show_progress("predict", console) as progress:
        prediction = Prediction(trained.file, images, out, overlays, progress, execution)
        try:
            done = prediction.run(trained.stage)
        finally:
            for note in images.notes:
                print_note(console, note)
            if prediction.remarks.total:
                print_note(console, f"of {len(images)} images: {prediction.remarks}")
            for image_id, reason in prediction.failures.items():
                print_note(console, f"skipped {image_id}: {reason}")
    print(f"{out}: {len(done)} images predicted, {len(prediction.failures)} skipped")
