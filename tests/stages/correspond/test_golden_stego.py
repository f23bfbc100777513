"""The functions of STEGO against the authors'."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.paths import GOLDEN
from maskdistill.stages.correspond.contrastive_crf import crf_energies
from maskdistill.stages.correspond.correlation import (
    at_points,
    centred,
    correlation_loss,
    correlations,
    other_images,
)
from maskdistill.stages.correspond.head import CodeHead
from maskdistill.stages.correspond.probe import ClusterProbe, shares

CASES: dict[str, Any] = json.loads((GOLDEN / "stego.json").read_text())
LOSSES = CASES["correlation_loss_helper"]


def tensor(values: Any, *, learns: bool = False) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).requires_grad_(learns)


def close(found: Tensor | None, expected: Any) -> None:
    assert found is not None
    torch.testing.assert_close(found, tensor(expected), atol=1e-5, rtol=0)


def test_correlations() -> None:
    case = CASES["tensor_correlation"]
    close(correlations(tensor(case["a"]), tensor(case["b"])), case["out"])


def test_values_at_points() -> None:
    case = CASES["sample"]
    close(at_points(tensor(case["t"]), tensor(case["coords"])), case["out"])


@pytest.mark.parametrize("case", LOSSES["cases"])
def test_correlation_loss(case: dict[str, Any]) -> None:
    features = correlations(tensor(LOSSES["f1"]), tensor(LOSSES["f2"]))
    first, second = tensor(LOSSES["c1"], learns=True), tensor(LOSSES["c2"], learns=True)
    compared, codes = centred(features) if case["pointwise"] else features, correlations(first, second)
    loss = correlation_loss(compared, codes, case["shift"], zero_clamp=case["zero_clamp"], stabilise=case["stabalize"])
    close(loss, case["loss"])
    close(compared, case["fd_used"])
    close(codes, LOSSES["cases"][0]["cd"])
    loss.mean().backward()  # type: ignore[no-untyped-call]
    close(first.grad, case["grad_c1_of_mean"])
    close(second.grad, case["grad_c2_of_mean"])


@pytest.mark.parametrize("case", CASES["super_perm"]["table"])
def test_other_images(case: dict[str, Any]) -> None:
    assert other_images(torch.tensor(case["randperm"])).tolist() == case["out"]


def probe_of(case: dict[str, Any]) -> ClusterProbe:
    probe = ClusterProbe(*tensor(case["clusters"]).shape)
    probe.centres.data = tensor(case["clusters"])
    return probe


def test_cluster_probe_with_the_nearest_centre() -> None:
    case = CASES["cluster_probe"]
    probe, codes = probe_of(case), tensor(case["x"])
    loss = probe.loss(codes)
    close(loss, case["alpha_none"]["loss"])
    assert probe(codes).argmax(dim=1).tolist() == case["alpha_none"]["assign"]
    loss.backward()  # type: ignore[no-untyped-call]
    close(probe.centres.grad, case["alpha_none"]["grad_clusters"])


def test_cluster_probe_with_shares_of_all_centres() -> None:
    case = CASES["cluster_probe"]
    probe, codes = probe_of(case), tensor(case["x"])
    loss = probe.loss(codes, alpha=2)
    close(loss, case["alpha_2"]["loss"])
    close(shares(probe(codes), 2), case["alpha_2"]["probs"])
    close(probe.log_shares(codes, 2), case["alpha_2_log_probs"])
    loss.backward()  # type: ignore[no-untyped-call]
    close(probe.centres.grad, case["alpha_2"]["grad_clusters"])


def test_the_gradient_of_the_cosines_is_the_authors() -> None:
    """They detach codes outside of the probe; inside, a gradient would flow."""
    case = CASES["cluster_probe"]
    codes = tensor(case["x"], learns=True)
    (-probe_of(case)(codes).amax(dim=1).mean()).backward()
    close(codes.grad, case["alpha_none"]["grad_x"])


def test_head() -> None:
    case = CASES["segmentation_head"]
    head = CodeHead(4, 3)
    names = {
        "linear.1.weight": "lin_w",
        "linear.1.bias": "lin_b",
        "perceptron.1.weight": "mlp_w1",
        "perceptron.1.bias": "mlp_b1",
        "perceptron.3.weight": "mlp_w2",
        "perceptron.3.bias": "mlp_b2",
    }
    for name, parameter in head.named_parameters():
        parameter.data = tensor(case[names[name]]).reshape(parameter.shape)
    close(head(tensor(case["feat"])), case["code"])


def test_contrastive_crf() -> None:
    case = CASES["contrastive_crf_loss"]
    points = torch.tensor([case["rows"], case["cols"]])
    energies = crf_energies(
        tensor(case["guidance"]),
        tensor(case["clusters"]),
        points,
        alpha=case["alpha"],
        beta=case["beta"],
        gamma=case["gamma"],
        weights=(case["w1"], case["w2"]),
        shift=case["shift"],
    )
    close(energies, case["loss_matrix"])
    close(energies.mean(), case["mean"])
