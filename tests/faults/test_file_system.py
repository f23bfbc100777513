"""A file system that is full, limited, or fails to read and write."""

import errno

import pytest

from helpers.fault_bench import Bench, spread
from helpers.fault_process import Fault

KINDS = {
    "disk full from a step on": Fault(code=errno.ENOSPC, lasting=True),
    "quota used up from a step on": Fault(code=errno.EDQUOT, lasting=True),
    "write error at a step": Fault(code=errno.EIO),
    "read error at a step": Fault(code=errno.EIO, reads=True),
    "no permission from a step on": Fault(code=errno.EACCES, lasting=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(20, id="many", marks=pytest.mark.faults)])
def test_at_a_step(bench: Bench, kind: str, n: int) -> None:
    fault = KINDS[kind]
    for step in spread(1, bench.steps, n):
        bench.empty()
        ended = bench.run(fault=Fault(step, code=fault.code, lasting=fault.lasting, reads=fault.reads))
        bench.judge(kind, f"step {step}", ended)


@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(12, id="many", marks=pytest.mark.faults)])
def test_no_file_may_be_larger_than_a_limit(bench: Bench, n: int) -> None:
    for size in spread(4_000, 40_000, n):
        bench.empty()
        bench.judge("limited size of files", f"{size} bytes", bench.run(fault=Fault(file_bytes=size)))
