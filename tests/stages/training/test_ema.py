"""The moving average of weights, worked by hand."""

import torch
from torch import nn

from maskdistill.stages.training.ema import frozen_copy, move_towards


def test_average_of_weights_and_statistics() -> None:
    """Decay 0.9 from 1 over the values 2 and 3: 0.9 * 1 + 0.1 * 2 = 1.1, then 0.9 * 1.1 + 0.1 * 3 = 1.29."""
    module = nn.BatchNorm1d(1)
    average = frozen_copy(module)
    assert module.running_var is not None
    assert module.num_batches_tracked is not None
    assert average.running_var is not None
    for value in (2.0, 3.0):
        with torch.no_grad():
            module.weight.fill_(value)
        module.running_var.fill_(value)
        module.num_batches_tracked += 5
        move_towards(average, module, 0.9)
    torch.testing.assert_close(average.weight, torch.tensor([1.29]), check_stride=False)
    torch.testing.assert_close(average.running_var, torch.tensor([1.29]))
    assert average.num_batches_tracked == 10
    assert module.weight.item() == 3
    assert module.weight.requires_grad
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_a_shared_layer_is_averaged_once() -> None:
    layer = nn.Linear(1, 1, bias=False)
    module = nn.ModuleList([layer, layer])
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = frozen_copy(module)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    move_towards(average, module, 0.75)
    assert [parameter.item() for parameter in average.parameters()] == [0.25]
