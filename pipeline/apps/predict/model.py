"""Which trained model predicts: that of a run, or one that is named by its file, its artifact's folder, or its key."""

from dataclasses import dataclass
from pathlib import Path

from maskdistill.data.catalog import DETECTOR, SEGMENTER
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.finished import FinishedPlan, open_artifact
from maskdistill.pipeline.integrity import check_file

MODELS = {output.stage: output for output in (DETECTOR, SEGMENTER)}
"""The file of the model of each stage that has one."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model on disk.

    Attributes:
        stage: The stage that has trained it.
        file: Its weights; the file says how to build the network.
    """

    stage: str
    file: Path


def check_model_stage(stage: str | None) -> None:
    """Raise InputError where a stage is named that trains no model."""
    if stage not in (*MODELS, None):
        raise InputError(f"--stage {stage}: one of {', '.join(MODELS)}")


def model_of_run(plan: FinishedPlan, stage: str) -> TrainedModel:
    """The model that a stage of a run has trained. Raises MissingArtifact with the command that trains it."""
    return TrainedModel(stage, Run(plan, "predict").folder(stage) / MODELS[stage].file)


def find_model(name: str, store: ArtifactStore, stage: str | None, option: str = "--model") -> TrainedModel:
    """The model that a user names by its file, its artifact's folder, or its key.

    Args:
        name: What was typed.
        store: Where keys are looked up.
        stage: The stage that it has to be of; None = either.
        option: The option that names it, for messages.

    Raises:
        InputError: It is none of them, or of another stage.
        CorruptArtifact: The file is damaged.
    """
    wanted = tuple(MODELS) if stage is None else (stage,)
    path = Path(name).expanduser()
    if path.is_dir() and not any((path / MODELS[one].file).is_file() for one in wanted):
        open_artifact(str(path), store, wanted, option)
    if path.is_dir():
        path = next(path / MODELS[one].file for one in wanted if (path / MODELS[one].file).is_file())
    if path.is_file():
        check_file(path)
        return TrainedModel(_stage_of(path, wanted, option), path)
    if path.suffix or not name.strip():
        raise InputError(f"{option} {name}: there is no such file; name a {SEGMENTER.file}, or an artifact by its key")
    folder, manifest = open_artifact(name, store, wanted, option)
    file = folder / MODELS[manifest.stage].file
    check_file(file)
    return TrainedModel(manifest.stage, file)


def _stage_of(path: Path, wanted: tuple[str, ...], option: str) -> str:
    """The stage of a file of weights, as the file itself says."""
    from maskdistill.stages.networks.weights_file import read_description

    try:
        stage = DETECTOR.stage if "n_clusters" in read_description(path) else SEGMENTER.stage
    except CorruptArtifact as error:
        raise InputError(f"{option} {error}; name a {SEGMENTER.file} or {DETECTOR.file} that a run has made") from error
    if stage not in wanted:
        raise InputError(f"{option} {path}: a model of {stage}, and --stage {wanted[0]} was asked for")
    return stage
