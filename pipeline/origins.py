"""Which weights the stages of a run start from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maskdistill.pipeline.plan import Plan
from maskdistill.stages.weights import WeightsSource


@dataclass(frozen=True)
class Origin:
    """Weights that a stage starts from.

    Attributes:
        stage: The first stage that does.
        source: Where they come from.
        network: Name of the network that they are for.
    """

    stage: str
    source: WeightsSource
    network: str


def origins(plan: Plan, stages: tuple[str, ...]) -> Iterator[Origin]:
    """Of some stages of a plan, each weights once."""
    seen = set()
    for stage in stages:
        settings = plan.settings(stage)
        source = getattr(settings, "weights", None)
        if not isinstance(source, WeightsSource):
            continue
        network = _network_of(settings)
        if (source, network) not in seen:
            seen.add((source, network))
            yield Origin(stage, source, network)


def _network_of(settings: Any) -> str:
    backbone = getattr(settings, "backbone", "vit")
    vit = getattr(settings, "vit", None)
    return str(backbone if backbone != "vit" else getattr(settings, "model", None) or getattr(vit, "model", ""))
