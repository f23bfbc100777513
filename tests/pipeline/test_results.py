"""The table at the end of a run."""

from io import StringIO

from rich.console import Console

from maskdistill.pipeline.apps.tables.results import print_results
from maskdistill.pipeline.results import StageResult, final_miou, result_rows

MINE = StageResult("mine", "k1", 7, "masks", 3.0, True, {"train": {"foreground_iou": 0.5}, "val": {}}, failures=2)
CLUSTER = StageResult("cluster", "k2", 7, "masks", 75.0, False, {"train": {"miou": 0.25}, "val": {"miou": 0.125}})
UNLABELLED = StageResult("mine", "k3", 7, "masks", 3.0, False, {"status": "no ground truth"})


def test_rows_hold_the_metrics_that_some_stage_has() -> None:
    rows = result_rows([MINE, CLUSTER])
    expected = {"stage": "mine", "made": "7 masks, 2 skipped", "time": "3.0 s", "state": "cached",
                "foreground IoU": "0.500/-", "mIoU": "", "key": "k1"}  # fmt: skip
    assert rows[0] == expected
    assert rows[1]["mIoU"] == "0.250/0.125"
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


def test_baselines_are_rows_too() -> None:
    scores = {"train": {"corloc": 0.25, "iou_per_class": {}}, "val": {"corloc": 0.5}}
    found = {"coin": {"items": 4, "unit": "masks", "seconds": 1.5, "scores": scores}}
    rows = result_rows([MINE, *StageResult.of_baselines(found)])
    expected = {"stage": "coin", "made": "4 masks", "time": "1.5 s", "state": "baseline", "foreground IoU": "",
                "CorLoc": "0.250/0.500", "key": ""}  # fmt: skip
    assert rows[1] == expected


def test_the_widest_table_fits_120_columns() -> None:
    names = ("purity", "foreground_iou", "corloc", "ap50_agnostic", "miou", "miou_majority")
    metrics = dict.fromkeys(names, 0.123)
    long = StageResult("Otsu on colour", "", 2998, "candidates", 3661.0, True, {"train": metrics, "val": metrics})
    output = StringIO()
    print_results([long], Console(width=120, file=output), "")
    assert output.getvalue().count("0.123/0.123") == 5
    assert "2998 candidates" in output.getvalue()


def test_predictions_after_the_crf_are_a_row_of_their_own() -> None:
    scores = {"train": {"miou": 0.5, "miou_crf": 0.625}, "val": {"miou": 0.25, "miou_crf": 0.5}}
    rows = result_rows([CLUSTER, StageResult("segment", "k5", 7, "label maps", 3.0, False, scores)])
    assert [(row["stage"], row["mIoU"]) for row in rows] == [
        ("cluster", "0.250/0.125"), ("segment", "0.500/0.250"), ("segment + CRF", "0.625/0.500")]  # fmt: skip
    assert (final_miou(scores["val"]), final_miou({"miou": 0.25}), final_miou({})) == (0.5, 0.25, None)
