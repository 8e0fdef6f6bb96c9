"""Counting bytes of tensors."""

from __future__ import annotations

import torch

from ambigan.estimate.memory import LiveMemory, saved_bytes


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


def test_live_bytes_come_and_go() -> None:
    there = torch.zeros(1000)
    with LiveMemory([there]) as live:
        first = there + 1
        assert live.now == 4000
        view = first[:10]
        assert live.now == 4000
        del first
        assert live.now == 4000, "the view keeps it"
        del view
        assert live.now == 0
        assert there[:10].shape == (10,)
        assert live.now == 0, "it was there before"
    assert live.most == 4000


def test_live_bytes_see_the_backward_pass() -> None:
    x = torch.rand(1000, requires_grad=True)
    with LiveMemory([x]) as live:
        y = x.sin().sum()
        before = live.most
        (gradient,) = torch.autograd.grad(y, [x])
    assert live.most > before
    assert gradient.shape == (1000,)
