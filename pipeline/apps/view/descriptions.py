"""What the page is told of an image or a mined mask, the same in every list."""

from typing import Any

from maskdistill.pipeline.apps.view.viewed_run import ViewedRun


def describe_image(run: ViewedRun, image: int) -> dict[str, Any]:
    """Number, id and split of an image."""
    return {"index": image, "id": run.source.ids[image], "split": "train" if image < run.source.n_train else "val"}


def describe_mask(run: ViewedRun, row: int) -> dict[str, Any]:
    """A mined mask with its image, and its place among the clusters."""
    columns, store = run.layer("clusters").columns, run.clusters()
    return {
        **describe_image(run, int(columns.image[row])),
        "row": row,
        "cluster": int(columns.cluster[row]),
        "distance": float(store.distance[row]),
        "area": float(columns.area[row]),
    }
