"""LARS: the length of its steps, by hand."""

import torch
from torch import nn

from maskdistill.stages.training.lars import Lars
from maskdistill.stages.training.optimizer import make_optimizer
from maskdistill.stages.training.recipe import Recipe


def test_the_first_step_of_a_matrix_is_a_thousandth_of_its_length() -> None:
    """By hand: weight (3, 4) of length 5, gradient (1, 0) with decay 0.5 becomes (2.5, 2)."""
    matrix = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    matrix.grad = torch.tensor([[1.0, 0.0]])
    optimizer = Lars([matrix], lr=10.0, momentum=0.9, weight_decay=0.5)
    optimizer.step()
    change = torch.tensor([[2.5, 2.0]])
    first = 0.001 * 5 / change.norm() * change
    torch.testing.assert_close(matrix.data, torch.tensor([[3.0, 4.0]]) - 10 * first)
    before = matrix.detach().clone()
    matrix.grad = torch.zeros(1, 2)
    optimizer.step()
    decay = 0.5 * before
    second = 0.9 * first + 0.001 * before.norm() / decay.norm() * decay
    torch.testing.assert_close(matrix.data, before - 10 * second)


def test_a_doubled_gradient_doubles_the_step_of_a_vector_alone() -> None:
    steps = []
    for factor in (1, 2):
        torch.manual_seed(0)
        module = nn.Linear(3, 2)
        before = [parameter.detach().clone() for parameter in module.parameters()]
        recipe = Recipe(1, 1, lr=1.0, optimizer="lars", weight_decay=0.1, decay_matrices_only=True)
        optimizer = make_optimizer(recipe, module, loss_scaling=False)
        for parameter in module.parameters():
            parameter.grad = factor * torch.ones_like(parameter)
        optimizer.step()
        steps.append([was - now.detach() for was, now in zip(before, module.parameters(), strict=True)])
    (matrix, vector), (same, doubled) = steps
    torch.testing.assert_close(same, matrix, atol=1e-4, rtol=0.1)
    torch.testing.assert_close(doubled, 2 * vector)


def test_a_matrix_of_zeros_takes_the_step_of_sgd() -> None:
    matrix = nn.Parameter(torch.zeros(2, 2))
    matrix.grad = torch.ones(2, 2)
    Lars([matrix], lr=0.5).step()
    torch.testing.assert_close(matrix.data, torch.full((2, 2), -0.5))
