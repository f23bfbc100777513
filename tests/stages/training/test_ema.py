"""The moving average of weights, worked by hand."""

import torch
from torch import nn

from maskdistill.stages.training.ema import Ema


def test_average_of_weights_and_statistics():
    """Decay 0.9 from 1 over the values 2 and 3: 0.9 * 1 + 0.1 * 2 = 1.1, then 0.9 * 1.1 + 0.1 * 3 = 1.29."""
    module = nn.BatchNorm1d(1)
    average = Ema(module, 0.9)
    for value in (2.0, 3.0):
        with torch.no_grad():
            module.weight.fill_(value)
        module.running_var.fill_(value)
        module.num_batches_tracked += 5
        average.update(module)
    torch.testing.assert_close(average.state["weight"], torch.tensor([1.29]))
    torch.testing.assert_close(average.state["running_var"], torch.tensor([1.29]))
    assert average.state["num_batches_tracked"] == 10
    assert module.weight.item() == 3
