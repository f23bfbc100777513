"""A training whose checkpoints or log were damaged comes to the same end as one that was not."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.interruption import StopAfter
from helpers.small_training import RECIPE, make_fit, train, weights_after
from maskdistill.data.errors import InputError


class Heard(StopAfter):
    """Keeps what a stage says, and interrupts it."""

    def __init__(self, steps: int = 1000) -> None:
        super().__init__(steps)
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize("damaged", [("training.pt",), ("training.pt", "training.previous.pt")])
def test_from_a_damaged_checkpoint_it_goes_on_from_the_one_before_with_a_line(
    tmp_path: Path, damaged: tuple[str, ...]
) -> None:
    whole = weights_after(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights_after(tmp_path / "killed", progress=StopAfter(8))
    assert {path.name for path in (tmp_path / "killed").glob("*.pt")} == {"training.pt", "training.previous.pt"}
    for name in damaged:
        (tmp_path / "killed" / name).write_bytes(b"nonsense")
    heard = Heard()
    resumed = weights_after(tmp_path / "killed", progress=heard)
    assert [name in line for name, line in zip(damaged, heard.lines, strict=True)] == [True] * len(damaged)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert (tmp_path / "killed" / "training.jsonl").read_text() == (tmp_path / "whole" / "training.jsonl").read_text()


def test_with_a_damaged_log_it_starts_anew_with_a_line(tmp_path: Path) -> None:
    weights_after(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights_after(tmp_path / "killed", progress=StopAfter(5))
    log = tmp_path / "killed" / "training.jsonl"
    log.write_text(log.read_text().replace('"loss": ', '"loss": 9', 1))
    heard = Heard()
    weights_after(tmp_path / "killed", progress=heard)
    [line] = heard.lines
    assert "training.jsonl is damaged" in line
    assert log.read_text() == (tmp_path / "whole" / "training.jsonl").read_text()


def test_a_batch_that_batch_norm_cannot_learn_from_comes_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="raise batch_size"):
        train(make_fit(), tmp_path, replace(RECIPE, batch_size=1))
