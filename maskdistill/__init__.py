"""Images in, a segmentation model out: unsupervised semantic segmentation by mask distillation (arXiv 2206.06363).

Each name is imported when it is first used, so that `import maskdistill` itself loads nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdistill.data.stores.labels import LabelStore
    from maskdistill.data.stores.masks import MaskStore
    from maskdistill.pipeline.apps.outputs import Run
    from maskdistill.pipeline.apps.predict.segmenter import Segmenter
    from maskdistill.whole_run import run

    __version__: str

__all__ = ["LabelStore", "MaskStore", "Run", "Segmenter", "__version__", "run"]

_HOMES = {
    "LabelStore": "maskdistill.data.stores.labels",
    "MaskStore": "maskdistill.data.stores.masks",
    "Run": "maskdistill.pipeline.apps.outputs",
    "Segmenter": "maskdistill.pipeline.apps.predict.segmenter",
    "run": "maskdistill.whole_run",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer than all else here

        return version("maskdistill")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
