"""Precision follows the hardware; the hardware is played here, as no machine has all kinds."""

import warnings

import joblib
import pytest
import torch

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.training import device, precision
from maskdistill.stages.training.precision import (
    EmulatedPrecision,
    autocast,
    bf16_slowdown,
    float32_products,
    resolve_precision,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def asks_anew():
    """What is asked once a process is asked in each test."""
    cached = (precision.computes_bf16, precision.bf16_slowdown, precision.warn_of_emulation)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.fixture
def cpu_with(monkeypatch):
    """Plays a CPU on which torch reports these abilities."""

    def play(avx512_bf16: bool, amx: bool) -> None:
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)

    return play


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "expected"), [(False, False, "fp32"), (True, False, "bf16"), (True, True, "bf16")]
)
def test_auto_on_a_cpu_is_what_the_cpu_computes(cpu_with, avx512_bf16, amx, expected):
    cpu_with(avx512_bf16, amx)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("auto", CPU, loss_scaling=True) == expected


@pytest.mark.parametrize(("slowdown", "expected"), [(27.0, "fp32"), (0.6, "bf16")])
def test_a_measurement_decides_where_torch_says_nothing(monkeypatch, slowdown, expected):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(precision, "bf16_slowdown", lambda device_type: slowdown)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(
    ("gpu", "bf16", "capability", "inference", "training"),
    [
        ("H100", True, (9, 0), "bf16", "bf16"),
        ("T4", False, (7, 5), "fp32", "fp16"),
        ("V100", False, (7, 0), "fp32", "fp16"),
        ("P100", False, (6, 0), "fp32", "fp32"),
    ],
)
def test_auto_on_a_gpu(monkeypatch, gpu, bf16, capability, inference, training):
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return bf16 or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", CUDA) == inference
    assert resolve_precision("auto", CUDA, loss_scaling=True) == training


def test_what_is_asked_for_is_taken_and_emulation_is_said_once(cpu_with):
    cpu_with(avx512_bf16=False, amx=False)
    with pytest.warns(EmulatedPrecision, match=r"only emulates, \d+ times slower than float32"):
        assert resolve_precision("bf16", CPU) == "bf16"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_precision("bf16", CPU) == "bf16"
        assert resolve_precision("fp32", CPU) == "fp32"
        assert resolve_precision("fp16", CPU, loss_scaling=True) == "fp16"


def test_nothing_is_said_where_bf16_is_computed(cpu_with):
    cpu_with(avx512_bf16=True, amx=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve_precision("bf16", CPU)


def test_autocast_computes_in_the_resolved_precision(cpu_with):
    matrix = torch.ones(2, 2)
    cpu_with(avx512_bf16=False, amx=False)
    with autocast(CPU, "auto"):
        assert (matrix @ matrix).dtype == torch.float32
    precision.computes_bf16.cache_clear()
    cpu_with(avx512_bf16=True, amx=True)
    with autocast(CPU, "auto"):
        assert (matrix @ matrix).dtype == torch.bfloat16


def test_the_measurement_leaves_the_threads_as_they_are():
    before = torch.get_num_threads()
    assert bf16_slowdown("cpu") > 0
    assert torch.get_num_threads() == before


def test_switches_of_cuda_are_set_and_set_back():
    def switches():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark

    before = switches()
    with float32_products(tf32=True, fixed_shapes=True):
        assert switches() == (True, True, True)
        with float32_products(tf32=False):
            assert switches() == (False, False, False)
        assert switches() == (True, True, True)
    assert switches() == before


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_threads_stay_within_the_cores_of_the_process(monkeypatch, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(3)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    device.resolve_device(ExecutionConfig(device="cpu"))
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    device.resolve_device(ExecutionConfig(device="cpu"))
    assert torch.get_num_threads() == 2  # never more than torch took by itself


def test_the_number_of_threads_that_was_asked_for_stays(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    torch.set_num_threads(3)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    device.resolve_device(ExecutionConfig(device="cpu"))
    assert torch.get_num_threads() == 3
