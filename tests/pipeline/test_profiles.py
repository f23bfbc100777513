"""Which profile a machine gets."""

from pathlib import Path

from maskdistill.pipeline.profiles import chosen_profile, has_gpu


def test_a_gpu_is_one_that_is_there_and_not_hidden(tmp_path: Path) -> None:
    device = tmp_path / "gpu"
    assert not has_gpu({}, (str(device),))
    device.touch()
    assert has_gpu({}, (str(device),))
    assert has_gpu({"CUDA_VISIBLE_DEVICES": "1"}, (str(device),))
    assert not has_gpu({"CUDA_VISIBLE_DEVICES": ""}, (str(device),))
    assert not has_gpu({"CUDA_VISIBLE_DEVICES": "-1"}, (str(device),))


def test_a_profile_by_name_is_taken_whatever_the_machine() -> None:
    assert chosen_profile("cpu", None, gpu=True) == "cpu"
    assert chosen_profile("none", None, gpu=False) == "none"
    assert chosen_profile("auto", "cuda", gpu=True) == "none"
