"""A mask as the run-length code of COCO, the form in which masks are passed between parts of this project."""

from typing import Any

Rle = dict[str, Any]
"""{"size": [height, width], "counts": bytes}, compressed, as `pycocotools.mask.encode` gives it."""
