"""The edits of a run while somebody changes them: the file, and what it was before, to be undone."""

import threading
from collections.abc import Callable
from pathlib import Path

from maskdistill.data.edits import NO_EDITS, Edits, read_edits, write_edits
from maskdistill.data.errors import InputError

_MOST = 1000
"""Changes that can be undone."""


class Journal:
    """Edits, and the file that they are in; each change is written at once. Safe for threads.

    Args:
        path: The file, which need not be there.
        write: Whether it may be changed.

    Attributes:
        version: Changes with the edits.

    Raises:
        InputError: The file cannot be used.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path, self.may_write = path, write
        self.version = 0
        self._edits = self._read()
        self._before: list[Edits] = []
        self._lock = threading.Lock()

    @property
    def edits(self) -> Edits:
        """As they are now."""
        return self._edits

    @property
    def n_undoable(self) -> int:
        """How many changes can be undone."""
        return len(self._before)

    def change(self, make: Callable[[Edits], Edits]) -> None:
        """Change the edits to what `make` makes of them, unless that is the same.

        Raises:
            InputError: They may not be changed, or another program has changed the file meanwhile.
        """
        with self._lock:
            self._check()
            after = make(self._edits)
            if after != self._edits:
                self._before = [*self._before[1 - _MOST :], self._edits]
                self._keep(after)

    def undo(self) -> None:
        """Take the last change back, if there is one. Raises as `change` does."""
        with self._lock:
            self._check()
            if self._before:
                self._keep(self._before.pop())

    def _keep(self, edits: Edits) -> None:
        write_edits(self.path, edits)
        self._edits = edits
        self.version += 1

    def _read(self) -> Edits:
        return read_edits(self.path) if self.path.exists() else NO_EDITS

    def _check(self) -> None:
        if not self.may_write:
            raise InputError("this page only reads; start it with `maskdistill view --edit` to change masks")
        if self._read() != self._edits:
            raise InputError(f"{self.path} was changed by another program; start `maskdistill view --edit` again")
