"""What Python users see of a MaskStore: images, tables and HTML."""

import base64
import io
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskdistill.data.stores.mask_table import columns
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle

HOSTILE = '<script>alert("&")</script>.jpg'


@pytest.fixture
def store() -> MaskStore:
    builder = MaskStoreBuilder()
    masks = np.zeros((2, 40, 60), dtype=bool)
    masks[0, 10:20, 20:40] = True
    masks[1, :, 59] = True
    builder.add(HOSTILE, masks, scores=[0.75, 0.5], clusters=[3, -1])
    builder.add("empty.jpg", np.zeros((0, 5, 5), dtype=bool))
    builder.add("small.jpg", np.ones((1, 4, 6), dtype=bool))
    return builder.build()


def test_images_come_in_order_with_their_own_masks(store: MaskStore) -> None:
    first, empty, small = store.images()
    assert [image.id for image in (first, empty, small)] == [HOSTILE, "empty.jpg", "small.jpg"]
    assert [len(image) for image in (first, empty, small)] == [2, 0, 1]
    assert (first.size_hw, empty.size_hw, small.size_hw) == ((40, 60), None, (4, 6))
    assert first.score.tolist() == [0.75, 0.5]
    assert first.cluster.tolist() == [3, -1]
    assert small.area.tolist() == [24]
    assert small.bbox_xywh.tolist() == [[0, 0, 6, 4]]
    assert first.masks.shape == (2, 40, 60)
    np.testing.assert_array_equal(first.masks[0], store.decode(0))
    assert empty.masks.shape == (0, 0, 0)
    assert small.rles() == [store.rle(2)]


class Sealed(MaskStore):
    """A store whose masks nobody may look at."""

    def rle(self, row: int) -> Rle:
        pytest.fail(f"mask {row} was decoded")


def test_no_mask_is_decoded_before_it_is_asked_for(store: MaskStore) -> None:
    sealed = Sealed(**{column.name: getattr(store, column.name) for column in fields(store)})
    assert sum(len(image) + image.area.sum() for image in sealed.images()) == 3 + 200 + 40 + 24
    with pytest.raises(pytest.fail.Exception, match="mask 0 was decoded"):
        assert next(sealed.images()).masks.any()


def test_a_store_opens_by_a_name_too(store: MaskStore, tmp_path: Path) -> None:
    store.save(tmp_path / "masks.zarr")
    assert len(MaskStore.open(str(tmp_path / "masks.zarr"))) == 3


def test_columns_have_a_value_per_mask(store: MaskStore) -> None:
    table = columns(store)
    assert table["image_id"].tolist() == [HOSTILE, HOSTILE, "small.jpg"]
    assert table["box_x"].tolist() == [20, 59, 0]
    assert table["box_height"].tolist() == [10, 40, 4]
    np.testing.assert_allclose(table["area_share"], [200 / 2400, 40 / 2400, 1])
    assert {len(column) for column in table.values()} == {3}
    assert all(len(column) == 0 for column in columns(MaskStoreBuilder().build()).values())


def test_pandas_gets_the_columns(store: MaskStore) -> None:
    pytest.importorskip("pandas")
    frame = store.to_pandas()
    assert list(frame.columns) == list(columns(store))
    assert frame.groupby("image_id")["area"].sum()["small.jpg"] == 24
    assert str(frame["score"].dtype) == "float32"


def test_arrow_gets_the_columns(store: MaskStore) -> None:
    pytest.importorskip("pyarrow")
    table = store.to_arrow()
    assert table.num_rows == 3
    assert table.column("cluster").to_pylist() == [3, -1, -1]


def test_html_is_escaped_and_shows_the_masks(store: MaskStore) -> None:
    html = store._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;&amp;&quot;)" in html
    assert "empty.jpg" not in html
    pictures = [Image.open(io.BytesIO(base64.b64decode(code))) for code in re.findall(r"base64,([^\"]+)", html)]
    assert [picture.size for picture in pictures] == [(60, 40), (6, 4)]
    pixels = np.asarray(pictures[0])
    assert (pixels[0, 0] == 255).all()
    assert (pixels[15, 30] < 200).any()
    assert "0.50 to 1.00" in html


def test_html_of_nothing(tmp_path: Path) -> None:
    assert "<td>0</td>" in MaskStoreBuilder().build()._repr_html_()
