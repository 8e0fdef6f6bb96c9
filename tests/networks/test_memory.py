"""The bank and the teacher against what they are said to be, step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ambigan.networks.layers.memory import Bank, Teacher


@pytest.mark.parametrize("num", [1, 3, 5, 7])
def test_the_bank_holds_the_newest_pairs(num: int) -> None:
    bank = Bank(5, embeddings=2, keys=3)
    pairs = [
        (embedding, key)
        for embedding, key in zip(
            *(bank.get_buffer(kind).numpy() for kind in ("embeddings", "keys")), strict=True
        )
    ]
    pairs = [(embedding.copy(), key.copy()) for embedding, key in pairs]
    for step in range(6):
        embeddings, keys = torch.full((num, 2), step + 0.5), torch.full((num, 3), -step - 0.5)
        embeddings += torch.arange(num)[:, None] / 100
        keys -= torch.arange(num)[:, None] / 100
        bank.put(embeddings=embeddings, keys=keys)
        pairs = (pairs + list(zip(embeddings.numpy(), keys.numpy(), strict=True)))[-5:]
        held = sorted(
            map(tuple, np.hstack([bank.get_buffer("embeddings"), bank.get_buffer("keys")]).tolist())
        )
        expected = sorted(tuple(np.concatenate(pair).tolist()) for pair in pairs)
        assert held == expected


def test_the_teacher_is_the_average() -> None:
    network = nn.Linear(3, 2)
    teacher = Teacher(network)
    average = network.weight.detach().clone()
    for step in range(4):
        nn.init.constant_(network.weight, step)
        teacher.update(network, 0.9)
        average = 0.9 * average + 0.1 * step
    torch.testing.assert_close(teacher.get_buffer("weight"), average)
    x = torch.randn(4, 3)
    expected = x @ average.T + network.bias
    torch.testing.assert_close(teacher.run(network, x), expected.detach())
    assert not list(teacher.parameters())
