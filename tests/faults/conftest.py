"""The run that faults are injected into, and the table of what became of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from helpers.fault_bench import Bench
from helpers.fault_process import preload
from helpers.fault_tally import FaultTally

_TALLY = FaultTally()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The run."""
    preload()
    return Bench(tmp_path_factory.mktemp("faults"), _TALLY)


@pytest.fixture(autouse=True)
def nothing_is_lost() -> Iterator[None]:
    """Fails a test some of whose faults ended badly."""
    before = len(_TALLY.unborne)
    yield
    assert _TALLY.unborne[before:] == []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a worker to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = {kind: dict(row) for kind, row in _TALLY.counts.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the counts of a worker."""
    _TALLY.merge(getattr(node, "workeroutput", {}).get("faults", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if _TALLY.counts:
        terminalreporter.section("faults")
        for line in _TALLY.table():
            terminalreporter.write_line(line)
