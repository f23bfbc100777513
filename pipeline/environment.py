"""What an artifact's manifest says of the machine and the software that made it."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

from maskdistill.data.settings import Settings
from maskdistill.stages.contract import ExecutionConfig

_PACKAGES = (
    "maskdistill",
    "torch",
    "torchvision",
    "timm",
    "detectron2",
    "scikit-learn",
    "pycocotools",
    "prefect",
    "zarr",
    "numpy",
    "pillow",
)


def describe_environment() -> dict[str, str | None]:
    """Versions of the packages that matter (None = not installed), of Python and the platform, and the git commit."""
    versions = {package: _version(package) for package in _PACKAGES}
    return {**versions, "python": platform.python_version(), "platform": platform.platform(), "commit": _git_commit()}


def describe_arithmetic(section: Settings, execution: ExecutionConfig) -> dict[str, str | None]:
    """Device, threads and precision that a stage with these settings computes with, here: what `auto` comes to.

    {} for a stage that no network computes in.
    """
    if not hasattr(section, "precision") or "precision" in section.unused():
        return {}
    from maskdistill.stages.training.device import describe_device, resolve_device
    from maskdistill.stages.training.precision import resolve_precision

    device = resolve_device(execution)
    # A section that offers fp16 is one whose training can scale its losses.
    scales = "fp16" in get_args(type(section).model_fields["precision"].annotation)
    return {**describe_device(device), "precision": resolve_precision(section.precision, device, loss_scaling=scales)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
