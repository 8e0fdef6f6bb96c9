"""Counting the bytes of tensors by following operations."""

from __future__ import annotations

import torch

from live_memory import LiveMemory


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
