"""The optional stage that sorts patches: where it runs, and a whole run without masks."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.sources import BlobSource
from maskdistill.data.catalog import CODES
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.drawing.gallery import keep_gallery
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.baselines import baselines_of, evaluate_baselines
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.evaluate.metrics import is_scored

WITHOUT_MASKS = ("segment.labels=correspond", "segment.backbone=vit", "segment.head=linear")
SMALL = (
    *("execution.device=cpu", "mine.weights=random", "mine.normalise=half", "mine.model=vit_tiny_patch16_224"),
    *("features.short_side=64", "features.blocks=[1]", "cluster.k=2", "correspond.iterations=2"),
    *("correspond.batch_size=2", "correspond.code_dim=4", "correspond.stego.points=3"),
    *("segment.iterations=2", "segment.batch_size=2", "segment.crop=32", "evaluate.baselines=true"),
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Six blob images with ground truth."""
    blobs = BlobSource()
    return Plan(ConfigSource((blob_config(tmp_path / "blobs", blobs, class_names=blobs.class_names),), SMALL))


def names(plan: Plan) -> list[str]:
    return [spec.name for spec in plan.specs]


def test_it_runs_where_it_is_read_and_nowhere_else(plan: Plan) -> None:
    assert "correspond" not in names(plan)
    assert names(plan.varied(*WITHOUT_MASKS)) == ["features", "correspond", "segment"]
    coded = plan.varied("cluster.features=stego")
    assert names(coded)[:4] == ["features", "correspond", "mine", "cluster"]
    assert plan.stages["mine"].key == coded.stages["mine"].key


def test_there_is_one_cluster_more_for_the_background(plan: Plan) -> None:
    assert plan.config.correspond.k == 3
    assert plan.varied("correspond.k=7").config.correspond.k == 7
    assert plan.varied("cluster.k=auto").config.correspond.k is None


def test_masks_are_clustered_by_codes_of_the_chosen_method(plan: Plan) -> None:
    with pytest.raises(InputError, match=r"correspond\.method is stego; set both to the same"):
        plan.varied("cluster.features=hidden_positives")
    plan.varied("cluster.features=hidden_positives", "correspond.method=hidden_positives")


def test_the_vit_counts_only_where_it_is_looked_through_again(plan: Plan) -> None:
    def key(*overrides: str) -> str:
        return plan.varied(*overrides).stages["correspond"].key

    assert key("correspond.weights=pretrain") == key()
    looking = ("correspond.method=hidden_positives",)
    assert key(*looking, "correspond.weights=pretrain") != key(*looking)


def test_a_whole_run_without_masks(plan: Plan, quiet: Console) -> None:
    plan = plan.varied(*WITHOUT_MASKS)
    run_stages(plan, plan.specs, quiet)
    assert all(is_scored(evaluate_stage(plan, stage, quiet)) for stage in ("correspond", "segment"))
    run = Run(plan, console=quiet)
    assert np.isin(run.labels("segment").read(0), [0, 1, 2]).all()
    assert keep_gallery(run, anew=True) is not None
    assert [baseline.name for baseline in baselines_of(plan)] == ["K-means of tokens"]
    [found] = evaluate_baselines(plan, quiet).values()
    assert found["unit"] == "label maps"
    assert 0 <= found["scores"]["val"]["miou"] <= 1


def test_masks_take_the_mean_code_inside_them(plan: Plan, quiet: Console) -> None:
    plan = plan.varied("cluster.features=stego")
    run_stages(plan, [spec for spec in plan.specs if spec.name in ("features", "correspond", "mine", "cluster")], quiet)
    run = Run(plan, console=quiet)
    masks, codes = run.masks("mine"), CODES.open({"correspond": plan.path("correspond")})
    found = codes.read(codes.index(masks.image_ids[masks.image[0]])).astype(np.float32)
    embedding = run.clusters().embedding
    assert embedding.shape == (len(masks), 4)
    assert found.min() - 1e-3 <= embedding[0].min() <= embedding[0].max() <= found.max() + 1e-3
