from __future__ import annotations

import torch

from ambigan.core.ema import ExponentialMovingAverage
from ambigan.networks.layers.basic import BatchNorm


def test_average_follows_the_formula() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), BatchNorm(2))
    average = ExponentialMovingAverage(module, decay=0.15)
    expected = {n: v.clone().double() for n, v in module.state_dict().items()}
    for step in range(3):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(step + 1)
            module[1].num_batches.add_(1)
        average.update(step)
        decay = min(0.15, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in average.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], atol=1e-6, rtol=1e-6)
    assert average.module[1].num_batches == 3
    assert not any(p.requires_grad for p in average.module.parameters())
