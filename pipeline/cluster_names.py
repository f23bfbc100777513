"""What people call the clusters of a run, or of a model that lies among the artifacts."""

from pathlib import Path

from maskdistill.data.edits import read_edits
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.dag import CLUSTER, CURATE
from maskdistill.pipeline.edits import edits_path
from maskdistill.pipeline.manifest import read_manifest
from maskdistill.pipeline.plan import Plan


def cluster_names(plan: Plan, stage: str) -> dict[int, str]:
    """What people call the clusters in the result of a stage, by number; {} where it has none, or others."""
    return dict(plan.edits.clusters.names) if CLUSTER.name in plan.upstream(stage) else {}


def names_beside(folder: Path) -> dict[int, str]:
    """The same for a finished artifact, whatever the configuration is now; {} for a folder that is none.

    Raises:
        InputError: The file with the names cannot be used.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return {}
    store, inputs = ArtifactStore(folder.parent.parent), manifest.ingredients["inputs"]
    curated = store.manifest(CURATE.name, inputs[CURATE.name]) if CURATE.name in inputs else None
    key = (curated.ingredients["inputs"] if curated else inputs).get(CLUSTER.name)
    path = edits_path(store.root, str(key))
    return dict(read_edits(path).clusters.names) if path.exists() else {}
