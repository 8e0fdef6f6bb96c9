"""Counting bytes of tensors."""

from __future__ import annotations

import torch

from ambigan.estimate.memory import saved_bytes


def test_activations_are_what_autograd_keeps() -> None:
    """A chain of sines keeps each input, and two layers that keep one tensor count it once."""
    x = torch.rand(1000, requires_grad=True)
    with saved_bytes() as saved:
        h = x * 1
        once = saved.most
        for _ in range(3):
            h = h.sin()
        both = h.sin() + h.cos()
        both.sum().backward()
    assert saved.most - once == 4 * 4000
    del h, both
    assert saved.now == 0


def test_weights_are_not_counted_however_a_layer_keeps_them() -> None:
    """A linear layer keeps its weight turned over, which is a view of it."""
    layers = torch.nn.Sequential(torch.nn.Linear(30, 50), torch.nn.Linear(50, 10))
    with saved_bytes() as saved:
        layers(torch.rand(2, 30))
    assert saved.most == 4 * (2 * 30 + 2 * 50)
