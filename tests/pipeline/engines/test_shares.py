"""What each of several processes gets of a machine."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from maskdistill.pipeline.engines.local import LocalEngine
from maskdistill.pipeline.engines.shares import VISIBLE, only_gpu, usable_gpus
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.parts import Advance, PartReport, compute_parts


@dataclass(frozen=True)
class Looks:
    """Writes down which GPU its process may use."""

    def open(self) -> "Looks":
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        (folder / "gpu.txt").write_text(os.environ.get(VISIBLE, "all"))
        return PartReport(len(items))


@pytest.mark.parametrize(
    ("number", "gpus", "expected"), [(0, "35", "3"), (1, "35", "5"), (2, "35", "3"), (1, "3", "3")]
)
def test_processes_take_the_gpus_in_turn(number: int, gpus: str, expected: str) -> None:
    assert only_gpu(number, tuple(gpus)) == {VISIBLE: expected}


def test_without_a_gpu_nothing_is_set() -> None:
    assert only_gpu(0, usable_gpus(ExecutionConfig(device="cpu"))) == {}


def test_a_process_of_this_machine_sees_one_gpu(tmp_path: Path, importable: None) -> None:
    folders = compute_parts(Looks(), tmp_path, 6, 1, LocalEngine(2, ("3", "5")), lambda n: None).folders
    assert {(folder / "gpu.txt").read_text() for folder in folders} <= {"3", "5"}
