"""The command `evaluate`: a table for each split, or JSON."""

import json
from collections.abc import Callable

import pytest
from rich.console import Console

from maskdistill.pipeline.apps.tables.scores import print_scores

Invoke = Callable[..., int]


def test_the_command_prints_a_table_or_json(
    invoke: Invoke, labelled: None, calls: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("evaluate", "--seeds", "2") == 0
    text = capsys.readouterr().out
    assert "validation images" in text
    assert " ± 0.000" in text  # stages that draw give the same with every seed
    assert invoke("evaluate", "--stage", "segment", "--json", "-s", "seed=0") == 0
    assert json.loads(capsys.readouterr().out)["segment"]["val"]["miou"] > 0.9
    assert calls.count("mine") == 2


def test_means_are_printed_with_their_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    mean = {"segment": {"val": {"miou": {"mean": 0.405, "std": 0.007, "values": [0.4, 0.41]}}}}
    print_scores(mean, Console())
    assert "0.405 ± 0.007" in capsys.readouterr().out
