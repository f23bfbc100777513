"""Where the edits of a run lie, and whether they fit it.

artifacts/edits/<key>.yaml    what was changed by hand in the masks and clusters of the artifact cluster/<key>
"""

from pathlib import Path

from maskdistill.data.edits import NO_EDITS, Edits, read_edits
from maskdistill.data.errors import InputError
from maskdistill.stages.curate.config import AUTO, NONE, CurateConfig


def edits_path(artifacts: Path, cluster_key: str) -> Path:
    """The file of the edits that belong to some clusters, whether it is there or not."""
    return artifacts / "edits" / f"{cluster_key}.yaml"


def found_edits(config: CurateConfig, artifacts: Path, cluster_key: str) -> tuple[CurateConfig, Edits]:
    """The settings with the file that `auto` stands for, and what is in it.

    Raises:
        InputError: It is no file of edits, or changes clusters of another artifact.
    """
    beside = edits_path(artifacts, cluster_key)
    name = config.edits if config.edits != AUTO else str(beside) if beside.exists() else NONE
    config = config.model_copy(update={"edits": name})
    if name == NONE:
        return config, NO_EDITS
    edits = read_edits(Path(name).expanduser())
    clusters = edits.clusters
    if (clusters.split or clusters.merged or clusters.names) and clusters.of not in ("", cluster_key):
        raise InputError(
            f"curate.edits: {name}: its section `clusters` is about cluster/{clusters.of}, and these settings give "
            f"cluster/{cluster_key}, whose clusters have other numbers; take that section out, or set "
            "curate.edits=none"
        )
    return config, edits
