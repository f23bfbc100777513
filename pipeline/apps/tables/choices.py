"""What a run chose by itself, from hardware and number of images, in a line or two."""

from pathlib import Path

from maskdistill.pipeline.plan import Plan


def describe_choices(plan: Plan) -> str:
    """Profile, ViT, and the steps of the trainings."""
    config, n_train = plan.config, plan.source.n_train
    detector, segmenter = config.distill, config.segment
    first = [f"{len(plan.source):,} images, {n_train:,} to learn from"]
    if config.profile != "none":
        first.append(f"profile {config.profile}")
    if config.mine.own.looks_with_vit:
        weights = config.mine.weights  # a file may bring a model of its own
        first.append(Path(weights.name).name if weights.origin == "file" else config.mine.model)
    steps = {
        "correspond": config.correspond.iterations if config.correspond.own.learns else 0,
        "distill": detector.recipe(n_train).iterations,
        "segment": segmenter.recipe(n_train).iterations,
    }
    what = {
        "correspond": f"patches: {config.correspond.method}",
        "distill": f"detector: {detector.backend} on {detector.backbone}",
        "segment": f"segmenter: {segmenter.head} on {segmenter.backbone}",
    }
    names = {spec.name for spec in plan.specs}
    second = [f"{what[stage]}, {number:,} steps" for stage, number in steps.items() if stage in names]
    edits = [f"edits: {plan.edits.describe()} ({plan.edits_file})"] if plan.edits.effect else []
    return "\n".join([", ".join(first), "; ".join(second), *edits])
