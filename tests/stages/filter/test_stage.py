"""The filter stage on candidates drawn by hand."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.clusters import save_clusters
from helpers.interruption import StopAfter
from helpers.sources import MemorySource
from maskdistill.data.catalog import CANDIDATES, CLUSTERS, KEPT, MINED, PSEUDO_LABELS
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.crf_config import FilterCrfConfig
from maskdistill.stages.filter.stage import run
from maskdistill.stages.progress import Silent

IDS = ("crossing", "bare", "weak")
BARE_HW = (2, 3)


def make_source() -> MemorySource:
    """Only the image without candidates can be read: of the others, the stores know the size."""
    black = np.zeros((*BARE_HW, 3), dtype=np.uint8)
    return MemorySource(dict.fromkeys(IDS, black), n_train=2, unreadable=(0, 2))


def rectangle(top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros((4, 6), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    """Candidates of three images; two images are a part."""
    builder = MaskStoreBuilder()
    # Not sorted by score on purpose: the stage must not rely on it.
    crossing = [rectangle(0, 2, 4, 5), rectangle(0, 0, 2, 3), rectangle(3, 5, 4, 6), rectangle(0, 0, 1, 1)]
    builder.add("crossing", np.stack(crossing), [0.92, 0.97, 0.5, 0.91], [0, 2, 1, 0])
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.add("weak", np.stack([rectangle(0, 0, 1, 6), rectangle(1, 0, 2, 6)]), [0.2, 0.3], [1, 1])
    folders = {"distill": tmp_path / "distill"}
    builder.build().save(CANDIDATES.path(folders))
    return StageInputs(make_source(), folders, execution=ExecutionConfig(part_size=2))


def test_labels_are_of_the_masks_that_follow_the_edges(tmp_path: Path) -> None:
    """The mask covers half of a bright object; image and masks are of one size, and the labels are those masks."""
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    image[4:16, 4:16] = 250
    mask = np.zeros((1, 20, 20), dtype=bool)
    mask[0, 4:16, 4:12] = True
    builder = MaskStoreBuilder()
    builder.add("bright", mask, [0.9], [2])
    folders = {"distill": tmp_path / "distill"}
    builder.build().save(CANDIDATES.path(folders))
    config = FilterConfig(crf=FilterCrfConfig(masks=True, bilateral_sxy=10.0))
    run(config, StageInputs(MemorySource({"bright": image}, n_train=1), folders), tmp_path / "work", Silent())
    artifacts = {"filter": tmp_path / "work"}
    kept, labels = KEPT.open(artifacts).decode(0), PSEUDO_LABELS.open(artifacts).read(0)
    np.testing.assert_array_equal(kept, image[..., 0] > 0)
    np.testing.assert_array_equal(labels, 3 * kept)


CROSSING = {
    "occlude": ["333110", "333110", "001110", "001110"],
    "drop": ["333000", "333000", "000000", "000000"],
}


@pytest.mark.parametrize("overlap", ["occlude", "drop"])
def test_masks_and_labels(inputs: StageInputs, tmp_path: Path, overlap: Literal["drop", "occlude"]) -> None:
    outputs = run(FilterConfig(overlap=overlap), inputs, tmp_path / "work", Silent())
    labels = PSEUDO_LABELS.open({"filter": tmp_path / "work"})
    masks = KEPT.open({"filter": tmp_path / "work"})
    assert labels.image_ids == masks.image_ids == IDS
    assert ["".join(map(str, row)) for row in labels.read(0)] == CROSSING[overlap]
    assert np.array_equal(labels.read(1), np.zeros(BARE_HW))
    assert np.array_equal(labels.read(2), 2 * rectangle(1, 0, 2, 6))
    scores, clusters = ([0.97, 0.92, 0.3], [2, 0, 1]) if overlap == "occlude" else ([0.97, 0.3], [2, 1])
    np.testing.assert_allclose(masks.score, scores)
    assert masks.cluster.tolist() == clusters
    assert [path.name for path in sorted((tmp_path / "work").iterdir())] == [PSEUDO_LABELS.file, KEPT.file]
    painted = sum(int((labels.read(i) > 0).sum()) for i in range(3))
    assert outputs.metrics["coverage"] == pytest.approx(painted / (24 + 6 + 24))
    assert (outputs.metrics["candidates"], outputs.metrics["confident"], outputs.items) == (6, 4, len(scores))
    assert outputs.metrics["kept_per_cluster"] == ([1, 1, 1] if overlap == "occlude" else [0, 1, 1])


def test_all_candidates_are_painted_best_first(inputs: StageInputs, tmp_path: Path) -> None:
    outputs = run(FilterConfig(masks="candidates", threshold=0.9), inputs, tmp_path / "work", Silent())
    labels = PSEUDO_LABELS.open({"filter": tmp_path / "work"})
    # The one of 0.5 in the corner comes in, the one of 0.91 lies below that of 0.97; each keeps what is free.
    assert ["".join(map(str, row)) for row in labels.read(0)] == ["333110", "333110", "001110", "001112"]
    assert ["".join(map(str, row)) for row in labels.read(2)] == ["222222", "222222", "000000", "000000"]
    assert outputs.metrics["confident"] == outputs.metrics["candidates"] == 6


def write_initial(folder: Path, clusters: list[int]) -> StageInputs:
    """Mined masks of the same images, each with its cluster."""
    folders = {name: folder / name for name in ("mine", "cluster")}
    builder = MaskStoreBuilder()
    builder.add("crossing", rectangle(0, 2, 4, 5)[None])
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.add("weak", rectangle(1, 0, 2, 6)[None])
    builder.build().save(MINED.path(folders))
    save_clusters(CLUSTERS.path(folders), np.asarray(clusters, dtype=np.int32), 3)
    return StageInputs(make_source(), folders)


def test_initial_masks_take_their_clusters_and_need_no_detector(tmp_path: Path) -> None:
    inputs = write_initial(tmp_path, [2, 0])
    outputs = run(FilterConfig(masks="initial"), inputs, tmp_path / "work", Silent())
    labels = PSEUDO_LABELS.open({"filter": tmp_path / "work"})
    assert labels.image_ids == IDS
    assert np.array_equal(labels.read(0), 3 * rectangle(0, 2, 4, 5))
    assert np.array_equal(labels.read(1), np.zeros(BARE_HW))
    assert np.array_equal(labels.read(2), 1 * rectangle(1, 0, 2, 6))
    assert outputs.items == 2


def test_initial_masks_of_other_clusters_are_refused(tmp_path: Path) -> None:
    inputs = write_initial(tmp_path, [2])
    with pytest.raises(CorruptArtifact, match="1 clusters for 2 masks"):
        run(FilterConfig(masks="initial"), inputs, tmp_path / "work", Silent())


def test_limit_per_image(inputs: StageInputs, tmp_path: Path) -> None:
    run(FilterConfig(max_per_image=1), inputs, tmp_path / "work", Silent())
    masks = KEPT.open({"filter": tmp_path / "work"})
    np.testing.assert_allclose(masks.score, [0.97, 0.3])


def test_finished_parts_are_not_made_again(inputs: StageInputs, tmp_path: Path) -> None:
    stamps = []
    for _ in range(2):  # within the second of two parts
        with pytest.raises(KeyboardInterrupt):
            run(FilterConfig(), inputs, tmp_path / "work", StopAfter(3))
        (part,) = (tmp_path / "work" / "parts").iterdir()
        stamps.append(part.stat().st_mtime_ns)
    assert stamps[0] == stamps[1]
    run(FilterConfig(), inputs, tmp_path / "work", Silent())
    assert len(PSEUDO_LABELS.open({"filter": tmp_path / "work"})) == 3


def test_too_many_clusters(inputs: StageInputs, tmp_path: Path) -> None:
    store = CANDIDATES.open(inputs.artifacts)
    store.with_columns(cluster=np.full(len(store), 254)).save(CANDIDATES.path(inputs.artifacts))
    with pytest.raises(InputError, match=r"cluster\.k"):
        run(FilterConfig(), inputs, tmp_path / "work", Silent())


def test_no_candidates_at_all(inputs: StageInputs, tmp_path: Path) -> None:
    builder = MaskStoreBuilder()
    builder.add("bare", np.zeros((0, *BARE_HW), dtype=bool))
    builder.build().save(CANDIDATES.path(inputs.artifacts))
    outputs = run(FilterConfig(), inputs, tmp_path / "work", Silent())
    assert outputs.items == outputs.metrics["share_kept"] == outputs.metrics["coverage"] == 0
