"""Two artifacts side by side, against masks drawn by hand."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from helpers.clusters import save_clusters
from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps import cli
from maskdistill.pipeline.apps.compare.artifacts import diff_artifacts
from maskdistill.pipeline.apps.compare.labels import diff_labels
from maskdistill.pipeline.apps.compare.masks import diff_clusters, diff_masks
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.manifest import MANIFEST, Manifest, write_manifest
from maskdistill.stages.progress import Silent

Masks = NDArray[np.bool_]


def boxes(*spans: tuple[int, int], width: int = 20) -> Masks:
    """Masks of full height that cover some columns each."""
    masks = np.zeros((len(spans), 10, width), dtype=bool)
    for mask, (first, last) in zip(masks, spans, strict=True):
        mask[:, first:last] = True
    return masks


def store(images: dict[str, Masks], clusters: Sequence[int] | None = None) -> MaskStore:
    builder = MaskStoreBuilder()
    for image_id, masks in images.items():
        builder.add(image_id, masks)
    built = builder.build()
    return built if clusters is None else built.with_columns(cluster=clusters)


def test_a_store_is_the_same_as_itself() -> None:
    masks = store({"a": boxes((0, 5), (5, 9)), "b": boxes()})
    figures, pairs = diff_masks(masks, masks, Silent())
    assert (figures["matched"], figures["identical"], figures["lost"], figures["added"]) == (2, 2, 0, 0)
    assert figures["mean_iou"] == 1
    assert pairs.tolist() == [[0, 0], [1, 1]]


def test_matched_lost_and_added_masks_are_counted() -> None:
    first = store({"a": boxes((0, 8), (10, 14)), "b": boxes((0, 10)), "gone": boxes((0, 3))})
    # On a: 6 of 8 columns are the same (IoU 0.75), then 2 of 6 (IoU 1/3: lost and added). On b: one more mask.
    second = store({"a": boxes((12, 16), (0, 6)), "b": boxes((0, 10), (12, 13)), "new": boxes((0, 1), (1, 3))})
    figures, pairs = diff_masks(first, second, Silent())
    assert figures["images"] == {"both": 2, "only_a": 1, "only_b": 1, "resized": 0, "changed": 2}
    assert (figures["a"], figures["b"]) == (4, 6)
    assert (figures["matched"], figures["identical"], figures["lost"], figures["added"]) == (2, 1, 2, 4)
    assert figures["mean_iou"] == pytest.approx((0.75 + 1) / 2)
    assert pairs.tolist() == [[0, 1], [2, 2]]
    assert figures["most_changed"] == [{"image": "a", "lost_and_added": 2}, {"image": "b", "lost_and_added": 1}]


def test_the_matching_is_the_best_in_all_and_not_the_best_of_each() -> None:
    # The wide mask fits both of the others; greedily it would take the one that the narrow mask needs.
    first = store({"a": boxes((0, 10), (0, 7))})
    second = store({"a": boxes((0, 9), (0, 14))})
    figures, pairs = diff_masks(first, second, Silent())
    assert pairs.tolist() == [[0, 1], [1, 0]]
    assert figures["mean_iou"] == pytest.approx((10 / 14 + 7 / 9) / 2)


def test_masks_of_an_image_of_another_size_are_lost_and_added() -> None:
    figures, _ = diff_masks(store({"a": boxes((0, 5))}), store({"a": boxes((0, 5), width=30)}), Silent())
    assert figures["images"]["resized"] == 1
    assert (figures["matched"], figures["lost"], figures["added"], figures["mean_iou"]) == (0, 1, 1, None)


def test_clusters_that_only_changed_their_numbers_have_not_changed() -> None:
    first, second = np.array([0, 0, 1, 1, 2], dtype=np.int32), np.array([2, 2, 0, 1, 1], dtype=np.int32)
    # 0 -> 2 and 2 -> 1 leave one mask behind, whatever 1 becomes.
    assert diff_clusters(first, second) == {"compared": 5, "changed": 4, "changed_renamed": 1}
    nothing = np.zeros(0, dtype=np.int32)
    assert diff_clusters(nothing, nothing)["changed_renamed"] == 0


def test_label_maps_agree_pixel_by_pixel(tmp_path: Path) -> None:
    write_labels(tmp_path / "a", [("x", np.array([[0, 1, 1, 2]], dtype=np.uint8)), ("y", np.zeros((2, 2), np.uint8))])
    write_labels(tmp_path / "b", [("x", np.array([[0, 3, 3, 2]], dtype=np.uint8)), ("y", np.zeros((3, 2), np.uint8))])
    figures = diff_labels(LabelStore.open(tmp_path / "a"), LabelStore.open(tmp_path / "b"), Silent())
    assert figures["images"] == {"both": 2, "only_a": 0, "only_b": 0, "resized": 1}
    assert (figures["pixels"], figures["agreement"], figures["agreement_renamed"]) == (4, 0.5, 1.0)


def publish(artifacts: ArtifactStore, stage: str, key: str, inputs: dict[str, str], **settings: object) -> Path:
    folder = artifacts.path(stage, key)
    folder.mkdir(parents=True, exist_ok=True)
    ingredients = {"stage": stage, "version": 1, "settings": settings, "inputs": inputs, "seed": 0}
    manifest = Manifest(
        stage=stage, key=key, ingredients=ingredients, config={}, environment={}, started="2026-01-01T00:00:00+00:00",
        seconds=1, items=1, unit="things", metrics={}, failures={}, files={},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return folder


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    """Two runs of mine and cluster that differ in one setting each; the second finds one mask less."""
    made = ArtifactStore(tmp_path / "artifacts")
    for key, fraction, k, masks in (("aa11", 0.4, 2, boxes((0, 9), (12, 18))), ("ab22", 0.3, 3, boxes((0, 9)))):
        found = store({"x": masks})
        found.save(publish(made, "mine", key, {}, topk_fraction=fraction) / MINED.file)
        n = len(found)
        folder = publish(made, "cluster", f"c{key}", {"mine": key}, k=k)
        save_clusters(folder / CLUSTERS.file, np.arange(n, dtype=np.int32), k)
    return made


def changes(artifacts: ArtifactStore) -> dict[str, tuple[object, object]]:
    first, second = (artifacts.find(name, "diff") for name in ("caa", "cab"))
    found = diff_artifacts(artifacts, first, second, Silent())["changes"]
    return {change["name"]: (change["a"], change["b"]) for change in found}


def test_changes_are_followed_through_the_inputs(artifacts: ArtifactStore) -> None:
    assert changes(artifacts) == {"mine.topk_fraction": (0.4, 0.3), "cluster.k": (2, 3)}
    (artifacts.path("mine", "aa11") / MANIFEST).unlink()
    assert changes(artifacts)["input mine"] == ("aa11", "ab22")


def test_clusters_bring_their_masks(artifacts: ArtifactStore) -> None:
    first, second = (artifacts.find(name, "diff") for name in ("caa", "cab"))
    figures = diff_artifacts(artifacts, first, second, Silent())
    assert (figures["masks"]["matched"], figures["masks"]["lost"]) == (1, 1)
    assert figures["clusters"] == {"compared": 1, "changed": 0, "changed_renamed": 0}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", r"2 artifacts have such a key: mine/aa11, mine/ab22; give more of it"),
        ("zz", r"no finished artifact in .* has a key that begins so"),
        ("", "has a key that begins so"),
        ("cluster/aa", "has a key that begins so"),
        ("../mine/aa", "has a key that begins so"),
    ],
)
def test_keys_must_name_one_artifact(artifacts: ArtifactStore, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        artifacts.find(name, "diff")


def test_a_key_that_begins_another_is_itself(artifacts: ArtifactStore) -> None:
    publish(artifacts, "mine", "aa1", {})
    assert artifacts.find("aa1", "diff").key == "aa1"


def test_artifacts_of_different_stages_are_not_compared(artifacts: ArtifactStore) -> None:
    with pytest.raises(InputError, match="mine/aa11 and cluster/caa11 are of different stages"):
        diff_artifacts(artifacts, artifacts.find("aa", "diff"), artifacts.find("caa", "diff"), Silent())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, config_file: Path, artifacts: ArtifactStore) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["maskdistill", "diff", *arguments, "-c", str(config_file)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return int(caught.value.code or 0)

    return run


def test_the_command_prints_a_table_or_json(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("caa", "cab") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "mine.topk_fraction │ 0.4 │ 0.3" in shown
    assert "lost, added │ 1, 0" in shown
    assert command("caa", "cab", "--json") == 0
    assert json.loads(capsys.readouterr().out)["masks"]["lost"] == 1
    assert command("caa", "aa") == 2


def test_the_table_of_no_difference_says_so(artifacts: ArtifactStore) -> None:
    from maskdistill.pipeline.apps.tables.differences import print_diff

    manifest = artifacts.find("aa", "diff")
    output = io.StringIO()
    print_diff(diff_artifacts(artifacts, manifest, manifest, Silent()), Console(width=100, file=output))
    assert "made from the same settings and inputs" in output.getvalue()
