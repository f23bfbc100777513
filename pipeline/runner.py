"""Runs one stage of a plan: alone on its folder, resumable, published at the end. Prefect calls this; so can anyone."""

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from maskdistill.pipeline.engines.open import made_elsewhere, open_engine
from maskdistill.pipeline.environment import describe_arithmetic, describe_environment
from maskdistill.pipeline.health import count_oddities
from maskdistill.pipeline.image_records import keep_record
from maskdistill.pipeline.manifest import MANIFEST, RUN_LOG, Manifest, record_files
from maskdistill.pipeline.memory import peak_bytes, reset_peak
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import print_note, show_progress
from maskdistill.pipeline.remote.sharing import fetch_missing, publish, share, turn
from maskdistill.pipeline.room import estimate_room
from maskdistill.pipeline.run_log import RunLog
from maskdistill.pipeline.storage import explain_storage
from maskdistill.pipeline.unfinished import finish_unfinished, sweep_unfinished
from maskdistill.stages.contract import StageInputs


def run_stage(plan: Plan, stage: str, console: Console, *, force: bool = False) -> Manifest:
    """Make the artifact of a stage, or find it made, here or in the store of `execution.store`.

    Args:
        plan: The configuration and its artifacts.
        stage: Name of the stage.
        console: Where progress is shown.
        force: Make it anew although it is there; the old one is kept until the new one is whole.

    Returns:
        The manifest of the finished artifact.

    Raises:
        MissingArtifact: An upstream artifact has not been made; the text holds the command that makes it.
        CorruptArtifact: An upstream artifact is damaged; the text names the files, and the command that removes them.
        InputError: The artifact folder cannot be written to, or is full; or the store cannot be used.
    """
    key, store = plan.stages[stage].key, plan.store
    # What is finished needs no lock, which a folder that may only be read could not hold.
    made = None if force else plan.manifest(stage)
    if made is not None and not store.has_leftovers(stage, key):
        return share(plan, made, console)
    if store.is_locked(stage, key):
        if made is not None:  # it is being replaced, and whole until then
            return made
        print_note(console, f"{stage}: another run is making {stage}/{key}; waiting for it")
    with explain_storage(store.root), store.lock(stage, key):
        store.sweep(stage, key)
        there = (plan.path(stage) / MANIFEST).exists()
        if there and not force:
            return share(plan, store.require(stage, key), console)
        with turn(plan, stage, console, anew=force) as to_be_made:
            if not to_be_made:
                return store.require(stage, key)
            manifest = _make_anew(plan, stage, console) if there else _make(plan, stage, plan.path(stage), console)
            publish(plan, manifest, console, anew=force)
            return manifest


def _make_anew(plan: Plan, stage: str, console: Console) -> Manifest:
    key = plan.stages[stage].key
    folder = plan.store.new_path(stage, key)
    try:
        manifest = _make(plan, stage, folder, console)
        plan.store.replace(stage, key, lambda text: print_note(console, f"{stage}: {text}"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return manifest


def _make(plan: Plan, stage: str, folder: Path, console: Console) -> Manifest:
    planned = plan.stages[stage]
    fetch_missing(plan, [name for name in plan.upstream(stage) if name != stage], console)
    keep_record(plan.store, plan.source, plan.data_fingerprint)
    execution = plan.config.execution
    with plan.reading(planned.inputs):
        inputs = StageInputs(
            source=plan.source,
            artifacts=plan.folders(planned.inputs, f"stage {stage}"),
            seed=plan.config.seed,
            execution=execution,
            max_failure_rate=plan.config.data.max_failure_rate,
        )
        if not planned.inputs:  # the first stage of a run: nothing has been waited for yet
            _look_over(plan, console)
        folder.mkdir(parents=True, exist_ok=True)
        estimated = estimate_room(plan, stage, folder)
        notes = [*sweep_unfinished(folder), *([estimated] if estimated else [])]
        for note in notes:
            print_note(console, f"{stage}: {note}")
        arithmetic = describe_arithmetic(plan.settings(stage), execution)
        started, clock = datetime.now(UTC), time.monotonic()
        reset_peak()
        with (
            show_progress(stage, console) as progress,
            RunLog(folder / RUN_LOG, progress) as log,
            open_engine(execution, log.say) as engine,
        ):
            for note in notes:
                log.note(note)
            outputs = planned.spec.load()(plan.settings(stage), replace(inputs, engine=engine), folder, log)
    manifest = Manifest(
        stage=stage,
        key=planned.key,
        ingredients=planned.ingredients,
        config=plan.config.model_dump(mode="json"),
        environment=describe_environment() | arithmetic | made_elsewhere(engine),
        started=started.isoformat(timespec="microseconds"),
        seconds=round(time.monotonic() - clock, 3),
        peak_memory=peak_bytes(),
        items=outputs.items,
        unit=outputs.unit,
        metrics=outputs.metrics,
        failures=outputs.failures,
        health=count_oddities(stage, {**inputs.artifacts, stage: folder}, outputs.metrics, plan.config.health),
        files=record_files(folder),
    )
    finish_unfinished(folder, manifest)
    return manifest


def _look_over(plan: Plan, console: Console) -> None:
    """Say what the data leave out. Raises InputError where their ground truth can score nothing."""
    from maskdistill.stages.evaluate.check import check_truth

    for note in (*plan.source.notes, *check_truth(plan.source)):
        print_note(console, note)
