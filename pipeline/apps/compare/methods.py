"""Runs that differ from a configuration in one method or several settings, each with several seeds."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.sweep import Outcome, RunStages, Sweep, run_sweep
from maskdistill.pipeline.dag import stage_range
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.variants import Spread, mean_and_deviation
from maskdistill.stages.evaluate.metrics import is_scored

AS_CONFIGURED = "as configured"


@dataclass(frozen=True)
class Variant:
    """Settings, by section.field, that a run has in the place of those of the configuration; none = as it is."""

    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return ", ".join(f"{name}={_plain(value)}" for name, value in self.settings) or AS_CONFIGURED

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings as `-s` takes them."""
        return tuple(f"{name}={json.dumps(value)}" for name, value in self.settings)


def read_variants(texts: Sequence[str]) -> list[Variant]:
    """The configuration as it is, and the variants of some texts.

    A text holds settings, with spaces between them, each with one value or several as `Sweep` reads them: of several,
    every combination is a variant.

    Raises:
        InputError: A text does not read so.
    """
    found = [Variant()]
    for text in texts:
        sweeps = [Sweep.parse(word, "--with") for word in _words(text)]
        choices = [[(sweep.setting, value) for value in sweep.values] for sweep in sweeps]
        found += [Variant(settings) for settings in product(*choices) if settings]
    return list({variant.name: variant for variant in found}.values())


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"--with {text}: {error}") from error


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Compared:
    """What several seeds of one variant gave.

    Attributes:
        name: Of the variant.
        outcomes: Of each seed.
    """

    name: str
    outcomes: Sequence[Outcome]

    @property
    def finished(self) -> list[Outcome]:
        """The seeds that did not fail."""
        return [outcome for outcome in self.outcomes if outcome.error is None]

    @property
    def scores(self) -> Spread:
        """Mean and deviation of every metric over the seeds that did not fail."""
        return mean_and_deviation([
            {result.stage: result.scores for result in outcome.results if is_scored(result.scores)}
            for outcome in self.finished
        ])  # fmt: skip

    @property
    def seconds(self) -> float | None:
        """What all stages of a run took when they were made, on average; None where every seed failed."""
        times = [sum(result.seconds for result in outcome.results) for outcome in self.finished]
        return sum(times) / len(times) if times else None


def compare_variants(
    plan: Plan,
    variants: Sequence[Variant],
    n_seeds: int,
    console: Console,
    last: str | None = None,
    run: RunStages = run_stages,
) -> list[Compared]:
    """Run every variant with seeds 0 to `n_seeds` - 1, or find it run; what does not depend on a setting is made once.

    A run that fails is recorded as failed, and the others run all the same.

    Args:
        plan: The configuration.
        variants: What varies.
        n_seeds: How many seeds.
        console: Where progress is shown.
        last: Last stage to run; None = the final model.
        run: Runs the stages of one plan.

    Raises:
        InputError: A setting does not exist, or does not take its value, or `last` is not part of one of the runs;
            nothing has been run then.
    """
    plans = [plan.varied(*variant.overrides) for variant in variants]
    for varied in plans:
        stage_range(varied.specs, None, last)
    compared = []
    for variant, varied in zip(variants, plans, strict=True):
        console.print(variant.name, style="bold", highlight=False, markup=False)
        seeds = Sweep("seed", tuple(range(n_seeds)))
        compared.append(Compared(variant.name, run_sweep(varied, seeds, console, last, run)))
    return compared
