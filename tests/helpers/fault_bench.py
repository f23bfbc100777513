"""The run that faults are injected into, and the judgement of what becomes of it."""

import shutil
from pathlib import Path

from helpers import fault_actions
from helpers.fault_process import NO_FAULT, Child, Ended, Fault
from helpers.fault_stages import write_config
from helpers.fault_tally import FaultTally


class Bench:
    """A run whose right end is known.

    Attributes:
        config: Its configuration.
        artifacts: Its artifact folder.
        steps: How many steps of the file system a whole run goes through.
    """

    def __init__(self, folder: Path, tally: FaultTally) -> None:
        self.tally = tally
        self.folder, self.config = folder, write_config(folder)
        self.artifacts, self.whole = folder / "artifacts", folder / "whole"
        self.output = folder / "hashes"
        assert self.run_and_hash().code == 0
        self.steps = int((folder / "steps").read_text())
        self.hashes = self.output.read_text()
        shutil.copytree(self.artifacts, self.whole)

    def start(self, name: str, *arguments: object, fault: Fault = NO_FAULT) -> Child:
        """Start an action of `helpers.fault_actions` over the run."""
        return Child(getattr(fault_actions, name), [self.config, *arguments], self.folder, fault)

    def run(self, *arguments: object, fault: Fault = NO_FAULT) -> Ended:
        """The run, from start to end."""
        return self.start("run", *arguments, fault=fault).ended()

    def run_and_hash(self) -> Ended:
        """The run, and what it came to in the file `output`."""
        self.output.unlink(missing_ok=True)
        return self.start("run_and_hash", self.output).ended()

    def empty(self) -> None:
        """As before the first run."""
        shutil.rmtree(self.artifacts, ignore_errors=True)

    def finished(self) -> None:
        """As after a whole run."""
        self.empty()
        shutil.copytree(self.whole, self.artifacts)

    def copy(self, folder: Path) -> None:
        """With the artifacts that lie in another folder."""
        shutil.copytree(folder, self.artifacts)

    def drop(self, folder: Path) -> None:
        """Remove such a folder."""
        shutil.rmtree(folder)

    def judge(self, kind: str, what: str, ended: Ended) -> str:
        """Count a fault by how the process that it came up in ended, and by what the next run makes of it."""
        again = self.run_and_hash()
        if again.code != 0:
            outcome, why = "lost", again.text
        elif (found := self.output.read_text()) != self.hashes:
            outcome, why = "wrong", found
        elif ended.code == 99 or "Traceback" in ended.text:
            outcome, why = "lost", ended.text
        else:
            outcome, why = "refused" if ended.refused else "survived", ""
        self.tally.add(kind, outcome, f"{what}\n{why}")
        return outcome

    def count(self, kind: str, outcome: str, what: str) -> None:
        """Count a fault that has been judged."""
        self.tally.add(kind, outcome, what)


def spread(first: int, last: int, n: int) -> list[int]:
    """So many numbers between two, in the middle of as many equal parts."""
    return sorted({first + (last - first) * (2 * i + 1) // (2 * n) for i in range(n)})
