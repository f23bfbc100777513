"""Input that once broke or hung a run: odd pictures, odd weights, many masks, visitors who do not finish a request."""

import os
import pickle
import signal
import socket
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

from helpers.commands import finish, maskdistill, start, wait_until
from helpers.fault_bench import Bench
from helpers.fault_process import Ended
from helpers.sources import write_image

ARGUMENTS = ("run", "--to", "mine", "--no-prefect")
VISITORS = 200


def _noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


PICTURES: dict[str, Callable[[Path], object]] = {
    "wide.png": lambda path: write_image(path, 0, (1, 20_000)),
    "high.png": lambda path: write_image(path, 0, (20_000, 1)),
    "empty.png": lambda path: path.write_bytes(b""),
    "noise.jpg": _noise,
    "\x1b]0;title\x07\x1b[31m.png": _noise,
    "two\nlines.png": _noise,
}


@pytest.mark.faults
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture(bench: Bench, name: str) -> None:
    bench.empty()
    picture = bench.folder / "photos" / name
    PICTURES[name](picture)
    try:
        found = maskdistill(bench.config, bench.artifacts, *ARGUMENTS)
    finally:
        picture.unlink()
    ended = Ended(found.returncode, found.stdout + found.stderr)
    assert ended.refused, ended.text
    assert "\x1b" not in ended.text
    bench.judge("a picture that is none, or a line", repr(name), ended)


class _Command:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {Path(__file__).with_name('was_run')}",)


def _within_itself(path: Path) -> None:
    content: dict[str, object] = {}
    content["state_dict"] = content
    torch.save(content, path)


def _deep(path: Path) -> None:
    content: list[object] = []
    for _ in range(400):
        content = [content]
    torch.save({"model": content}, path)


def _cut_short(path: Path) -> None:
    torch.save({"x": torch.zeros(99)}, path)
    os.truncate(path, 300)


WEIGHTS: dict[str, Callable[[Path], object]] = {
    "contains itself": _within_itself,
    "is deep": _deep,
    "runs a command": lambda path: path.write_bytes(pickle.dumps(_Command())),
    "is cut short": _cut_short,
    "is noise": _noise,
}


@pytest.mark.faults
@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_file_of_weights(bench: Bench, kind: str, tmp_path: Path) -> None:
    bench.empty()
    WEIGHTS[kind](tmp_path / "weights.pth")
    settings = ("-s", "mine.method=affinity", "-s", f"mine.weights={tmp_path / 'weights.pth'}")
    found = maskdistill(bench.config, bench.artifacts, *ARGUMENTS, *settings)
    ended = Ended(found.returncode, found.stdout + found.stderr)
    assert ended.refused, ended.text
    assert not Path(__file__).with_name("was_run").exists()
    bench.judge("a file of weights that is none", kind, ended)


@pytest.mark.parametrize("n", [257, pytest.param(70_000, marks=pytest.mark.faults)])
def test_many_masks_in_one_image(bench: Bench, n: int) -> None:
    ended = bench.start("store_masks_of_one_image", n).ended()
    bench.count("more masks in one image than a byte counts", "survived" if ended.code == 0 else "lost", ended.text)


@pytest.mark.faults
@pytest.mark.parametrize("threads", [2, 3])
def test_another_number_of_threads(bench: Bench, threads: int) -> None:
    bench.empty()
    bench.judge("another number of threads", str(threads), bench.start("run_with_threads", threads).ended())


@pytest.mark.faults
def test_visitors_who_do_not_finish_a_request(bench: Bench) -> None:
    bench.finished()
    page = start(bench.config, bench.artifacts, "view", "--port", "0")
    assert page.stdout is not None
    address = urlsplit(page.stdout.readline().split()[0])
    visitors = [socket.create_connection((address.hostname, address.port)) for _ in range(VISITORS)]
    try:
        for visitor in visitors:
            visitor.sendall(b"GET / HTTP/1.1\r\nHo")
        wait_until(lambda: _answers(address.geturl()), seconds=30)
    finally:
        for visitor in visitors:
            visitor.close()
        page.send_signal(signal.SIGINT)
        ended = finish(page)
    bench.judge("visitors who do not finish their requests", "", Ended(ended.returncode, ended.stdout + ended.stderr))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
