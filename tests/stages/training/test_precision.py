"""Precision follows the hardware; the hardware is played here, as no machine has all kinds."""

import warnings
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from maskdistill.stages.training.device import limit_threads
from maskdistill.stages.training.precision import (
    Abilities,
    EmulatedPrecision,
    autocast,
    bf16_slowdown,
    cpu_abilities,
    cuda_abilities,
    float32_products,
    resolve_precision,
    warn_of_emulation,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
COMPUTES, EMULATES = Abilities(bf16=True, fast_fp16=False), Abilities(bf16=False, fast_fp16=False)


@pytest.fixture
def not_warned() -> Iterator[None]:
    """What is said once a process is said anew."""
    warn_of_emulation.cache_clear()
    yield
    warn_of_emulation.cache_clear()


def refuse() -> float:
    raise AssertionError("what the CPU reports was not believed")


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "expected"), [(False, False, False), (True, False, True), (True, True, True)]
)
def test_a_cpu_is_believed(avx512_bf16: bool, amx: bool, expected: bool) -> None:
    reports = SimpleNamespace(_is_avx512_bf16_supported=lambda: avx512_bf16, _is_amx_tile_supported=lambda: amx)
    assert cpu_abilities("x86_64", reports, refuse) == Abilities(expected, fast_fp16=False)


@pytest.mark.parametrize(("slowdown", "expected"), [(27.0, False), (0.6, True)])
@pytest.mark.parametrize(("machine", "cpu"), [("aarch64", torch.cpu), ("AMD64", SimpleNamespace())])
def test_a_measurement_decides_where_torch_says_nothing(
    machine: str, cpu: object, slowdown: float, expected: bool
) -> None:
    assert cpu_abilities(machine, cpu, lambda: slowdown).bf16 == expected


@pytest.mark.parametrize(
    ("gpu", "bf16", "capability", "inference", "training"),
    [
        ("H100", True, (9, 0), "bf16", "bf16"),
        ("T4", False, (7, 5), "fp32", "fp16"),
        ("V100", False, (7, 0), "fp32", "fp16"),
        ("P100", False, (6, 0), "fp32", "fp32"),
    ],
)
def test_auto_on_a_gpu(gpu: str, bf16: bool, capability: tuple[int, int], inference: str, training: str) -> None:
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return bf16 or including_emulation

    cuda = SimpleNamespace(is_bf16_supported=is_bf16_supported, get_device_capability=lambda device: capability)
    abilities = cuda_abilities(CUDA, cuda)
    assert resolve_precision("auto", CUDA, abilities=abilities) == inference
    assert resolve_precision("auto", CUDA, loss_scaling=True, abilities=abilities) == training


@pytest.mark.parametrize(("abilities", "expected"), [(EMULATES, "fp32"), (COMPUTES, "bf16")])
def test_auto_on_a_cpu(abilities: Abilities, expected: str) -> None:
    assert resolve_precision("auto", CPU, abilities=abilities) == expected
    assert resolve_precision("auto", CPU, loss_scaling=True, abilities=abilities) == expected


def test_what_is_asked_for_is_taken_and_emulation_is_said_once(not_warned: None) -> None:
    with pytest.warns(EmulatedPrecision, match=r"only emulates, \d+ times slower than float32"):
        assert resolve_precision("bf16", CPU, abilities=EMULATES) == "bf16"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_precision("bf16", CPU, abilities=EMULATES) == "bf16"
        assert resolve_precision("fp32", CPU, abilities=EMULATES) == "fp32"
        assert resolve_precision("fp16", CPU, loss_scaling=True, abilities=EMULATES) == "fp16"


def test_nothing_is_said_where_bf16_is_computed(not_warned: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve_precision("bf16", CPU, abilities=COMPUTES)


@pytest.mark.parametrize(("abilities", "expected"), [(EMULATES, torch.float32), (COMPUTES, torch.bfloat16)])
def test_autocast_computes_in_the_resolved_precision(abilities: Abilities, expected: torch.dtype) -> None:
    matrix = torch.ones(2, 2)
    with autocast(CPU, "auto", abilities=abilities):
        assert (matrix @ matrix).dtype == expected


def test_the_measurement_leaves_the_threads_as_they_are() -> None:
    before = torch.get_num_threads()
    assert bf16_slowdown("cpu") > 0
    assert torch.get_num_threads() == before


def test_switches_of_cuda_are_set_and_set_back() -> None:
    def switches() -> tuple[bool, bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark

    before = switches()
    with float32_products(tf32=True, fixed_shapes=True):
        assert switches() == (True, True, True)
        with float32_products(tf32=False):
            assert switches() == (False, False, False)
        assert switches() == (True, True, True)
    assert switches() == before


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_stay_within_the_cores_of_the_process(monkeypatch: pytest.MonkeyPatch, three_threads: None) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    limit_threads(n_cores=2)
    assert torch.get_num_threads() == 2
    limit_threads(n_cores=8)
    assert torch.get_num_threads() == 2  # never more than torch took by itself
    limit_threads(n_processes=4, n_cores=2)
    assert torch.get_num_threads() == 1


def test_the_number_of_threads_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch, three_threads: None) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    limit_threads(n_cores=2)
    assert torch.get_num_threads() == 3
