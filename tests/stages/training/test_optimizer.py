"""Optimisers: who decays, at which rate, and how gradients are clipped."""

import pytest
import torch
from torch import nn

from maskdistill.stages.training.optimizer import clip_gradients, make_optimizer, set_rates
from maskdistill.stages.training.recipe import OptimizerName, Recipe
from maskdistill.stages.training.schedules import Step


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize(("matrices_only", "decayed_bias"), [(True, 1.0), (False, 0.5)])
def test_what_decays(name: OptimizerName, matrices_only: bool, decayed_bias: float) -> None:
    """Without gradients, a step of rate 1 and decay 0.5 halves what decays."""
    module = nn.Linear(1, 1)
    for parameter in module.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    recipe = Recipe(2, 1, lr=1.0, optimizer=name, weight_decay=0.5, decay_matrices_only=matrices_only, momentum=0.0)
    optimizer = make_optimizer(recipe, module, loss_scaling=False)
    assert set_rates(optimizer, recipe, Step(0, 2)) == 1.0
    optimizer.step()
    assert (module.weight.item(), module.bias.item()) == (0.5, decayed_bias)


def test_rates_follow_their_schedules() -> None:
    recipe = Recipe(4, 1, lr=1.0, schedule="cosine", weight_decay=0.2, last_weight_decay=0.4, decay_matrices_only=True)
    optimizer = make_optimizer(recipe, nn.Linear(1, 1), loss_scaling=False)
    set_rates(optimizer, recipe, Step(2, 4))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5, 0.5])
    assert [group["weight_decay"] for group in optimizer.param_groups] == pytest.approx([0.3, 0.0])


def test_frozen_parameters_are_left_out() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    optimizer = make_optimizer(Recipe(1, 1, lr=1.0), module, loss_scaling=False)
    assert [parameter is module.weight for group in optimizer.param_groups for parameter in group["params"]] == [True]


def test_some_parameters_learn_more_slowly() -> None:
    module = nn.Linear(2, 2)
    recipe = Recipe(4, 1, lr=1.0, schedule="cosine", momentum=0.0)
    optimizer = make_optimizer(recipe, module, loss_scaling=False, rate_factors={module.bias: 0.25})
    before = [parameter.clone() for parameter in (module.weight, module.bias)]
    assert set_rates(optimizer, recipe, Step(2, 4)) == 0.5
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    torch.testing.assert_close(before[0] - module.weight, torch.full((2, 2), 0.5))
    torch.testing.assert_close(before[1] - module.bias, torch.full((2,), 0.125))


@pytest.mark.parametrize(("clip_each", "second"), [(True, [0.5]), (False, [0.1])])
def test_gradients_are_clipped_together_or_each_by_itself(clip_each: bool, second: list[float]) -> None:
    first_parameter, second_parameter = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    first_parameter.grad, second_parameter.grad = torch.tensor([3.0, 4.0]), torch.tensor([0.5])
    module = nn.ParameterList([first_parameter, second_parameter])
    clip_gradients(module, Recipe(1, 1, lr=1.0, clip_norm=1.0, clip_each=clip_each))
    # All together the gradient is sqrt(25.25) long, so that everything is divided by that.
    scale = 1 if clip_each else 5 / 25.25**0.5
    torch.testing.assert_close(first_parameter.grad, torch.tensor([0.6, 0.8]) * scale, rtol=1e-4, atol=0)
    torch.testing.assert_close(second_parameter.grad, torch.tensor(second) * scale, rtol=1e-4, atol=0)
