from __future__ import annotations

from functools import partial

import torch

from ambigan.data import Batches, open_dataset, to_float
from ambigan.engine.bn_statistics import recompute_bn_stats, reestimate_bn_stats
from ambigan.game import Method
from ambigan.networks.layers.basic import BatchNorm
from games import toy_config, toy_method


def test_statistics_of_the_encoder_become_those_of_the_data() -> None:
    config = toy_config("bigan-official")
    dataset = open_dataset(config.data)
    method = toy_method(config).eval()
    size = 300
    batches = Batches(dataset.train, 0)
    before = {n: p.clone() for n, p in method.named_parameters()}
    reestimate_bn_stats(method, batches, num=len(batches) // size, size=size, seed=0)
    with torch.no_grad():
        encoder = method.encoder
        h = encoder.hidden1((to_float(dataset.train.values).flatten(1) + 1) / 2)
        a = encoder.hidden2.linear(h)
    torch.testing.assert_close(encoder.hidden2.norm.running_mean, a.mean(0), atol=1e-3, rtol=0.05)
    torch.testing.assert_close(encoder.hidden2.norm.running_var, a.var(0), atol=1e-3, rtol=0.1)
    assert all(torch.equal(p, before[n]) for n, p in method.named_parameters())
    assert not any(module.training for module in method.modules())
    assert {m.momentum for m in method.modules() if isinstance(m, BatchNorm)} == {0.1}


def test_large_batches_are_taken_in_parts() -> None:
    config = toy_config("bigan-official", train__batch_size="600", train__statistics_batches="2")
    batches, method = Batches(open_dataset(config.data).train, 0), toy_method(config)
    sizes: list[int] = []
    method.encoder.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    recompute_bn_stats(method, batches, config.train)
    assert sizes == [200] * 6


def test_no_batches_change_nothing() -> None:
    config = toy_config("bigan-official")
    method = toy_method(config)
    before = {n: v.clone() for n, v in method.state_dict().items()}
    batches = Batches(open_dataset(config.data).train, 0)
    reestimate_bn_stats(method, batches, num=0, size=10, seed=0)
    assert all(torch.equal(v, before[n]) for n, v in method.state_dict().items())


def test_a_method_that_passes_less_through_has_the_same_statistics(variant: str) -> None:
    config = toy_config(variant)
    batches = Batches(open_dataset(config.data).train, 0)
    method, by_losses = toy_method(config), toy_method(config)
    by_losses.update_norm_stats = partial(Method.update_norm_stats, by_losses)
    for each in (method, by_losses):
        reestimate_bn_stats(each, batches, num=2, size=20, seed=0)
    norms = [module for module in method.modules() if isinstance(module, BatchNorm)]
    assert all(norm.running_mean.abs().sum() > 0 for norm in norms)
    theirs = by_losses.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in method.state_dict().items())
