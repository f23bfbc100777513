from pathlib import Path

import pytest

from maskdistill.data.parts import compute_parts


class Recorder:
    """Writes the items of a part into a file and remembers which parts it was asked for."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.calls: list[tuple[int, int]] = []
        self.fail_at = fail_at

    def __call__(self, items: range, path: Path) -> None:
        self.calls.append((items.start, items.stop))
        path.write_text(" ".join(map(str, items)))
        if items.start == self.fail_at:
            raise RuntimeError("killed")


def test_parts_cover_all_items_in_order(tmp_path: Path) -> None:
    compute = Recorder()
    parts = compute_parts(tmp_path, 7, 3, compute)
    assert compute.calls == [(0, 3), (3, 6), (6, 7)]
    assert " ".join(part.read_text() for part in parts) == "0 1 2 3 4 5 6"


def test_a_part_that_is_there_is_not_computed_again(tmp_path: Path) -> None:
    first = compute_parts(tmp_path, 7, 3, Recorder())
    first[1].unlink()
    again, skipped = Recorder(), list[int]()
    assert compute_parts(tmp_path, 7, 3, again, skipped.append) == first
    assert again.calls == [(3, 6)]
    assert skipped == [3, 1]


def test_a_crash_keeps_whole_parts_and_nothing_of_the_broken_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        compute_parts(tmp_path, 7, 3, Recorder(fail_at=3))
    assert [path.name for path in tmp_path.iterdir()] == ["00000000-00000003"]
    resumed = Recorder()
    compute_parts(tmp_path, 7, 3, resumed)
    assert resumed.calls == [(3, 6), (6, 7)]


def test_parts_of_another_size_are_not_mistaken_for_these(tmp_path: Path) -> None:
    compute_parts(tmp_path, 6, 3, Recorder())
    other = Recorder()
    compute_parts(tmp_path, 6, 2, other)
    assert other.calls == [(0, 2), (2, 4), (4, 6)]


def test_no_items_give_no_parts(tmp_path: Path) -> None:
    assert compute_parts(tmp_path, 0, 3, Recorder()) == []
