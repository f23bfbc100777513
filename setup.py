"""The folders of the checkout are installed as packages of `maskdistill`; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("data", "stages", "pipeline", "configs")
INSIDE = find_packages(include=[name for folder in FOLDERS for name in (folder, f"{folder}.*")])

setup(
    packages=["maskdistill", *(f"maskdistill.{package}" for package in INSIDE)],
    package_dir={"maskdistill": "maskdistill", **{f"maskdistill.{folder}": folder for folder in FOLDERS}},
)
