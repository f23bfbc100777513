"""A terminal in which the commands of a document are typed as they are printed."""

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.fresh_install import run
from helpers.sources import write_image
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.open import open_source


class Terminal:
    """A stranger's terminal: types the commands of the page in a folder, and keeps what they print."""

    def __init__(self, folder: Path, python: Path, environment: dict[str, str]) -> None:
        self.folder, self.python, self.environment = folder, python, environment
        self.model = ""
        """The file that the last run has printed."""

    def words(self, command: str) -> list[str | Path]:
        """A command as it is typed, with KEY filled in."""
        typed = re.sub(r"artifacts/segment/KEY/\S+", self.model, command)
        return [self.python.with_name("maskdistill"), *shlex.split(typed)[1:]]

    def type(self, command: str) -> str:
        """Type a command that has to succeed; gives what it printed."""
        printed = run(self.words(command), self.folder, self.environment)
        if found := re.search(r"^model: (.+)$", printed, re.MULTILINE):
            self.model = found[1]
        return printed

    @contextmanager
    def page(self, command: str) -> Iterator[str]:
        """Type `view`; gives the address that it prints, and ends it with Ctrl-C."""
        words = [*self.words(command), "--port", "0"]
        environment = {**os.environ, **self.environment}
        with subprocess.Popen(words, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[0]
            finally:
                process.send_signal(signal.SIGINT)
                threading.Timer(60, process.kill).start()


def put_photos(folder: Path, n_photos: int, n_new: int, size: int = 96) -> None:
    """Write generated scenes as the photos that documents speak of: to learn from in PHOTOS, to predict in NEW."""
    scenes = open_source(ScenesConfig(kind="scenes", n_train=n_photos + n_new, n_val=0, size=size))
    for index in range(n_photos + n_new):
        write_image(folder / ("PHOTOS" if index < n_photos else "NEW") / f"{index:02d}.png", scenes.read(index))
