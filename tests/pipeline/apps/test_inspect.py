"""Figures, histograms and contact sheets of a view, against numbers worked out by hand."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.sheet import crop_mask, largest_clusters, most_typical, save_sheet
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.inspect.statistics import as_json
from maskdistill.pipeline.apps.inspect.views import View
from maskdistill.pipeline.apps.tables.summary import print_summary

GREY = 100


class GreyImages(ImageSource):
    ids = tuple(f"image{i}" for i in range(30))
    n_train = 30

    def read(self, index: int) -> UInt8Array:
        return np.full((10, 20, 3), GREY, dtype=np.uint8)

    def fingerprint(self) -> str:
        return "grey"


@pytest.fixture
def clusters(tmp_path: Path) -> View:
    """Thirty images: two masks on the first, none on the second, one on each other; three clusters of five."""
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(GreyImages.ids):
        masks = np.zeros((2 if i == 0 else int(i > 1), 10, 20), dtype=bool)
        masks[:, 2:6, 5:10] = True
        builder.add(image_id, masks, scores=np.full(len(masks), 0.25))
    masks = builder.build()
    masks.save(tmp_path / "mine" / "masks.zarr")
    n = len(masks)
    cluster = np.array([4] * 20 + [1] * 9 + [0], dtype=np.int32)
    distance = np.linspace(1, 0.1, n, dtype=np.float32)
    embedding, centroids = np.zeros((n, 2), dtype=np.float32), np.zeros((5, 2), dtype=np.float32)
    ClusterStore(embedding, cluster, distance, centroids, np.ones(2, np.float32)).save(tmp_path / "c" / "clusters.zarr")
    return View("clusters", {"mine": tmp_path / "mine", "cluster": tmp_path / "c"})


@pytest.fixture
def predictions(tmp_path: Path) -> View:
    first, second = np.zeros((2, 10, 20), dtype=np.uint8)
    first[0], first[5:, :10] = 255, 3
    write_labels(tmp_path / "segment" / "predictions.zarr", [("image0", first), ("image1", second)])
    return View("predictions", {"segment": tmp_path / "segment"})


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


def test_figures_of_masks(clusters: View) -> None:
    figures = json.loads(json.dumps(as_json(clusters.summary())))
    assert (figures["images"], figures["masks"], figures["images_without_mask"]) == (30, 30, 1)
    assert figures["masks_per_image"]["max"] == 2
    assert figures["area_share"]["median"] == pytest.approx(20 / 200)
    assert figures["cluster_sizes"] == {"0": 1, "1": 9, "4": 20}
    assert figures["histograms"]["masks_per_image"] == {"edges": [0, 1, 2, 3], "counts": [1, 28, 1]}
    assert figures["histograms"]["score"]["counts"] == [0, 0, 30, 0, 0, 0, 0, 0, 0, 0]
    assert sum(figures["histograms"]["distance"]["counts"]) == 30


def test_figures_of_label_maps(predictions: View) -> None:
    figures = predictions.summary()
    assert figures["pixel_share"] == {0: 330 / 400, 3: 50 / 400, 255: 20 / 400}
    assert figures["images_with"] == {0: 2, 3: 1, 255: 1}
    assert as_json(figures) is figures


@pytest.mark.parametrize("width", [40, 80, 120])
def test_tables_fill_the_terminal_and_no_more(clusters: View, predictions: View, width: int) -> None:
    for view in (clusters, predictions):
        console = Console(width=width, file=io.StringIO(), force_terminal=False)
        print_summary(view.name, view.summary(), console)
        lines = console.file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert any("█" in line for line in lines)


def test_charts_show_counts_and_leave_out_what_is_constant(clusters: View) -> None:
    console = Console(width=80, file=io.StringIO())
    print_summary("clusters", clusters.summary(), console)
    shown = console.file.getvalue()
    assert "30 images  30 masks  1 images without mask" in shown
    sizes = shown[shown.index("cluster sizes") :]
    assert sizes.index("\n4 ██") < sizes.index("\n1 ██") < sizes.index("\n0 █")
    assert "\nscore\n" not in shown
    assert "\ndistance\n" in shown


def test_a_store_without_masks_has_figures_too(tmp_path: Path) -> None:
    builder = MaskStoreBuilder()
    builder.add("image0", np.zeros((0, 1, 1), dtype=bool))
    builder.build().save(tmp_path / "masks.zarr")
    figures = View("masks", {"mine": tmp_path}).summary()
    assert (figures["masks"], figures["score"], figures["cluster_sizes"]) == (0, {}, {})
    print_summary("masks", figures, Console(quiet=True))


def test_the_most_typical_masks_are_the_nearest(clusters: View) -> None:
    assert largest_clusters(clusters.clusters) == [4, 1, 0]
    assert most_typical(clusters.clusters, 4, 3) == [19, 18, 17]
    assert most_typical(clusters.clusters, 0, 3) == [29]


def test_a_crop_shows_its_mask_and_some_of_what_is_around(clusters: View) -> None:
    crop = crop_mask(clusters.masks, 0, np.full((10, 20, 3), GREY, dtype=np.uint8))
    assert crop.shape == (8, 9, 3)
    assert tuple(crop[2, 2]) == cluster_colour(4)
    assert (crop[0] < GREY).all()


def test_sheets_have_a_row_per_cluster_or_a_grid_of_images(clusters: View, predictions: View, tmp_path: Path) -> None:
    save_sheet(clusters, GreyImages(), tmp_path / "clusters.png", count=3)
    save_sheet(View("masks", clusters.folders), GreyImages(), tmp_path / "masks.png")
    save_sheet(predictions, GreyImages(), tmp_path / "predictions.png", count=1)
    sizes = []
    for name in ("clusters", "masks", "predictions"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes.append(picture.size)
            assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 3
    cell, row, header, gap = 174, 190, 30, 6
    assert sizes[0] == (4 * cell + gap, header + 3 * row)
    assert sizes[1] == (6 * cell + gap, header + 4 * row)
    assert sizes[2] == (2 * cell, header + row)


def test_an_image_that_the_view_lacks_is_named(clusters: View) -> None:
    with pytest.raises(InputError, match=r"--image other: not in this store; it holds image0"):
        clusters.draw("other", np.zeros((10, 20, 3), dtype=np.uint8))
