"""Statistics, histograms and contact sheets of a stage's output, against numbers worked out by hand."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helpers.runs import photo_plan, publish, write_photos
from maskdistill.data.catalog import CLUSTERS, MINED, PREDICTIONS
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.cut import cut_out
from maskdistill.pipeline.apps.drawing.sheet import save_sheet
from maskdistill.pipeline.apps.drawing.stage import caption, draw_stage, save_stage_picture
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.inspect.statistics import as_json, summarise
from maskdistill.pipeline.apps.inspect.typical import by_distance, largest_clusters
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.tables.summary import print_summary

GREY = np.full((10, 20, 3), 100, dtype=np.uint8)
IDS = tuple(f"image{i:02}.png" for i in range(30))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Thirty grey images, of which mine, cluster and segment made something; see the functions below."""
    write_photos(tmp_path, dict.fromkeys(IDS, GREY))
    plan = photo_plan(tmp_path)
    write_clusters(plan.path("mine") / MINED.file, plan.path("cluster") / CLUSTERS.file)
    first, second = np.zeros((2, 10, 20), dtype=np.uint8)
    first[0], first[5:, :10] = 255, 3
    write_labels(plan.path("segment") / PREDICTIONS.file, [(IDS[0], first), (IDS[1], second)])
    for stage in ("mine", "cluster", "segment"):
        publish(plan, stage)
    return Run(plan)


def write_clusters(mined: Path, clusters: Path) -> None:
    """Two masks on the first image, none on the second, one on each other; three clusters of five."""
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(IDS):
        masks = np.zeros((2 if i == 0 else int(i > 1), 10, 20), dtype=bool)
        masks[:, 2:6, 5:10] = True
        builder.add(image_id, masks, scores=np.full(len(masks), 0.25))
    builder.build().save(mined)
    cluster = np.array([4] * 20 + [1] * 9 + [0], dtype=np.int32)
    distance = np.linspace(1, 0.1, 30, dtype=np.float32)
    embedding, centroids = np.zeros((30, 2), dtype=np.float32), np.zeros((5, 2), dtype=np.float32)
    ClusterStore(embedding, cluster, distance, centroids, np.ones(2, np.float32)).save(clusters)


def test_histograms_count_every_value_once() -> None:
    histogram = Histogram.of([0, 0.05, 0.1, 0.999, 1.0])
    assert histogram.counts == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert histogram.edges == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    assert sum(Histogram.of([-1, 0.5, 3]).counts) == 3


def test_histograms_of_whole_numbers_group_them_when_they_are_many() -> None:
    few = Histogram.of_whole([0, 1, 1, 3])
    assert (few.labels(), few.counts) == (["0", "1", "2", "3"], [1, 2, 0, 1])
    many = Histogram.of_whole([0, 1, 39])
    assert (many.labels()[0], many.labels()[-1]) == ("0-2", "39-41")
    assert (many.counts[0], many.counts[-1]) == (2, 1)
    assert Histogram.of_whole([]).counts == []


def test_statistics_of_masks(run: Run) -> None:
    found = json.loads(json.dumps(as_json(summarise(run, "cluster"))))
    assert (found["images"], found["masks"], found["images_without_mask"]) == (30, 30, 1)
    assert found["masks_per_image"]["max"] == 2
    assert found["area_share"]["median"] == pytest.approx(20 / 200)
    assert found["cluster_sizes"] == {"0": 1, "1": 9, "4": 20}
    assert found["histograms"]["masks_per_image"] == {"edges": [0, 1, 2, 3], "counts": [1, 28, 1]}
    assert found["histograms"]["score"]["counts"] == [0, 0, 30, 0, 0, 0, 0, 0, 0, 0]
    assert sum(found["histograms"]["distance"]["counts"]) == 30


def test_statistics_of_label_maps(run: Run) -> None:
    found = summarise(run, "segment")
    assert found["pixel_share"] == {0: 330 / 400, 3: 50 / 400, 255: 20 / 400}
    assert found["images_with"] == {0: 2, 3: 1, 255: 1}
    assert as_json(found) == found


@pytest.mark.parametrize("width", [40, 80, 120])
def test_tables_fill_the_terminal_and_no_more(run: Run, width: int) -> None:
    for stage in ("cluster", "segment"):
        output = io.StringIO()
        print_summary(stage, summarise(run, stage), Console(width=width, file=output, force_terminal=False))
        lines = output.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert any("█" in line for line in lines)


def test_charts_show_counts_and_leave_out_what_is_constant(run: Run) -> None:
    output = io.StringIO()
    print_summary("clusters", summarise(run, "cluster"), Console(width=80, file=output))
    shown = output.getvalue()
    assert "30 images  30 masks  1 images without mask" in shown
    sizes = shown[shown.index("cluster sizes") :]
    assert sizes.index("\n4 ██") < sizes.index("\n1 ██") < sizes.index("\n0 █")
    assert "\nscore\n" not in shown
    assert "\ndistance\n" in shown


def test_clusters_go_by_the_names_that_people_gave_them(run: Run) -> None:
    names = {4: "dog", 2: "cat"}
    for stage, expected in (("cluster", "\ndog ██"), ("segment", "\n       cat █")):
        output = io.StringIO()
        print_summary(stage, summarise(run, stage), Console(width=80, file=output), names)
        assert expected in output.getvalue()
    assert as_json(summarise(run, "cluster"), names)["cluster_names"] == names
    assert "cluster_names" not in as_json(summarise(run, "cluster"))
    assert (caption(4, 0.5, names), caption(1, 1.0, names)) == ("dog 0.50", "c1 1.00")


def test_a_store_without_masks_has_statistics_too(tmp_path: Path) -> None:
    write_photos(tmp_path, {"image.png": GREY})
    plan = photo_plan(tmp_path)
    builder = MaskStoreBuilder()
    builder.add("image.png", np.zeros((0, 1, 1), dtype=bool))
    builder.build().save(plan.path("mine") / MINED.file)
    publish(plan, "mine")
    found = summarise(Run(plan), "mine")
    assert (found["masks"], found["score"], found["cluster_sizes"]) == (0, {}, {})
    print_summary("masks", found, Console(quiet=True))


def test_the_most_typical_masks_are_the_nearest(run: Run) -> None:
    clusters = run.clusters()
    assert largest_clusters(clusters) == [4, 1, 0]
    ranked = [rows.tolist() for rows in by_distance(clusters)]
    assert ranked[4][:3] == [19, 18, 17]
    assert [len(rows) for rows in ranked] == [1, 9, 0, 0, 20]
    assert ranked[0] == [29]


def test_a_cut_out_shows_its_mask_and_some_of_what_is_around(run: Run) -> None:
    masks = run.masks("cluster")
    mask, box = masks.decode(0), masks.bbox_xywh[0].tolist()
    picture = cut_out(GREY, mask, box, 4)
    assert picture.shape == (8, 9, 3)
    assert tuple(picture[2, 2]) == cluster_colour(4)
    assert (picture[0] < GREY[0, 0]).all()
    assert cut_out(GREY, mask, box, 4, edge=90).shape == (80, 90, 3)


def test_sheets_have_a_row_per_cluster_or_a_grid_of_images(run: Run, tmp_path: Path) -> None:
    save_sheet(run, "cluster", tmp_path / "clusters.png", count=3)
    save_sheet(run, "mine", tmp_path / "masks.png")
    save_sheet(run, "segment", tmp_path / "predictions.png", count=1)
    sizes = []
    for name in ("clusters", "masks", "predictions"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes.append(picture.size)
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 3
    cell, row, header, gap = 174, 190, 30, 6
    assert sizes[0] == (4 * cell + gap, header + 3 * row)
    assert sizes[1] == (6 * cell + gap, header + 4 * row)
    assert sizes[2] == (2 * cell, header + row)


def test_an_image_of_another_size_is_not_drawn_on(run: Run) -> None:
    masks = run.masks("cluster")
    mask, box = masks.decode(0), masks.bbox_xywh[0].tolist()
    smaller = np.ascontiguousarray(GREY[:-1])
    with pytest.raises(UnreadableImage, match="another size"):
        cut_out(smaller, mask, box, 4)
    with pytest.raises(UnreadableImage, match="another size"):
        draw_stage(run, "cluster", masks.image_ids[masks.image[0]], smaller)


def test_an_image_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--image other: not in this store; it holds image00\.png"):
        draw_stage(run, "cluster", "other", GREY)
    with pytest.raises(InputError, match=r"--image other: not an image of this run, such as image00\.png"):
        save_stage_picture(run, "cluster", "other", tmp_path / "other.png")
