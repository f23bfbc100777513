"""The card of a model, `model.json` and `README.md`: what it takes and gives, what it learned from, how good it is, and
the licence of the weights that it started from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import write_json
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.origins import origins
from maskdistill.stages.weights import WeightsSource

Json = dict[str, Any]
_LICENCE = "Apache-2.0"
_UNKNOWN = "not known: ask who made the file"


@dataclass(frozen=True)
class NetworkFacts:
    """What a card says of the network in a file.

    Attributes:
        stage: The stage that trained it.
        task: What it does.
        size_hw: The size, px, that it is fixed to; None = any.
        outputs: What each of its outputs is, by name.
        classes: Names of what it tells apart, in the order of its outputs.
        left_out: What the stage does to its predictions, and the network does not.
        settings: Of the stage.
    """

    stage: str
    task: str
    size_hw: tuple[int, int] | None
    outputs: Mapping[str, str]
    classes: Sequence[str]
    left_out: Sequence[str]
    settings: Mapping[str, Any]


def describe_model(facts: NetworkFacts, run: Run | None, file: str) -> Json:
    """Everything on the card, ready for JSON.

    Args:
        facts: About the network.
        run: The run that made it; None = not known, so that the card says nothing of data, scores and origin.
        file: Name of the network's file.
    """
    card: Json = {
        "file": file,
        "task": f"{facts.task}, learned without labels",
        "made_by": f"maskdistill {version('maskdistill')}",
        "input": {"name": "image", "type": "uint8 (1, 3, H, W), RGB, 0-255", "fitted_to_hw": facts.size_hw},
        "outputs": [{"name": name, "type": text} for name, text in facts.outputs.items()],
        "classes": list(facts.classes),
        "left_out": list(facts.left_out),
        "settings": _without_folders({facts.stage: facts.settings}),
    }
    manifest = run.manifest(facts.stage) if run else None
    if run is None or manifest is None:
        return {**card, "trained": None, "data": None, "scores": None, "weights": None}
    data = _without_folders(manifest.config["data"])
    return card | {
        "trained": manifest.started,
        "environment": manifest.environment,
        "data": {**data, "images": len(run.source), "training_images": run.source.n_train},
        "scores": run.scores(facts.stage) or None,
        "weights": list(_origins(run, facts.stage)),
        "settings": _without_folders(manifest.config),
    }


def write_card(card: Mapping[str, Any], folder: Path) -> None:
    """Write `model.json`, and the same to read as `README.md`."""
    write_json(folder / "model.json", card)
    (folder / "README.md").write_text("\n".join(_lines(card)), encoding="utf-8")


def _origins(run: Run, stage: str) -> Iterator[Json]:
    """Where the weights come from that the stages of a run started from, each once."""
    for origin in origins(run.plan, run.plan.upstream(stage)):
        licence = _licence(origin.source, origin.network)
        yield {"setting": f"{origin.stage}.weights", "network": origin.network, **licence}


def _licence(source: WeightsSource, model: str) -> Json:
    if source.origin == "timm":
        import timm  # takes seconds

        found = timm.get_pretrained_cfg(model, allow_unregistered=False)
        licence = getattr(found, "license", None) or _UNKNOWN.replace("file", "weights")
        return {"from": f"timm: {getattr(found, 'hf_hub_id', None) or model}", "licence": licence}
    if source.origin == "untrained":
        return {"from": "random numbers", "licence": "none needed"}
    if source.origin == "stage":
        return {"from": f"the stage {source.name} of this run", "licence": "that of the images"}
    comes_along = Path(source.name).resolve().is_relative_to(Path(str(files("maskdistill.configs"))).resolve())
    return {"from": Path(source.name).name, "licence": _LICENCE if comes_along else _UNKNOWN}


def _without_folders(value: Any) -> Any:
    """The same settings, of each path the last part alone: a card is handed on, folders are nobody's business."""
    if isinstance(value, Mapping):
        return {name: _without_folders(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(one) for one in value]
    return Path(value).name if isinstance(value, str) and "/" in value else value


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {card['task'].capitalize()}\n"
    yield f"`{card['file']}`, made by {card['made_by']}.\n"
    yield "| | |\n|---|---|"
    yield f"| takes | `{card['input']['name']}`: {card['input']['type']} |"
    if card["input"]["fitted_to_hw"]:
        yield f"| fitted to | images of {card['input']['fitted_to_hw']} px (height, width) |"
    for output in card["outputs"]:
        yield f"| gives | `{output['name']}`: {output['type']} |"
    yield f"| classes | {len(card['classes'])}: {', '.join(card['classes'])} |"
    yield f"| trained | {card['trained'] or 'not known'} |"
    data = card["data"]
    yield f"| data | {_data_line(data) if data else 'not known'} |"
    yield f"| left out | {'; '.join(card['left_out']) or 'nothing'} |\n"
    yield "## Scores\n"
    for split, scores in (card["scores"] or {}).items():
        yield f"- {split}: mIoU {scores['miou']:.3f}" if "miou" in scores else f"- {split}: see `model.json`"
    if not card["scores"]:
        yield "No ground truth: nobody has measured how good it is."
    yield "\n## Weights that it started from\n"
    for origin in card["weights"] or ():
        yield f"- `{origin['setting']}`, {origin['network']}: {origin['from']}; licence: {origin['licence']}"
    if card["weights"] is None:
        yield "Not known: the file of a model alone does not say."
    yield "\nAll settings stand in `model.json`.\n"


def _data_line(data: Mapping[str, Any]) -> str:
    return (
        f"{data.get('root') or data['kind']}: {data['images']} images, {data['training_images']} of them for training"
    )
