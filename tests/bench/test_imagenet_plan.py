"""What is counted on tensors without memory is what real ones need."""

from __future__ import annotations

import copy

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import imagenet_plan
from ambigan.core.randomness import Randomness
from ambigan.engine.train_step import compute_gradients, set_requires_grad
from ambigan.estimate.simulated_process_group import simulated_process_group
from ambigan.game import Batch
from ambigan.networks.layers.basic import BatchNorm
from games import SPEC, toy_config, toy_method
from live_memory import LiveMemory


@pytest.mark.parametrize("players", [("discriminator",), ("generator", "encoder")])
def test_counts_are_those_of_real_tensors(players: tuple[str, ...]) -> None:
    method = toy_method(toy_config("bigbigan-small")).train()
    fake, mode = copy.deepcopy(method), FakeTensorMode()
    imagenet_plan.without_memory(fake, mode)
    flops, most, messages = imagenet_plan._play(fake, players, 6, mode)
    owned = set_requires_grad(method, players)
    x, z = torch.rand(6, *SPEC.shape), torch.randn(6, 4)
    products = imagenet_plan.MatmulCounter()
    here = [*method.parameters(), *method.buffers(), x, z]
    with simulated_process_group(8) as traffic, products, LiveMemory(here) as live:
        with torch.autocast("cpu", torch.bfloat16):
            losses = method.losses(Batch(x, z, Randomness(0)), players)
        kept = compute_gradients(owned, losses)
    assert len(kept) == len(players)
    assert flops == products.total > 0
    assert most == pytest.approx(live.most, rel=0.02)
    assert messages == traffic.messages + 1, "and that of the gradients"
    norms = [m for m in method.modules() if isinstance(m, BatchNorm)]
    both_ways = 2 if "encoder" in players else 1
    assert traffic.messages == both_ways * len(norms) - ("encoder" in players), "CReLU's, forth"


def test_more_gpus_have_less_to_do_and_more_to_say() -> None:
    working = {2048 // num: 2**30 + 2**28 * 2048 // num for num in imagenet_plan.GPUS}
    turn = imagenet_plan.Turn(("discriminator",), 1e12, working, 10**9, 100)
    rows = [
        imagenet_plan.plan(num, [turn], [2], 2**32, 2048, 1000, imagenet_plan.Assumed())
        for num in imagenet_plan.GPUS
    ]
    assert [row["computing_s"] for row in rows] == sorted(
        (row["computing_s"] for row in rows), reverse=True
    )
    assert [row["talking_s"] for row in rows] == sorted(row["talking_s"] for row in rows)
    assert rows[0]["memory_gib"] == 4 + 1 + 256 / 4
    assert rows[0]["computing_s"] == pytest.approx(2 * 256 * 1e12 / (989e12 * 0.3))
    assert "| 8 | 256 | 69 |" in imagenet_plan.table(rows)
