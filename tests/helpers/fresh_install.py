"""This project where no checkout is in reach: built, and installed into an environment of its own."""

import os
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copytree, ignore_patterns

from helpers.paths import ROOT

_NOT_SOURCE = ignore_patterns(".*", "artifacts", "build", "dist", "shared", "*.egg-info", "__pycache__")
_UV = (sys.executable, "-m", "uv")


def run(line: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command that has to succeed; nothing of this Python is in its environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(
        line, cwd=folder, env={**clean, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def copy_source(folder: Path) -> None:
    """The files of this checkout, and nothing that was made from them."""
    copytree(ROOT, folder, ignore=_NOT_SOURCE)


def build_wheel(source: Path, out: Path) -> Path:
    """The wheel of a checkout, by way of its source distribution, built without a network."""
    options = ["--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(out)]
    run([*_UV, "build", "-q", *options], source)
    [built] = out.glob("*.whl")
    return built


def install(wheel: Path, environment: Path) -> Path:
    """Python of a new environment that holds a wheel, and the dependencies of this one without its editable install."""
    run([*_UV, "venv", "-q", "--offline", "--python", sys.executable, environment], wheel.parent)
    python = environment / "bin" / "python"
    run([*_UV, "pip", "install", "-q", "--offline", "--no-deps", "--python", python, wheel], wheel.parent)
    # Folders that a .pth file names are searched for modules, but not for further .pth files: those make it editable.
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return python
