"""The pipeline from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.launch import chosen_stages, forced_stages, run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult


def run(
    config: str | Path | Sequence[str | Path] = "demo",
    overrides: Mapping[str, Any] | None = None,
    *,
    first: str | None = None,
    last: str | None = None,
    force: str | None = None,
    quiet: bool = False,
) -> list[StageResult]:
    """Run all stages that are not cached, in this process and without Prefect, and score them where labels are there.

    Args:
        config: YAML files, or names of experiments that come with the package ("demo"), as `-c` takes them; of several,
            a later one changes settings of an earlier one.
        overrides: Settings to change in the end, for example {"cluster.k": 20, "data.root": "photos"}.
        first: Stage to begin with; None = the first one.
        last: Stage to end with; None = the last one.
        force: Stage to make anew although it is cached, and with it all that depend on it.
        quiet: Whether no progress is shown.

    Returns:
        One result per stage, in order: what it made, the key of its artifact, its scores by split.

    Raises:
        InputError: The configuration or the data cannot be used.
        MissingArtifact: `first` needs the result of a stage that has not run.
    """
    plan = Plan(ConfigSource.of(config, overrides))
    stages = chosen_stages(plan, first, last)
    return run_stages(plan, stages, Console(stderr=True, quiet=quiet), forced=forced_stages(plan, force))
