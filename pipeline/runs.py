"""Runs by name: the configuration of each is kept beside its artifacts, so that nobody has to type it again.

artifacts/runs/<name>.yaml    all settings of a run, as `-c` takes them; its time is that of the run's last start
"""

import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.pipeline.finished import FinishedPlan
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import SPLITS, final_miou
from maskdistill.stages.curate.config import NONE

LAST = "last"
_FOLDER = "runs"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY_LETTERS = 6


@dataclass(frozen=True)
class NamedRun:
    """A run that was started, finished or not.

    Attributes:
        name: What `--run` takes.
        file: Its configuration.
        started: When it was last started, seconds since 1970.
    """

    name: str
    file: Path
    started: float

    @property
    def config_source(self) -> ConfigSource:
        """Its configuration."""
        return ConfigSource((self.file,))


def record_run(plan: Plan, name: str | None = None) -> NamedRun:
    """Keep the configuration of a run that starts, and make it the last one.

    Args:
        plan: The run.
        name: What to call it; None = as before, or else after its data, with the first letters of its final key.

    Raises:
        InputError: The name cannot be that of a file.
    """
    name = _name_of(plan) if name is None else name
    if not _NAME.fullmatch(name) or name == LAST:
        raise InputError(f"--name {name}: use letters, digits, dots and dashes, and not {LAST!r}")
    file = plan.store.root / _FOLDER / f"{name}.yaml"
    # The profile has done its work: loaded again, it would change what stood over it.
    settings: dict[str, Any] = {**plan.config.model_dump(mode="json"), "profile": "none"}
    lines = [f"maskdistill run {plan.config_source.arguments()}".replace("\n", " ")]
    # Edits change keys, and leave the run the same run.
    keys = [f"{spec.name} {one.stages[spec.name].key}" for one in (plan, _unedited(plan)) for spec in one.specs]
    lines += dict.fromkeys(keys)
    head = "".join(f"# {line}\n" for line in lines)
    with atomic_path(file) as temporary:
        temporary.write_text(head + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return NamedRun(name, file, file.stat().st_mtime)


def list_runs(artifacts: Path) -> list[NamedRun]:
    """The runs of a folder of artifacts, the last one first."""
    files = (artifacts / _FOLDER).glob("*.yaml")
    runs = [NamedRun(file.stem, file, file.stat().st_mtime) for file in files]
    return sorted(runs, key=lambda run: (-run.started, run.name))


def find_run(artifacts: Path, name: str, overrides: Sequence[str] = ()) -> ConfigSource:
    """The configuration of a run.

    Args:
        artifacts: Folder of artifacts.
        name: Of the run, `last`, or the key of one of its artifacts or the beginning of one.
        overrides: Settings to change in the end, as "section.field=value".

    Raises:
        InputError: There is none of that name.
    """
    runs = list_runs(artifacts)
    named = runs[:1] if name == LAST else [run for run in runs if run.name == name]
    found = named or [run for run in runs if len(name) >= _KEY_LETTERS and _has_key(run, name)]
    if found:
        return ConfigSource((found[0].file,), tuple(overrides))
    known = f"by name: {', '.join(run.name for run in runs)}" if runs else "none was started yet"
    raise InputError(f"--run {name}: no such run in {artifacts}; {known}")


def describe_runs(artifacts: Path) -> list[dict[str, str]]:
    """Name, images, start, stages and final score of each run, the last one first."""
    return [_describe(run) for run in list_runs(artifacts)]


def _describe(run: NamedRun) -> dict[str, str]:
    started = datetime.fromtimestamp(run.started, UTC).isoformat(sep=" ", timespec="minutes")
    row = {"run": run.name, "started": started.removesuffix("+00:00")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of images that have changed since
            plan = FinishedPlan(run.config_source)
    except MaskDistillError as error:
        return {**row, "images": "", "stages": "", "final mIoU": f"cannot be read: {error}"}
    made = [spec.name for spec in plan.specs if plan.manifest(spec.name)]
    images = f"{len(plan.source):,}"
    return {**row, "images": images, "stages": f"{len(made)} of {len(plan.specs)}", "final mIoU": _final_score(plan)}


def _final_score(plan: Plan) -> str:
    """The mIoU of the final predictions on training and validation images, as far as it is known."""
    final = plan.stages[SEGMENT.name]
    if plan.manifest(final.name) is None:
        return "not finished"
    evaluations = plan.store.evaluations(final.name, final.key)
    if plan.labels_fingerprint is None or not evaluations:
        return "no ground truth" if plan.labels_fingerprint is None else "not scored"
    newest = max(evaluations, key=lambda path: path.stat().st_mtime)
    scores = json.loads(newest.read_text())
    found = [final_miou(scores.get(split, {})) for split in SPLITS]
    return "/".join(f"{miou:.3f}" for miou in found if miou is not None)


def _has_key(run: NamedRun, key: str) -> bool:
    """Whether an artifact of a run has a key that begins like this."""
    head = [line.split() for line in run.file.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    return any(len(words) == 3 and words[2].startswith(key) for words in head)


def _unedited(plan: Plan) -> Plan:
    """The same run before anything was changed by hand."""
    return plan.varied(f"curate.edits={NONE}") if plan.edits.effect else plan


def _name_of(plan: Plan) -> str:
    key = _unedited(plan).stages[plan.specs[-1].name].key
    if known := [run.name for run in list_runs(plan.store.root) if _has_key(run, key)]:
        return known[0]
    data = plan.config.data
    root = getattr(data, "root", None)
    words = Path(root).resolve().name if root is not None else data.kind
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", words).strip("-.") or data.kind
    return f"{readable}-{key[:_KEY_LETTERS]}"
