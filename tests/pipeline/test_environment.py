"""What a manifest says of the machine."""

from maskdistill.pipeline.environment import describe_arithmetic
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.mine.config import MineConfig

CPU = ExecutionConfig(device="cpu")


def test_it_says_what_auto_came_to() -> None:
    found = describe_arithmetic(MineConfig(), CPU)
    assert found["precision"] in ("bf16", "fp32")
    assert found["device"] in ("CPU (AVX2)", "CPU (AVX512)", "CPU (AMX)", "CPU (DEFAULT)")
    assert int(str(found["threads"])) >= 1


def test_it_says_what_was_asked_for() -> None:
    assert describe_arithmetic(DistillConfig(precision="fp16"), CPU)["precision"] == "fp16"


def test_a_stage_without_a_network_has_none() -> None:
    assert describe_arithmetic(FilterConfig(), CPU) == {}
