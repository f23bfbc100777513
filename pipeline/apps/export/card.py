"""The card of a model, `model.json` and `README.md`: what it takes and gives, what it learned from, how good it is, and
the licence of the weights that it started from."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import write_json
from maskdistill.data.catalog import SEGMENTER
from maskdistill.pipeline.apps.export.label_pngs import legend
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.cluster_names import names_beside
from maskdistill.pipeline.origins import origins
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.weights import WeightsSource

Json = dict[str, Any]
_LICENCE = "Apache-2.0"
_UNKNOWN = "not known: ask who made the file"


def describe_model(
    weights: Path, run: Run | None, file: str, size_hw: tuple[int, int] | None, *, probabilities: bool
) -> Json:
    """Everything on the card, ready for JSON.

    Args:
        weights: The SEGMENTER file.
        run: The run that made it; None = not known, so that the card says nothing of data, scores and origin.
        file: Name of the network's file.
        size_hw: The size that the network is fixed to; None = any.
        probabilities: Whether it gives these.
    """
    description = read_description(weights)
    classes = list(legend(range(description["n_classes"]), names_beside(weights.parent)).values())
    shape = "float32 (1, classes, H, W), probabilities" if probabilities else "uint8 (1, H, W), index of the class"
    card: Json = {
        "file": file,
        "task": "semantic segmentation, learned without labels",
        "made_by": f"maskdistill {version('maskdistill')}",
        "input": {"name": "image", "type": "uint8 (1, 3, H, W), RGB, 0-255", "fitted_to_hw": size_hw},
        "output": {"name": "probabilities" if probabilities else "labels", "type": shape},
        "classes": classes,
        "left_out": list(_left_out(description["config"])),
        "settings": _without_folders({"segment": description["config"]}),
    }
    manifest = run.manifest(SEGMENTER.stage) if run else None
    if run is None or manifest is None:
        return {**card, "trained": None, "data": None, "scores": None, "weights": None}
    data = _without_folders(manifest.config["data"])
    return card | {
        "trained": manifest.started,
        "environment": manifest.environment,
        "data": {**data, "images": len(run.source), "training_images": run.source.n_train},
        "scores": run.scores(SEGMENTER.stage) or None,
        "weights": list(_origins(run)),
        "settings": _without_folders(manifest.config),
    }


def write_card(card: Mapping[str, Any], folder: Path) -> None:
    """Write `model.json`, and the same to read as `README.md`."""
    write_json(folder / "model.json", card)
    (folder / "README.md").write_text("\n".join(_lines(card)), encoding="utf-8")


def _left_out(config: Mapping[str, Any]) -> Iterator[str]:
    """What the stage does to its predictions, and the network in the file does not."""
    if config.get("window"):
        yield f"windows: the stage predicts in windows of {config['window']} px, the network sees whole images"
    if config.get("whole_regions"):
        yield "whole_regions: the stage gives each connected region one class"
    if (config.get("crf") or {}).get("predictions"):
        yield "crf: the stage lets a CRF draw the outlines of its predictions"


def _origins(run: Run) -> Iterator[Json]:
    """Where the weights come from that the stages of a run started from, each once."""
    for origin in origins(run.plan, run.plan.upstream(SEGMENTER.stage)):
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
        yield f"| fitted to | images of {card['input']['fitted_to_hw']} px (height, width); others are brought to it |"
    yield f"| gives | `{card['output']['name']}`: {card['output']['type']} |"
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
