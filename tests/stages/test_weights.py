"""Where weights come from: read from settings, written back, and found again."""

from pathlib import Path

import pytest

from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.weights import TIMM, UNTRAINED, WeightsSource, find_checkpoint


@pytest.mark.parametrize(
    ("text", "origin", "inputs", "files"),
    [
        ("pretrained", "timm", (), {}),
        ("random", "untrained", (), {}),
        ("pretrain", "stage", ("pretrain",), {}),
        ("imitate", "stage", ("imitate",), {}),
        ("a folder/vit.pth", "file", (), {"weights": Path("a folder/vit.pth")}),
    ],
)
def test_a_setting_is_read_and_written_back(
    text: str, origin: str, inputs: tuple[str, ...], files: dict[str, Path]
) -> None:
    source = WeightsSource.parse(text)
    assert (source.origin, str(source)) == (origin, text)
    assert (source.inputs(), source.files("weights")) == (inputs, files)


def test_the_checkpoint_of_each(tmp_path: Path) -> None:
    artifacts = {"pretrain": tmp_path / "p", "imitate": tmp_path / "i"}
    assert WeightsSource.parse("pretrain").find(artifacts) == tmp_path / "p" / "vit.safetensors"
    assert WeightsSource.parse("imitate").find(artifacts) == tmp_path / "i" / "resnet.safetensors"
    assert WeightsSource.parse("~/vit.pth").find({}) == Path("~/vit.pth").expanduser()
    assert TIMM.find({}) is UNTRAINED.find({}) is find_checkpoint(None, {}) is None


def test_only_what_fits_the_network_is_accepted() -> None:
    for word in ("pretrained", "random", "pretrain"):
        with pytest.raises(ValueError, match=r"must be imitate, a path, or null"):
            DistillConfig.model_validate({"weights": word})
        assert str(DistillConfig.model_validate({"backbone": "vit", "weights": word}).weights) == word
    with pytest.raises(ValueError, match=r"weights\n.*must be pretrained, random, pretrain or a path"):
        DistillConfig.model_validate({"backbone": "vit", "weights": "imitate"})
    with pytest.raises(ValueError, match=r"must be pretrained, random, pretrain or a path"):
        MineConfig.model_validate({"weights": "imitate"})
    assert ClusterConfig.model_validate({"weights": None}).weights is None
