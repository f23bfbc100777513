"""Settings of the evaluation; none of them changes what a stage makes."""

from data.settings import Settings


class EvaluateConfig(Settings):
    """Which part of the ground truth is scored."""

    classes: tuple[str, ...] | None = None
    """Names of the classes that are scored, beside the background; pixels of other classes are ignored, as if they
    had no label. None = all classes."""
