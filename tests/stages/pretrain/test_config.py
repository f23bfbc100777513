"""The configuration of the shipped weights is one that the stage accepts, on scenes that the demo never shows."""

import pytest
import yaml

from helpers.paths import ROOT
from maskdistill.data.config import ScenesConfig
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.pretrain.config import PretrainConfig, ViewsConfig
from maskdistill.stages.pretrain.fit import recipe_of
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig

CONFIGS = ROOT / "configs"


def test_weights_are_trained_on_scenes_that_the_demo_never_shows() -> None:
    sections = yaml.safe_load((CONFIGS / "weights" / "scenes.yaml").read_text())
    demo = yaml.safe_load((CONFIGS / "demo.yaml").read_text())
    assert ScenesConfig(**sections["data"]).seed != ScenesConfig(**demo["data"]).seed
    config = PretrainConfig(**sections["pretrain"])
    assert config.views.global_size <= config.image_size <= config.overrides["img_size"]


def test_weights_are_those_of_their_configuration() -> None:
    """What the file says of its training is what the configuration beside it says."""
    section = yaml.safe_load((CONFIGS / "weights" / "scenes.yaml").read_text())["pretrain"]
    trained = read_description(CONFIGS / "weights" / "scenes_vit.safetensors")["config"]
    for name, value in section.items():
        if isinstance(value, dict):
            assert value.items() <= trained[name].items()
        else:
            assert value == trained[name]


def test_iterations_are_whole_batches() -> None:
    assert PretrainConfig(samples=1000, batch_size=128).iterations == 7
    assert PretrainConfig(samples=1, batch_size=128).iterations == 1


def test_betas_and_clipping_are_the_methods_own_unless_they_are_given() -> None:
    dino, prototypes = recipe_of(PretrainConfig(method="dino")), recipe_of(PretrainConfig())
    assert (dino.betas, dino.clip_each) == ((0.9, 0.999), True)
    assert (prototypes.betas, prototypes.clip_each) == ((0.9, 0.95), False)
    given = recipe_of(PretrainConfig(method="dino", betas=(0.8, 0.9), clip="whole"))
    assert (given.betas, given.clip_each) == ((0.8, 0.9), False)


def test_settings_of_the_other_methods_are_not_used() -> None:
    assert PretrainConfig(method="dino").unused() == {"prototypes", "untrained"}
    assert PretrainConfig().unused() == {"dino", "untrained"}


@pytest.mark.parametrize("ratios", [(0.5, 0.1), (-0.1, 0.5), (0.5, 1.1)])
def test_mask_ratios_out_of_order_are_refused(ratios: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="mask_ratio must be two numbers"):
        DinoConfig(mask_ratio=ratios)


def test_views_larger_than_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="128 px"):
        PretrainConfig(views=ViewsConfig(global_size=160))
    PretrainConfig(model="vit_small_patch16_224", overrides={}, views=ViewsConfig(global_size=160))
