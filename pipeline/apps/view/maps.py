"""What a layer says of every pixel of an image, whether it holds masks or label maps."""

from maskdistill.data.catalog import stages_read
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.layers import LabelLayer
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.stages.evaluate.predictions import Maps, predicted_maps


def maps_of(run: ViewedRun, layer: str) -> Maps:
    """Gives the label map of an image id in a layer, cluster c being c + 1. Raises MissingArtifact."""
    return run.keep(f"maps of {layer}", stages_read(VIEWS[layer]), lambda: _open_maps(run, layer))


def _open_maps(run: ViewedRun, layer: str) -> Maps:
    found = run.layer(layer)
    if isinstance(found, LabelLayer):
        known = set(found.store.image_ids)
        return lambda image_id: found.store.read(found.store.index(image_id)) if image_id in known else None
    return predicted_maps(VIEWS[layer], run.plan.folders(run.plan.upstream(VIEWS[layer]), "the page"))
