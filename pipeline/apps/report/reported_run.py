"""The run that a report is about: its results, the images that it shows, and what to say of what is missing."""

from functools import cached_property
from typing import Any

from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.report.blocks import Note
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.stages.evaluate.truth import Truth
from maskdistill.stages.filter.stage import threshold_of

FINAL = SEGMENT.name


class ReportedRun(Run):
    """A run, finished or not, and the half of its images that the report shows: the validation images if it can."""

    @cached_property
    def split(self) -> str:
        """The images that are shown: "val" where there are scored ones or nothing is scored, else "train"."""
        scored = {split for stage in self.manifests for split in self.scores(stage)}
        available = scored or ({"val"} if self.source.n_train < len(self.source) else {"train"})
        return "val" if "val" in available else "train"

    @property
    def split_name(self) -> str:
        """What those images are called."""
        return "validation images" if self.split == "val" else "training images"

    @property
    def shown_images(self) -> range:
        """Indices of those images."""
        return range(self.source.n_train, len(self.source)) if self.split == "val" else range(self.source.n_train)

    def metrics(self, stage: str) -> dict[str, Any]:
        """Metrics of a stage on the images that are shown; {} where there are none."""
        return self.scores(stage).get(self.split, {})

    @property
    def has_truth(self) -> bool:
        """Whether some finished stage could be scored on the images that are shown."""
        return any(self.metrics(stage) for stage in self.manifests)

    @cached_property
    def truth(self) -> Truth:
        """The ground truth as it is scored."""
        return Truth(self.plan.config.evaluate, self.source)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, background first; empty without ground truth."""
        return self.truth.class_names

    def mined(self) -> MaskStore:
        """The mined masks, with their clusters where those are there."""
        return self.masks("cluster" if self.has("cluster") else "mine")

    @property
    def threshold(self) -> float | None:
        """Score from which masks are kept; None where all of them are."""
        config = self.plan.config.filter
        return threshold_of(self.masks("distill"), config) if config.masks == "confident" else None

    def missing(self, *stages: str) -> list[Note]:
        """A note on those of these stages that the run needs and that are not finished, with the command."""
        waiting = [stage for stage in self.stages if stage in stages and not self.has(stage)]
        if not waiting:
            return []
        command = f"maskdistill run {self.plan.config_source.arguments()} --to {waiting[-1]}"
        return [Note(f"Not finished: {', '.join(waiting)}. Make what is missing with:", command)]
