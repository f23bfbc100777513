"""What an artifact's manifest says of the machine and the software that made it."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.settings import StageSettings

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
    return dict(_describe())


def describe_versions() -> dict[str, str | None]:
    """Versions of the packages that matter (None = not installed) and of Python."""
    return {name: found for name, found in _describe().items() if name in _PACKAGES or name == "python"}


def describe_arithmetic(settings: StageSettings, execution: ExecutionConfig) -> dict[str, str | None]:
    """Device, threads and precision that a stage with these settings computes with, here: what `auto` comes to.

    {} for a stage that no network computes in.
    """
    precision = settings.computes_in()
    if precision is None:
        return {}
    from maskdistill.stages.training.device import describe_device, resolve_device
    from maskdistill.stages.training.precision import resolve_precision

    device = resolve_device(execution)
    resolved = resolve_precision(precision, device, loss_scaling=settings.trains)
    return {**describe_device(device), "precision": resolved}


@cache
def _describe() -> dict[str, str | None]:
    """Of this process, whatever is installed or committed while it runs."""
    versions = {package: _version(package) for package in _PACKAGES}
    return {**versions, "python": platform.python_version(), "platform": platform.platform(), "commit": _git_commit()}


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
