"""The table at the end of a run."""

from io import StringIO

from rich.console import Console

from pipeline.results import StageResult, print_results, result_rows

MINE = StageResult("mine", "k1", 7, "masks", 3.0, True, {"train": {"foreground_iou": 0.5}, "val": {}}, failures=2)
CLUSTER = StageResult("cluster", "k2", 7, "masks", 75.0, False, {"train": {"miou": 0.25}, "val": {"miou": 0.125}})
UNLABELLED = StageResult("mine", "k3", 7, "masks", 3.0, False, {"status": "no ground truth"})


def test_rows_hold_the_figures_that_some_stage_has() -> None:
    rows = result_rows([MINE, CLUSTER])
    expected = {"stage": "mine", "made": "7 masks, 2 skipped", "time": "3.0 s", "state": "cached",
                "foreground IoU": "0.500 / -", "mIoU": "", "key": "k1"}  # fmt: skip
    assert rows[0] == expected
    assert rows[1]["mIoU"] == "0.250 / 0.125"
    assert (rows[1]["time"], rows[1]["state"]) == ("1 min 15 s", "new")


def test_a_score_of_zero_is_shown() -> None:
    nothing_found = StageResult("mine", "k4", 7, "masks", 3.0, True, {"train": {"foreground_iou": 0.0}})
    assert nothing_found.score("foreground_iou") == "0.000"
    assert nothing_found.score("miou") == ""


def test_without_ground_truth_there_are_no_columns_for_scores() -> None:
    assert list(result_rows([UNLABELLED])[0]) == ["stage", "made", "time", "state", "key"]
    output = StringIO()
    console = Console(width=100, file=output)
    print_results([UNLABELLED], console, "a note")
    text = output.getvalue()
    assert "no ground truth" in text
    assert "a note" in text
