"""The command that uses a trained model: `predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from maskdistill.pipeline.apps.commands.words import MODEL_STAGES
from maskdistill.pipeline.config import Config, ConfigSource
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.pipeline.progress import print_note, show_progress
from maskdistill.stages.contract import ExecutionConfig

if TYPE_CHECKING:
    from maskdistill.pipeline.apps.predict.model import TrainedModel
    from maskdistill.pipeline.apps.predict.predict import Prediction


def predict(
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[IMAGE|FOLDER]...", help="Images, and folders of images, searched recursively."),
    ] = None,
    image_dir: Annotated[Path | None, typer.Option(help="The same as naming the folder.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("predicted"),
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
    stage: Annotated[
        str | None, typer.Option(help="Whose model: segment (label PNGs) or distill (masks).", **MODEL_STAGES)
    ] = None,
    overlays: Annotated[bool, typer.Option("--overlays", help="Also draw each result on its image.")] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Also write coco.json: each region with its run-length code.")
    ] = False,
    polygons: Annotated[
        bool, typer.Option("--polygons", help="Also write polygons.json: a COCO file with outlines instead of codes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the prediction that is there.")] = False,
) -> None:
    """Run a trained model on images that it has not seen: a label map of each, as PNG with a palette."""
    from maskdistill.pipeline.apps.predict.files import check_names, prepare_out
    from maskdistill.pipeline.apps.predict.images import open_images
    from maskdistill.pipeline.apps.predict.model import check_model_stage
    from maskdistill.pipeline.apps.predict.predict import Prediction
    from maskdistill.pipeline.cluster_names import names_beside
    from maskdistill.stages.networks.weights_file import stretch_of

    check_model_stage(stage)
    paths = [*(images or ()), *([] if image_dir is None else [image_dir])]
    if not paths:
        raise InputError("predict: name images, or a folder of them")
    source = config_source(config, overrides, run_name)
    trained, settings = _trained(source, model, stage, configured=bool(config or overrides or run_name))
    opened = open_images(paths, settings.data if settings else SourceConfig(stretch=stretch_of(trained.file)))
    check_names(out, opened.ids)
    prepare_out(out, paths, force=force)
    console = Console(stderr=True)
    execution = settings.execution if settings else ExecutionConfig()
    names = names_beside(trained.file.parent)
    with show_progress("predict", console) as progress:
        prediction = Prediction(
            trained.file,
            opened,
            out,
            overlays,
            progress,
            coco=coco,
            polygons=polygons,
            execution=execution,
            names=names,
        )
        try:
            done = prediction.run(trained.stage)
        finally:
            _say_what_was_left_out(prediction, console)
    print(f"{out}: {len(done)} images predicted, {len(prediction.failures)} skipped")


def _trained(
    source: ConfigSource, model: str | None, stage: str | None, *, configured: bool
) -> "tuple[TrainedModel, Config | None]":
    """The model, and the settings to read images with: None where a model is named and nothing was configured."""
    from maskdistill.pipeline.apps.predict.model import find_model, model_of_run
    from maskdistill.pipeline.artifacts import ArtifactStore
    from maskdistill.pipeline.finished import FinishedPlan

    if model is None:
        plan = FinishedPlan(source, stage or SEGMENT.name)
        return model_of_run(plan, stage or SEGMENT.name), plan.config
    settings = source.load() if configured else None
    return find_model(model, ArtifactStore(settings.artifacts if settings else artifacts_folder(None)), stage), settings


def _say_what_was_left_out(prediction: "Prediction", console: Console) -> None:
    for note in prediction.images.notes:
        print_note(console, note)
    if prediction.remarks.total:
        print_note(console, f"of {len(prediction.images)} images: {prediction.remarks}")
    for image_id, reason in prediction.failures.items():
        print_note(console, f"skipped {image_id}: {reason}")
