"""The filter stage on candidates drawn by hand."""

import numpy as np
import pytest

from helpers.interruption import StopAfter
from maskdistill.data.errors import CorruptArtifact, InputError, UnreadableImage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.stage import run
from maskdistill.stages.progress import Silent

# pycocotools 2.0 decodes without the copy keyword that NumPy 2 asks for.

IDS = ("crossing", "bare", "weak")
BARE_HW = (2, 3)


class Sizes(ImageSource):
    """Only the image without candidates may be read."""

    ids = IDS
    n_train = 2

    def fingerprint(self) -> str:
        return "sizes"

    def read(self, index: int) -> np.ndarray:
        if IDS[index] != "bare":
            raise UnreadableImage("the stores know the size of this one")
        return np.zeros((*BARE_HW, 3), dtype=np.uint8)


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((4, 6), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def inputs(tmp_path):
    builder = MaskStoreBuilder()
    # Not sorted by score on purpose: the stage must not rely on it.
    crossing = [rectangle(0, 2, 4, 5), rectangle(0, 0, 2, 3), rectangle(3, 5, 4, 6), rectangle(0, 0, 1, 1)]
    builder.add("crossing", np.stack(crossing), [0.92, 0.97, 0.5, 0.91], [0, 2, 1, 0])
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.add("weak", np.stack([rectangle(0, 0, 1, 6), rectangle(1, 0, 2, 6)]), [0.2, 0.3], [1, 1])
    builder.build().save(tmp_path / "distill" / "candidates.zarr")
    return StageInputs(Sizes(), {"distill": tmp_path / "distill"}, execution=ExecutionConfig(part_size=2))


CROSSING = {
    "occlude": ["333110", "333110", "001110", "001110"],
    "drop": ["333000", "333000", "000000", "000000"],
}


@pytest.mark.parametrize("overlap", ["occlude", "drop"])
def test_masks_and_labels(inputs, tmp_path, overlap):
    outputs = run(FilterConfig(overlap=overlap), inputs, tmp_path / "work", Silent())
    labels = LabelStore.open(tmp_path / "work" / "labels.zarr")
    masks = MaskStore.open(tmp_path / "work" / "masks.zarr")
    assert labels.image_ids == masks.image_ids == IDS
    assert ["".join(map(str, row)) for row in labels.read(0)] == CROSSING[overlap]
    assert np.array_equal(labels.read(1), np.zeros(BARE_HW))
    assert np.array_equal(labels.read(2), 2 * rectangle(1, 0, 2, 6))
    scores, clusters = ([0.97, 0.92, 0.3], [2, 0, 1]) if overlap == "occlude" else ([0.97, 0.3], [2, 1])
    np.testing.assert_allclose(masks.score, scores)
    assert masks.cluster.tolist() == clusters
    assert [path.name for path in sorted((tmp_path / "work").iterdir())] == ["labels.zarr", "masks.zarr"]
    painted = sum((labels.read(i) > 0).sum() for i in range(3))
    assert outputs.metrics["coverage"] == pytest.approx(painted / (24 + 6 + 24))
    assert (outputs.metrics["candidates"], outputs.metrics["confident"], outputs.items) == (6, 4, len(scores))
    assert outputs.metrics["kept_per_cluster"] == ([1, 1, 1] if overlap == "occlude" else [0, 1, 1])


def test_all_candidates_are_painted_best_first(inputs, tmp_path):
    outputs = run(FilterConfig(masks="candidates", threshold=0.9), inputs, tmp_path / "work", Silent())
    labels = LabelStore.open(tmp_path / "work" / "labels.zarr")
    # The one of 0.5 in the corner comes in, the one of 0.91 lies below that of 0.97; each keeps what is free.
    assert ["".join(map(str, row)) for row in labels.read(0)] == ["333110", "333110", "001110", "001112"]
    assert ["".join(map(str, row)) for row in labels.read(2)] == ["222222", "222222", "000000", "000000"]
    assert outputs.metrics["confident"] == outputs.metrics["candidates"] == 6


def write_initial(folder, clusters):
    builder = MaskStoreBuilder()
    builder.add("crossing", rectangle(0, 2, 4, 5)[None])
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.add("weak", rectangle(1, 0, 2, 6)[None])
    builder.build().save(folder / "mine" / "masks.zarr")
    empty = np.zeros((len(clusters), 2), np.float32)
    ClusterStore(empty, np.asarray(clusters, np.int32), empty[:, 0], np.zeros((3, 2)), np.ones(2)).save(
        folder / "cluster" / "clusters.zarr"
    )
    return StageInputs(Sizes(), {name: folder / name for name in ("mine", "cluster")})


def test_initial_masks_take_their_clusters_and_need_no_detector(tmp_path):
    inputs = write_initial(tmp_path, [2, 0])
    outputs = run(FilterConfig(masks="initial"), inputs, tmp_path / "work", Silent())
    labels = LabelStore.open(tmp_path / "work" / "labels.zarr")
    assert labels.image_ids == IDS
    assert np.array_equal(labels.read(0), 3 * rectangle(0, 2, 4, 5))
    assert np.array_equal(labels.read(1), np.zeros(BARE_HW))
    assert np.array_equal(labels.read(2), 1 * rectangle(1, 0, 2, 6))
    assert outputs.items == 2


def test_initial_masks_of_other_clusters_are_refused(tmp_path):
    inputs = write_initial(tmp_path, [2])
    with pytest.raises(CorruptArtifact, match="1 clusters for 2 masks"):
        run(FilterConfig(masks="initial"), inputs, tmp_path / "work", Silent())


def test_limit_per_image(inputs, tmp_path):
    run(FilterConfig(max_per_image=1), inputs, tmp_path / "work", Silent())
    masks = MaskStore.open(tmp_path / "work" / "masks.zarr")
    np.testing.assert_allclose(masks.score, [0.97, 0.3])


def test_finished_parts_are_not_made_again(inputs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(FilterConfig(), inputs, tmp_path / "work", StopAfter(3))
    parts = list((tmp_path / "work" / "parts").iterdir())
    assert len(parts) == 1
    stamp = parts[0].stat().st_mtime_ns

    class Look(Silent):
        def advance(self, n: int = 1, **info: float) -> None:
            assert parts[0].stat().st_mtime_ns == stamp

    run(FilterConfig(), inputs, tmp_path / "work", Look())
    assert len(LabelStore.open(tmp_path / "work" / "labels.zarr")) == 3


def test_too_many_clusters(inputs, tmp_path):
    path = inputs.artifacts["distill"] / "candidates.zarr"
    store = MaskStore.open(path)
    store.with_columns(cluster=np.full(len(store), 254)).save(path)
    with pytest.raises(InputError, match=r"cluster\.k"):
        run(FilterConfig(), inputs, tmp_path / "work", Silent())


def test_no_candidates_at_all(inputs, tmp_path):
    builder = MaskStoreBuilder()
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.build().save(inputs.artifacts["distill"] / "candidates.zarr")
    outputs = run(FilterConfig(), inputs, tmp_path / "work", Silent())
    assert outputs.items == outputs.metrics["share_kept"] == outputs.metrics["coverage"] == 0
