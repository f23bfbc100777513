"""What people call the outputs of the stages."""

from collections.abc import Mapping

from maskdistill.data.errors import InputError
from maskdistill.pipeline.dag import CLUSTER, CORRESPOND, CURATE, DISTILL, FEATURES, FILTER, MINE, SEGMENT

VIEWS = {
    "masks": MINE.name,
    "clusters": CLUSTER.name,
    "curated": CURATE.name,
    "candidates": DISTILL.name,
    "pseudo-labels": FILTER.name,
    "predictions": SEGMENT.name,
    "patches": CORRESPOND.name,
}
"""The stage whose output each of these is."""
NAME_OF = {stage: view for view, stage in VIEWS.items()}
"""The same the other way round."""
MODEL = "model"
"""What `export` calls the network that the last stage has trained."""
INSPECTED = VIEWS | {"features": FEATURES.name}
"""What has statistics: those, and what has no picture."""


def stage_of(view: str, command: str, names: Mapping[str, str] = VIEWS) -> str:
    """The stage whose output a user named. Raises InputError with the valid names, on behalf of a command."""
    if view not in names:
        raise InputError(f"{command} {view}: one of {', '.join(names)}")
    return names[view]
