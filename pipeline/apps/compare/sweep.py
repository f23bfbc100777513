"""Runs that differ from a configuration in one setting: which they are, and what came out of each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import yaml
from rich.console import Console

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.dag import StageSpec, stage_range
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult


@dataclass(frozen=True)
class Sweep:
    """A setting, as section.field, and the values that it takes one after the other."""

    setting: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str, option: str = "--sweep") -> "Sweep":
        """Read "section.field=value,value,..." of an option. Raises InputError where it does not read so."""
        setting, equals, listed = text.partition("=")
        try:
            values = yaml.safe_load(f"[{listed}]")
        except yaml.YAMLError:
            values = []
        if not equals or not setting.strip() or not values:
            example = f"for example {option} filter.threshold=0.5,0.7,0.9"
            what = "a sweep" if option == "--sweep" else "a setting"
            raise InputError(f"{option} {text}: {what} reads section.field=value,value,...; {example}")
        distinct = {json.dumps(value, default=str): value for value in values}
        return cls(setting.strip(), tuple(distinct.values()))


MASK_SETS = Sweep("filter.masks", ("initial", "candidates", "confident"))
"""The paper's ablation: the final model trained from each set of masks."""


@dataclass(frozen=True)
class Outcome:
    """What one value gave: the rows of the stages, or the reason why it failed."""

    value: Any
    results: Sequence[StageResult] = ()
    error: str | None = None


RunStages = Callable[[Plan, Sequence[StageSpec], Console], Sequence[StageResult]]


def run_sweep(
    plan: Plan,
    sweep: Sweep,
    console: Console,
    last: str | None = None,
    run: RunStages = run_stages,
) -> list[Outcome]:
    """Run the pipeline once for each value; artifacts that do not depend on the setting are made once.

    A value that fails is recorded as failed, and the others run all the same.

    Args:
        plan: The configuration.
        sweep: What varies.
        console: Where progress is shown.
        last: Last stage to run; None = the final model.
        run: Runs the stages of one plan.

    Raises:
        InputError: The setting does not exist, or does not take one of the values, or `last` is not part of one of
            the runs; nothing has been run then.
    """
    plans = [plan.varied(f"{sweep.setting}={json.dumps(value)}") for value in sweep.values]
    stages = [stage_range(varied.specs, None, last) for varied in plans]
    outcomes = []
    for value, varied, specs in zip(sweep.values, plans, stages, strict=True):
        console.print(f"{sweep.setting} = {value}", style="bold", highlight=False, markup=False)
        outcomes.append(_outcome(value, partial(run, varied, specs, console), console))
    return outcomes


def _outcome(value: Any, run: Callable[[], Sequence[StageResult]], console: Console) -> Outcome:
    try:
        return Outcome(value, run())
    except MaskDistillError as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return Outcome(value, error=str(error))
    except Exception as error:
        # Hours of other values must not be lost to one that, say, does not fit into memory.
        console.print_exception()
        return Outcome(value, error=f"{type(error).__name__}: {error}")
