"""Queries, keys and class tokens against hooks on the whole timm model; checkpoints in the shapes people have them."""

import argparse

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from maskdistill.data.errors import InputError
from maskdistill.stages.networks import vit
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.vit_checkpoint import read_architecture
from maskdistill.stages.networks.weights_file import save_weights

TINY = "vit_tiny_patch16_224"
ARCHITECTURES = [
    (TINY, 16),
    ("vit_small_patch14_reg4_dinov2", 14),
    ("deit_tiny_distilled_patch16_224", 16),
    ("vit_small_patch16_dinov3", 16),
    ("vit_small_patch16_rope_mixed_224", 16),
    ("eva02_tiny_patch14_224", 14),
]


def hooked_queries_keys(model, images, index):
    """q and k exactly as the target layer hands them to the attention product."""
    caught = {}
    original = F.scaled_dot_product_attention

    def spy(query, key, value, **options):
        caught["calls"] = caught.get("calls", 0) + 1
        if caught["calls"] == index + 1:
            caught["qk"] = query, key
        return original(query, key, value, **options)

    F.scaled_dot_product_attention = spy
    try:
        features = model.forward_features(images)
    finally:
        F.scaled_dot_product_attention = original
    return *caught["qk"], features


@pytest.mark.parametrize(("name", "patch"), ARCHITECTURES, ids=[name for name, _ in ARCHITECTURES])
@pytest.mark.parametrize("block", [None, 1])
@torch.inference_mode()
def test_queries_and_keys_are_those_of_the_model(name, patch, block):
    backbone = load_vit(name, "random", 3)
    images = torch.randn(2, 3, 3 * patch, 5 * patch)
    queries, keys = backbone.queries_keys(images, block)
    q, k, features = hooked_queries_keys(backbone.model, images, backbone.resolve_block(block))
    kept = [0, *range(backbone.n_prefix, q.shape[2])]
    assert queries.shape == (2, backbone.n_heads, 1 + 15, q.shape[-1])
    torch.testing.assert_close(queries, q[:, :, kept], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(keys, k[:, :, kept], rtol=1e-5, atol=1e-5)
    if isinstance(backbone.model.fc_norm, torch.nn.Identity):
        torch.testing.assert_close(backbone.class_token(images), features[:, 0], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_batch_equals_its_images_one_by_one():
    backbone = load_vit(TINY, "random")
    images = torch.randn(3, 3, 32, 48)
    together = [*backbone.queries_keys(images), backbone.class_token(images)]
    for i, image in enumerate(images):
        alone = [*backbone.queries_keys(image[None]), backbone.class_token(image[None])]
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i], b[0], rtol=1e-4, atol=1e-5)


def test_only_what_is_needed_is_computed(monkeypatch):
    backbone = load_vit(TINY, "random")
    calls = []
    for i, block in enumerate(backbone.model.blocks):
        block.register_forward_hook(lambda *_, i=i: calls.append(i))
    backbone.queries_keys(torch.zeros(1, 3, 16, 16), 4)
    assert calls == [0, 1, 2, 3]


def test_random_weights_follow_the_seed_and_leave_the_global_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first, same, other = (load_vit(TINY, "random", seed).model.cls_token for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(2), expected)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(5)
    return timm.create_model(TINY, num_classes=0).state_dict()


WRAPPINGS = {
    "bare": lambda state: state,
    "dino teacher": lambda state: {
        "student": {"module.backbone.cls_token": torch.zeros(1)},
        "teacher": {f"module.backbone.{k}": v for k, v in state.items()} | {"module.head.mlp.0.bias": torch.zeros(2)},
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1),
    },
    "state_dict": lambda state: {"state_dict": {f"module.encoder.{k}": v for k, v in state.items()}},
    "classifier": lambda state: {"model": state | {"head.weight": torch.zeros(10, 192), "head.bias": torch.zeros(10)}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_checkpoints_are_unwrapped(wrapping, trained, tmp_path):
    torch.save(WRAPPINGS[wrapping](trained), tmp_path / "weights.pth")
    backbone = load_vit(TINY, str(tmp_path / "weights.pth"), normalise="half")
    assert all(torch.equal(value, trained[name]) for name, value in backbone.model.state_dict().items())


def test_safetensors_are_read(trained, tmp_path):
    save_file(trained, tmp_path / "weights.safetensors")
    backbone = load_vit(TINY, str(tmp_path / "weights.safetensors"), normalise="half")
    assert torch.equal(backbone.model.cls_token, trained["cls_token"])


def test_position_embeddings_of_another_grid_are_resampled(trained, tmp_path):
    other = timm.create_model(TINY, num_classes=0, img_size=96).state_dict()
    torch.save(other, tmp_path / "small.pt")
    backbone = load_vit(TINY, str(tmp_path / "small.pt"), normalise="half")
    assert backbone.model.pos_embed.shape == trained["pos_embed"].shape
    assert torch.equal(backbone.model.cls_token, other["cls_token"])


DINO_BLOCK = {
    "norm1.weight": (384,), "norm1.bias": (384,),
    "attn.qkv.weight": (1152, 384), "attn.qkv.bias": (1152,),
    "attn.proj.weight": (384, 384), "attn.proj.bias": (384,),
    "norm2.weight": (384,), "norm2.bias": (384,),
    "mlp.fc1.weight": (1536, 384), "mlp.fc1.bias": (1536,),
    "mlp.fc2.weight": (384, 1536), "mlp.fc2.bias": (384,),
}  # fmt: skip
DINO_SMALL = {
    "cls_token": (1, 1, 384), "pos_embed": (1, 197, 384),
    "patch_embed.proj.weight": (384, 3, 16, 16), "patch_embed.proj.bias": (384,),
    **{f"blocks.{block}.{name}": shape for block in range(12) for name, shape in DINO_BLOCK.items()},
    "norm.weight": (384,), "norm.bias": (384,),
}  # fmt: skip
"""Names and shapes of `vit_small` with patches of 16 px in the original DINO repository, as in its released files."""
DINO_HEAD = ("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.4.bias", "last_layer.weight_g", "last_layer.weight_v")


@pytest.fixture(scope="module")
def original_dino():
    generator = torch.Generator().manual_seed(7)
    return {name: torch.randn(shape, generator=generator) * 0.05 for name, shape in DINO_SMALL.items()}


def dino_training(backbone):
    """A whole checkpoint of a training with the original code: wrapped networks, optimiser, arguments."""
    head = {f"module.head.{name}": torch.zeros(2) for name in DINO_HEAD}
    return {
        "student": {f"module.backbone.{name}": torch.zeros(1) for name in backbone} | head,
        "teacher": {f"module.backbone.{name}": value for name, value in backbone.items()} | head,
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
        "epoch": 800,
        "args": argparse.Namespace(arch="vit_small", patch_size=16),
        "dino_loss": {"center": torch.zeros(1, 2)},
    }


@pytest.mark.parametrize(
    "wrap",
    [
        lambda backbone: backbone,
        lambda backbone: {f"module.{name}": value for name, value in backbone.items()},
        lambda backbone: {f"backbone.{name}": value for name, value in backbone.items()},
        lambda backbone: {"teacher": {f"backbone.{name}": value for name, value in backbone.items()}},
        dino_training,
    ],
    ids=["backbone only", "module.", "backbone.", "teacher", "whole training"],
)
@pytest.mark.parametrize("model", ["vit_small_patch16_224.dino", "vit_small_patch16_224"])
def test_original_dino_names_are_read(wrap, model, original_dino, tmp_path):
    torch.save(wrap(original_dino), tmp_path / "dino.pth")
    backbone = load_vit(model, str(tmp_path / "dino.pth"), normalise="imagenet")
    loaded = backbone.model.state_dict()
    assert set(loaded) == set(original_dino)
    assert all(torch.equal(value, original_dino[name]) for name, value in loaded.items())
    assert (backbone.n_blocks, backbone.n_heads, backbone.patch_size, backbone.dim) == (12, 6, 16, 384)
    assert backbone.mean == pytest.approx((0.485, 0.456, 0.406))
    assert backbone.std == pytest.approx((0.229, 0.224, 0.225))


def original_dino_forward(state, images):
    """Queries and keys of the last block and the class token, written out after the paper with no code of timm."""

    def linear(name, tokens):
        return F.linear(tokens, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name, tokens):
        return F.layer_norm(tokens, (384,), state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)

    patches = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=16)
    tokens = torch.cat([state["cls_token"].expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    tokens = tokens + state["pos_embed"]
    for i in range(12):
        name = f"blocks.{i}"
        q, k, v = (
            linear(f"{name}.attn.qkv", norm(f"{name}.norm1", tokens)).unflatten(2, (3, 6, 64)).permute(2, 0, 3, 1, 4)
        )
        mixed = ((q @ k.transpose(2, 3)) / 8).softmax(dim=-1) @ v
        tokens = tokens + linear(f"{name}.attn.proj", mixed.transpose(1, 2).flatten(2))
        hidden = F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", tokens)))
        tokens = tokens + linear(f"{name}.mlp.fc2", hidden)
    return q, k, norm("norm", tokens)[:, 0]


@torch.inference_mode()
def test_original_dino_weights_compute_what_the_original_computes(original_dino, tmp_path):
    torch.save(dino_training(original_dino), tmp_path / "dino.pth")
    backbone = load_vit("vit_small_patch16_224.dino", str(tmp_path / "dino.pth"))
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(8))
    queries, keys, class_token = original_dino_forward(original_dino, images)
    torch.testing.assert_close(backbone.queries_keys(images)[0], queries, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone.queries_keys(images)[1], keys, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(backbone.class_token(images), class_token, rtol=1e-4, atol=1e-4)


def test_original_dinov2_names_are_read(tmp_path):
    name = "vit_small_patch14_reg4_dinov2"
    state = load_vit(name, "random", 1).model.state_dict()
    cls_pos = torch.full((1, 1, 384), 0.25)
    original = {k.replace("reg_token", "register_tokens"): v for k, v in state.items()}
    original |= {"mask_token": torch.zeros(1, 384), "pos_embed": torch.cat([cls_pos, state["pos_embed"]], 1)}
    torch.save(original, tmp_path / "dinov2.pth")
    loaded = load_vit(name, str(tmp_path / "dinov2.pth"), 2).model
    assert torch.equal(loaded.reg_token, state["reg_token"])
    torch.testing.assert_close(loaded.cls_token, state["cls_token"] + cls_pos)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda state: state.pop("blocks.3.norm1.bias"), "missing blocks.3.norm1.bias"),
        (lambda state: state.update({"blocks.12.norm1.bias": torch.zeros(192)}), "unexpected blocks.12.norm1.bias"),
        (lambda state: state.update({"cls_token": torch.zeros(1, 1, 7)}), "size mismatch for cls_token"),
    ],
)
def test_what_does_not_fit_is_named(change, text, trained, tmp_path):
    state = dict(trained)
    change(state)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=text) as caught:
        load_vit(TINY, str(tmp_path / "weights.pth"))
    assert "mine.weights" in str(caught.value)
    assert "weights.pth" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02N."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights_are_named(content, suffix, tmp_path):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="bad"):
        load_vit(TINY, str(path))


@pytest.mark.parametrize(
    ("model", "weights", "text"),
    [
        ("vit_tinny_patch16_224", "random", "vit_tiny_patch16_224"),
        ("vit_small_patch16_224.dina", "random", "has no tag 'dina'.*dino"),
        ("resnet18", "random", "not a Vision Transformer"),
        ("vit_base_patch16_gap_224", "random", "no class token"),
        ("vit_small_patch16_18x2_224", "random", "non-standard attention"),
        ("beit_base_patch16_224", "random", "standard attention"),
        (TINY, "/nowhere/w.pth", "cluster.weights: /nowhere/w.pth: there is no such file"),
        (TINY, "weights.bin", "cluster.weights.*safetensors"),
    ],
)
def test_bad_choices_are_explained(model, weights, text):
    with pytest.raises(InputError, match=text):
        load_vit(model, weights, section="cluster")


def test_a_failed_download_gives_the_remedy(monkeypatch):
    def offline(*_args, **_options):
        raise ConnectionError("no network here")

    monkeypatch.setattr(vit.timm, "create_model", offline)
    with pytest.raises(InputError, match=r"no network here.*give the path of the file as mine\.weights"):
        load_vit(TINY, "pretrained")


@pytest.mark.parametrize("block", [12, -13])
def test_blocks_out_of_range_are_refused(block):
    backbone = load_vit(TINY, "random")
    with pytest.raises(InputError, match="12 blocks"):
        backbone.resolve_block(block)
    assert backbone.resolve_block(-1) == backbone.resolve_block(None) == 11


def test_a_file_of_the_pretrain_stage_brings_its_architecture(tmp_path):
    overrides = {"img_size": 32, "patch_size": 8, "depth": 2}
    network = timm.create_model(TINY, num_classes=0, **overrides)
    save_weights(tmp_path / "vit.safetensors", network.half(), {"model": TINY, "overrides": overrides})
    weights = find_weights("pretrain", {"pretrain": tmp_path})
    backbone = load_vit("vit_base_patch16_224", weights)
    assert (backbone.patch_size, backbone.n_blocks, backbone.dim) == (8, 2, 192)
    assert torch.equal(backbone.model.blocks[1].attn.qkv.weight, network.float().blocks[1].attn.qkv.weight)


@pytest.mark.parametrize("overrides", [{"img_size": "32"}, {"pretrained": 1}, [1]])
def test_arguments_from_a_file_are_not_trusted(tmp_path, overrides):
    path = tmp_path / "vit.safetensors"
    save_weights(path, torch.nn.Linear(1, 1), {"model": TINY, "overrides": overrides})
    assert read_architecture(path) is None
