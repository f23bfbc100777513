"""Runs over photos on disk whose artifacts a test writes itself: no network is trained for them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from helpers.sources import write_image
from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.manifest import Manifest, write_manifest
from maskdistill.pipeline.plan import Plan

_CONFIG = """
data: {{kind: folder, root: {folder}/photos}}
mine: {{model: vit_tiny_patch16_224, weights: random, affinity: {{short_side: 32}}}}
artifacts: {folder}/artifacts
"""


def write_photos(folder: Path, photos: Mapping[str, UInt8Array | tuple[int, int]]) -> None:
    """Write PNGs or JPEGs below `folder`/photos: pixels, uint8 (height, width, 3), or a size, px, to be black."""
    for name, photo in photos.items():
        pixels = np.zeros((*photo, 3), dtype=np.uint8) if isinstance(photo, tuple) else photo
        write_image(folder / "photos" / name, pixels)


def photo_config(folder: Path, *overrides: str) -> ConfigSource:
    """A configuration over `folder`/photos that keeps its artifacts in `folder`/artifacts."""
    path = folder / "photos.yaml"
    path.write_text(_CONFIG.format(folder=folder))
    return ConfigSource((path,), overrides)


def photo_plan(folder: Path, *overrides: str) -> Plan:
    """The plan of that configuration."""
    return Plan(photo_config(folder, *overrides))


def publish(
    plan: Plan, stage: str, items: int = 1, unit: str = "things", health: dict[str, tuple[float, float]] | None = None
) -> None:
    """Let a stage be finished, with what the test has written into its folder."""
    manifest = Manifest(
        stage=stage,
        key=plan.stages[stage].key,
        ingredients=plan.stages[stage].ingredients,
        config={},
        environment={},
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        items=items,
        unit=unit,
        metrics={},
        failures={},
        health=health or {},
        files={},
    )
    plan.path(stage).mkdir(parents=True, exist_ok=True)
    write_manifest(plan.path(stage), manifest)
