"""Loading, overriding, and errors that tell the remedy."""

from pathlib import Path

import pytest

from helpers.paths import ROOT
from maskdistill.data.errors import InputError
from maskdistill.pipeline.config import Config, ConfigSource, field_names
from maskdistill.stages.mine.methods.affinity_config import AffinityConfig


def load(tmp_path: Path, text: str = "data: {kind: scenes}", *overrides: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return ConfigSource((path,), overrides).load()


def rule_of(config: Config) -> AffinityConfig:
    assert isinstance(config.mine.own, AffinityConfig)
    return config.mine.own


def test_overrides_are_typed_and_dotted(tmp_path: Path) -> None:
    config = load(
        tmp_path, "data: {kind: scenes}", "cluster.k=27", "mine.weights=random", "mine.affinity.block=-2", "seed=5"
    )
    assert (config.cluster.k, str(config.mine.weights), rule_of(config).block, config.seed) == (27, "random", -2, 5)


def test_off_without_quotes_is_not_taken_for_false(tmp_path: Path) -> None:
    text = "data: {kind: scenes}\nmine: {affinity: {center_keys: image}}"
    assert rule_of(load(tmp_path, text, "mine.affinity.center_keys=off")).center_keys == "off"


def test_a_later_file_changes_settings_of_an_earlier_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("data: {kind: scenes, seed: 3}\ncluster: {k: 5}")
    second.write_text("data: {n_train: 7}\ncluster: {k: 6}")
    config = ConfigSource((first, second)).load()
    assert config.data.model_dump()["seed"] == 3
    assert config.data.model_dump()["n_train"] == 7
    assert config.cluster.k == 6


def test_another_kind_of_data_drops_the_settings_of_the_old_one(tmp_path: Path) -> None:
    text = "data: {kind: scenes, n_train: 3, max_failure_rate: 0.5}"
    config = load(tmp_path, text, "data.kind=folder", "data.root=photos")
    assert config.data.kind == "folder"
    assert config.data.max_failure_rate == 0.5


def test_cluster_takes_over_the_model_of_mine(tmp_path: Path) -> None:
    config = load(tmp_path, "data: {kind: scenes}", "mine.model=vit_tiny_patch16_224", "mine.weights=random")
    assert (config.cluster.model, str(config.cluster.weights)) == ("vit_tiny_patch16_224", "random")
    own = load(tmp_path, "data: {kind: scenes}", "cluster.model=vit_small_patch8_224.dino")
    assert own.cluster.model == "vit_small_patch8_224.dino"


def test_clusters_and_the_resnet_see_pixels_as_mining_does(tmp_path: Path) -> None:
    config = load(tmp_path, "data: {kind: scenes}", "mine.normalise=half", "imitate.normalise=imagenet")
    assert (config.cluster.normalise, config.imitate.normalise) == ("half", "imagenet")
    assert load(tmp_path, "data: {kind: scenes}").cluster.normalise == "auto"


def test_a_detector_on_a_vit_takes_over_that_of_mine(tmp_path: Path) -> None:
    mine = ("mine.model=vit_tiny_patch16_224", "mine.weights=pretrain", "mine.normalise=half")
    found = load(tmp_path, "data: {kind: scenes}", "distill.backbone=vit", *mine).distill
    assert (found.vit.model, str(found.weights), found.vit.normalise) == ("vit_tiny_patch16_224", "pretrain", "half")
    assert found.inputs() == ("mine", "cluster", "pretrain")
    own = load(tmp_path, "data: {kind: scenes}", "distill.backbone=vit", "distill.weights=random", *mine).distill
    assert (str(own.weights), own.inputs()) == ("random", ("mine", "cluster"))
    resnet = load(tmp_path, "data: {kind: scenes}", *mine).distill
    assert (resnet.vit.model, resnet.weights) == (None, None)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("cluster.kk=3", "cluster.kk: no such field; did you mean cluster.k?"),
        ("clutser.k=3", "clutser: no such field; did you mean cluster?"),
        ("treshold=0.5", "treshold: no such field; did you mean filter.threshold?"),
        ("pretrain.overrides={img_size:128}", "pretrain.overrides.img_size:128: input should be 'img_size', "),
        ("data.n_trian=3", "data.n_trian: no such field; did you mean data.n_train?"),
        ("cluster.k=1", "cluster.k: input should be greater than or equal to 2 (got 1)"),
        ("distill.weights=pretrain", "distill.weights: must be imitate, a path, or null for none, as it is a ResNet's"),
        (
            "distill={backbone: vit, weights: imitate}",
            "distill.weights: must be pretrained, random, pretrain or a path",
        ),
        (
            "mine.method=slots",
            "mine.method: must be one of affinity, lost, tokencut, maskcut, otsu, import (got 'slots')",
        ),
        ("mine.affinty.block=3", "mine.affinty: no such field; did you mean mine.affinity?"),
        ("mine.affinity.blok=3", "mine.affinity.blok: no such field; did you mean mine.affinity.block?"),
        ("cluster.k=many", "cluster.k: input should be a valid integer"),
        (
            "mine.affinity.topk_fraction=2",
            "mine.affinity.topk_fraction: input should be less than or equal to 1 (got 2)",
        ),
        ("data.kind=imagenet", "data.kind: one of folder, voc, coco, scenes is required (got 'imagenet')"),
        ("data.kind=folder", "data.root: required; set it in the file or with -s data.root=VALUE"),
        ("cluster", "an override reads section.field=value"),
        ("seed.x=3", "seed: input should be a valid integer"),
        ("seed=[", "the value is not readable"),
    ],
)
def test_errors_name_the_field_and_the_remedy(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, "data: {kind: scenes}\nseed: 0", override)
    assert expected in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "data: {kind: scenes}\nmine: 3"])
def test_files_that_are_no_configuration(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"c\.yaml|mine"):
        load(tmp_path, text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such configuration file"):
        ConfigSource((tmp_path / "nowhere.yaml",)).load()


def test_arguments_give_the_same_configuration_again() -> None:
    source = ConfigSource((Path("a.yaml"), Path("b.yaml")), ("cluster.k=3", "data.root=my photos"))
    assert source.arguments() == "-c a.yaml -c b.yaml -s cluster.k=3 -s 'data.root=my photos'"


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configurations_are_valid_and_say_how_to_run_them(path: Path) -> None:
    ConfigSource((path,)).load()
    assert "make " in path.read_text() or "maskdistill run" in path.read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "profiles").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_profiles_are_valid(path: Path) -> None:
    ConfigSource((ROOT / "configs" / "images.yaml", path)).load()


def test_the_demo_takes_a_mask_rcnn_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # its weights are found from any folder
    regions, boxes = (ConfigSource(tuple(map(Path, names))).load() for names in (["demo"], ["demo", "mask_rcnn"]))
    assert regions.distill.backend == "regions"
    assert boxes.distill.backend in ("torchvision", "detectron2")
    assert boxes.distill.files()["weights"].resolve() == boxes.segment.files()["weights"].resolve()


def test_field_names_cover_all_sections() -> None:
    names = set(field_names())
    assert {
        "data.root",
        "data.n_train",
        "mine.affinity.block",
        "cluster.k",
        "filter.threshold",
        "execution.device",
    } <= names


def test_experiments_of_the_paper() -> None:
    voc, coco = (ConfigSource((ROOT / "configs" / name,)).load() for name in ("voc2012.yaml", "coco20k.yaml"))
    for config, k in ((voc, 20), (coco, 80)):
        assert (rule_of(config).short_side, rule_of(config).n_heads) == (640, 5)
        assert (rule_of(config).topk_fraction, rule_of(config).attention_mass) == (0.4, 0.5)
        assert (config.cluster.k, config.cluster.batch_size_kmeans, config.cluster.view) == (k, 1000, "crop")
        assert (config.mine.model, config.cluster.model) == ("vit_small_patch16_224.dino", "vit_small_patch8_224.dino")
        assert (config.distill.backbone, config.filter.threshold) == ("resnet50", 0.9)
    segment = voc.segment
    assert (segment.backbone, segment.output_stride, segment.freeze_stages) == ("resnet50", 8, 2)
    assert segment.keep_fraction == 0.2
    assert (segment.lr, segment.momentum, segment.weight_decay, segment.optimizer) == (0.002, 0.9, 1e-4, "sgd")
    assert (segment.epochs, segment.batch_size, segment.crop) == (45, 16, 512)
    assert (segment.scale, segment.rotation, segment.flip) == ((0.75, 1.25), 5, 0.5)
    assert segment.schedule == "step"
    assert segment.step_at == pytest.approx((40 / 45,), abs=1e-4)
    assert (voc.data.kind, coco.data.kind) == ("voc", "coco")


OLD = """
data: {kind: scenes}
backbone: {weights: pretrain, rotation: 90}
mine: {short_side: 64, block: 2}
distill: {weights: backbone, neck: fpn}
segment: {weights: backbone, channels: 32, dilations: [1, 2, 3], head: deeplab}
"""
NEW = """
data: {kind: scenes}
imitate: {weights: pretrain, rotation: 90}
mine: {affinity: {short_side: 64, block: 2}}
distill: {weights: imitate, detectron2: {neck: fpn}}
segment: {weights: imitate, deeplab: {channels: 32, dilations: [1, 2, 3]}}
"""


def test_a_configuration_of_an_earlier_version_is_read_with_a_note_of_what_changed(tmp_path: Path) -> None:
    with pytest.warns(UserWarning) as caught:
        old = load(tmp_path, OLD)
    (note,) = caught
    assert all(f"{name} is " in str(note.message) for name in ("backbone", "mine.block", "segment.channels"))
    assert "distill.weights: backbone is distill.weights: imitate now" in str(note.message)
    assert old == load(tmp_path, NEW)


def test_new_names_win_over_old_ones(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"mine\.block is mine\.affinity\.block now"):
        config = load(tmp_path, "data: {kind: scenes}\nmine: {block: 2, affinity: {block: 3}}")
    assert rule_of(config).block == 3


def test_without_a_gpu_the_profile_for_cpus_fits_photos_to_the_machine(tmp_path: Path) -> None:
    source = ConfigSource((Path("images"),), (f"data.root={tmp_path}",))
    on_cpu, on_gpu = source.load(gpu=False), source.load(gpu=True)
    assert (on_cpu.profile, on_gpu.profile) == ("cpu", "none")
    assert (on_cpu.distill.backend, on_cpu.mine.own.short_side) == ("regions", 256)  # type: ignore[attr-defined]
    assert on_gpu.distill.backend != "regions"
    assert on_cpu.distill.backbone == on_gpu.distill.backbone == on_gpu.segment.backbone == "vit"
    assert ConfigSource((Path("images"),), (f"data.root={tmp_path}", "profile=none")).load(gpu=False).profile == "none"
    forced = ConfigSource((Path("images"),), (f"data.root={tmp_path}", "execution.device=cpu")).load(gpu=True)
    assert forced.profile == "cpu"


def test_what_a_user_writes_stands_above_the_profile(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("cluster: {max_side: 96}\n")
    overrides = (f"data.root={tmp_path}", "features.short_side=128")
    config = ConfigSource((Path("images"), own), overrides).load(gpu=False)
    assert (config.cluster.max_side, config.features.short_side) == (96, 128)
    assert config.segment.image_size == config.distill.image_size == 128


def test_weights_of_a_resnet_choose_a_resnet(tmp_path: Path) -> None:
    weights = tmp_path / "r50.pth"
    weights.write_bytes(b"")
    overrides = (f"data.root={tmp_path}", f"segment.weights={weights}", "profile=none")
    config = ConfigSource((Path("images"),), overrides).load(gpu=False)
    assert (config.segment.backbone, config.distill.backbone) == ("resnet50", "vit")


def test_another_vit_than_that_of_the_stored_tokens_is_refused(tmp_path: Path) -> None:
    overrides = (f"data.root={tmp_path}", "segment.vit.model=vit_base_patch16_224")
    with pytest.raises(InputError, match=r"segment\.vit\.model: .*features\.model"):
        ConfigSource((Path("images"),), overrides).load(gpu=False)


def test_an_unknown_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"profile: fast: must be one of auto, none, cpu, cpu_resnet"):
        ConfigSource((Path("images"),), (f"data.root={tmp_path}", "profile=fast")).load()
