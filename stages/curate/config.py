"""Settings of the curate stage, and whom its result stands in for."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from maskdistill.data.edits import read_edits
from maskdistill.stages.settings import StageSettings

AUTO, NONE = "auto", "none"
STANDS_IN_FOR = ("mine", "cluster")
"""The stages whose result has the same form: who comes later reads the curated masks and clusters in their place."""


class CurateConfig(StageSettings):
    """Masks and clusters as they were changed by hand: this stage runs only where something was."""

    edits: str = Field(AUTO, min_length=1)
    """File of what was changed, as `maskdistill view --edit` writes it; `auto` = the one that belongs to the clusters,
    in `artifacts/edits`, where there is one; `none` = leave masks and clusters as they are."""

    def inputs(self) -> tuple[str, ...]:
        """The masks and their clusters."""
        return STANDS_IN_FOR

    def files(self) -> Mapping[str, Path]:
        """The file of edits."""
        return {} if self.edits in (AUTO, NONE) else {"edits": Path(self.edits)}

    def digest(self, path: Path) -> str:
        """Of what the edits change, whatever their order, and without names and flags."""
        return read_edits(path.expanduser()).digest()

    def uses_seed(self) -> bool:
        """Clusters are split with a seed of their own, so that the page shows what the stage will do."""
        return False


def curated_in_place(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs of a later stage, where masks and clusters were curated."""
    if "cluster" not in inputs:
        return inputs
    return ("curate", *(name for name in inputs if name not in STANDS_IN_FOR))
