from __future__ import annotations

import torch

from ambigan.data import Batches, open_dataset, to_float
from ambigan.engine.statistics import reestimate_statistics
from ambigan.networks.layers import BatchNorm
from games import toy_config, toy_method


def test_statistics_of_the_encoder_become_those_of_the_data() -> None:
    config = toy_config("bigan-official")
    dataset = open_dataset(config.data)
    method = toy_method(config).eval()
    size = 300
    batches = Batches(dataset.train, 0)
    before = {n: p.clone() for n, p in method.named_parameters()}
    reestimate_statistics(method, batches, num=len(batches) // size, size=size, seed=0)
    with torch.no_grad():
        encoder = method.encoder
        h = encoder.hidden1((to_float(dataset.train.values).flatten(1) + 1) / 2)
        a = encoder.hidden2.linear(h)
    torch.testing.assert_close(encoder.hidden2.norm.running_mean, a.mean(0), atol=1e-3, rtol=0.05)
    torch.testing.assert_close(encoder.hidden2.norm.running_var, a.var(0), atol=1e-3, rtol=0.1)
    assert all(torch.equal(p, before[n]) for n, p in method.named_parameters())
    assert not any(module.training for module in method.modules())
    assert {m.momentum for m in method.modules() if isinstance(m, BatchNorm)} == {0.1}


def test_no_batches_change_nothing() -> None:
    config = toy_config("bigan-official")
    method = toy_method(config)
    before = {n: v.clone() for n, v in method.state_dict().items()}
    batches = Batches(open_dataset(config.data).train, 0)
    reestimate_statistics(method, batches, num=0, size=10, seed=0)
    assert all(torch.equal(v, before[n]) for n, v in method.state_dict().items())
