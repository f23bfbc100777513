"""Weights that cannot be downloaded are said to be so at once."""

import socket
import time

import pytest
from torch import nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.download import check_reachable
from maskdistill.stages.networks.vit_build import build_vit


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("address", ["https://nobody.invalid", "http://127.0.0.1:9"])
def test_a_server_out_of_reach_is_named(address: str) -> None:
    start = time.monotonic()
    with pytest.raises(OSError, match="cannot be reached"):
        check_reachable(address)
    assert time.monotonic() - start < 10


def test_a_server_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_reachable(f"http://127.0.0.1:{server.getsockname()[1]}")


def test_behind_a_proxy_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    check_reachable("https://nobody.invalid")


def test_the_ways_out_are_said() -> None:
    def unreachable(*_: object, **__: object) -> nn.Module:
        raise OSError("the hub cannot be reached: no network")

    with pytest.raises(InputError, match=r"mine.weights: .*cannot be reached.*path of the file.*mine.weights=pretrain"):
        build_vit("vit_small_patch16_224.dino", pretrained=True, create=unreachable)
