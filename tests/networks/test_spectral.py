"""Spectral norm against the singular values themselves."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ambigan.core.ema import ExponentialMovingAverage
from ambigan.networks.layers.spectral_norm import SpectralNorm, apply_spectral_norm, converge_sigma


def a_network() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(6 * 4, 5))
    apply_spectral_norm(network)
    return network


def test_the_largest_singular_value_becomes_one() -> None:
    network = a_network().train()
    x = torch.rand(3, 2, 4, 4)
    for _ in range(300):
        network(x)
    for layer in (network[0], network[2]):
        top = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
        torch.testing.assert_close(top, torch.ones(()), atol=1e-5, rtol=0)


def test_gradients_are_those_of_the_quotient() -> None:
    """At the fixed point, dsigma/dW = u v^T: against torch's own singular vectors in float64."""
    torch.manual_seed(0)
    weight = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    norm = SpectralNorm(weight.detach()).double()
    for _ in range(2000):
        norm.iterate(weight.detach())
    direction = torch.randn(4, 7, dtype=torch.float64)
    (ours,) = torch.autograd.grad((norm(weight) * direction).sum(), weight)
    exact = weight / torch.linalg.svdvals(weight)[0]
    (theirs,) = torch.autograd.grad((exact * direction).sum(), weight)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_vectors_move_in_training_only_and_are_part_of_the_state() -> None:
    network = a_network()
    x = torch.rand(3, 2, 4, 4)
    before = copy.deepcopy(network.state_dict())
    network.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network.train()(x)
    moved = [n for n, v in network.state_dict().items() if not torch.equal(v, before[n])]
    assert len(moved) == 4
    assert all(name.endswith((".left", ".right")) for name in moved)


def test_two_forward_passes_before_one_backward() -> None:
    network = a_network().train()
    (network(torch.rand(3, 2, 4, 4)).sum() + network(torch.rand(3, 2, 4, 4)).sum()).backward()


def test_in_bfloat16_sigma_stays_exact() -> None:
    network = a_network().train()
    x = torch.rand(3, 2, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(300):
            network(x)
        top = torch.linalg.svdvals(network[2].weight.detach())[0]
    torch.testing.assert_close(top, torch.ones(()), atol=1e-5, rtol=0)


def test_the_average_keeps_directions_of_length_one() -> None:
    network = a_network().train()
    average = ExponentialMovingAverage(network, 0.9)
    for step in range(5):
        network(torch.rand(3, 2, 4, 4))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(step)
    for name, value in average.module.named_buffers():
        assert torch.equal(value, dict(network.named_buffers())[name])


def true_norms(network: nn.Module) -> list[float]:
    return [
        float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2))
        for layer in network.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]


def test_untrained_networks_are_normalised_too() -> None:
    """As baselines they are used as they are made, without a step of training."""
    network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.Conv2d(32, 64, 3), nn.Linear(500, 1))
    apply_spectral_norm(network)
    assert true_norms(network.eval()) == pytest.approx([1, 1, 1], abs=0.05)


def test_vectors_are_brought_to_weights_that_changed() -> None:
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Linear(40, 20))
    apply_spectral_norm(network)
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.normal_(parameter)
    assert max(abs(norm - 1) for norm in true_norms(network.eval())) > 0.5
    converge_sigma(network)
    assert true_norms(network) == pytest.approx([1, 1], abs=0.05)
