"""Progress: rate and ETA of slow steps, and lines that are not wrapped."""

import io

from rich.console import Console

from maskdistill.pipeline.pace import Pace
from maskdistill.pipeline.progress import LineProgress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_slow_steps_have_a_rate_and_an_eta_after_the_first() -> None:
    clock = Clock()
    pace = Pace(12, clock)
    assert str(pace) == "ETA follows"
    clock.now = 90
    pace.advance(1)
    assert str(pace) == "1 min 30 s each, ETA 16 min 30 s"
    clock.now = 1080
    pace.advance(11)
    assert str(pace) == "18 min 00 s"


def test_what_an_earlier_run_has_done_does_not_count_as_fast() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    pace.advance(80)
    clock.now = 10
    pace.advance(10)
    assert str(pace) == "1.0/s, ETA 10.0 s"


def test_lines_in_a_file_are_not_wrapped() -> None:
    file = io.StringIO()
    progress = LineProgress("correspond", Console(file=file, width=80), seconds=0)
    phase = "patches of the images, and of their mirror images"
    progress.start(phase, 3, "images of the training split")
    progress.advance(2, loss=1.23456, contrast=0.98765)
    progress.advance(1)
    lines = file.getvalue().splitlines()
    assert len(lines) == 3 and len(lines[1]) > 80
    assert lines[0] == f"correspond · {phase}: 3 images of the training split"
    assert "2/3 images" in lines[1] and "loss 1.235" in lines[1]


def test_a_quiet_console_says_nothing() -> None:
    file = io.StringIO()
    LineProgress("mine", Console(file=file, quiet=True)).start("masks", 3, "images")
    assert file.getvalue() == ""
