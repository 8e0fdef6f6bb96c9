"""Batch norm over processes against torch's own, which sees one; two are one in test_ranks.py."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ambigan.estimate.memory import saved_bytes
from ambigan.estimate.simulated_process_group import simulated_process_group
from ambigan.networks.layers.distributed_norm import normalise

EPSILON = 1e-5
BY_TYPE = {
    torch.float64: {"atol": 1e-12, "rtol": 1e-12},
    torch.float32: {"atol": 1e-5, "rtol": 1e-5},
    torch.bfloat16: {"atol": 0.03, "rtol": 0.01},
}


def fused(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, EPSILON)


def gains(dtype: torch.dtype, affine: bool) -> tuple[Tensor | None, Tensor | None]:
    if not affine:
        return None, None
    weight, bias = torch.randn(5, dtype=dtype), torch.randn(5, dtype=dtype)
    return weight.requires_grad_(), bias.requires_grad_()


@pytest.mark.parametrize("shape", [(9, 5), (4, 5, 3, 2)])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_it_equals_torch_s(shape: tuple[int, ...], affine: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    x, along = torch.randn(shape).to(dtype).requires_grad_(), torch.randn(shape).to(dtype)
    weight, bias = gains(wide, affine)
    inputs = [value for value in (x, weight, bias) if value is not None]
    ours, mean, variance = normalise(x, weight, bias, EPSILON)
    theirs = fused(*(None if value is None else value.double() for value in (x, weight, bias)))
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.double(), theirs, **BY_TYPE[dtype])
    axes = [0, *range(2, x.ndim)]
    torch.testing.assert_close(mean, x.detach().to(wide).mean(axes))
    torch.testing.assert_close(variance, x.detach().to(wide).var(axes, correction=0))
    found = [torch.autograd.grad(y, inputs, along.to(y.dtype)) for y in (ours, theirs)]
    for mine, true in zip(*found, strict=True):
        torch.testing.assert_close(mine, true, **BY_TYPE[dtype])


@pytest.mark.parametrize("affine", [True, False])
def test_gradients_have_gradients(affine: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 5, 2, 1, dtype=torch.float64, requires_grad=True)
    values = [value for value in gains(torch.float64, affine) if value is not None]

    def norm(x: Tensor, *rest: Tensor) -> Tensor:
        return normalise(x, *(rest or (None, None)), EPSILON)[0]

    assert torch.autograd.gradcheck(norm, (x, *values))
    assert torch.autograd.gradgradcheck(norm, (x, *values))


def test_small_deviations_beside_a_large_mean_are_kept() -> None:
    torch.manual_seed(0)
    x = 1000 + 0.01 * torch.randn(400, 5)
    _, _, variance = normalise(x, None, None, EPSILON)
    torch.testing.assert_close(
        variance.double(), x.double().var(0, correction=0), rtol=1e-3, atol=0
    )


def test_it_keeps_its_input_alone_and_says_little() -> None:
    x = torch.randn(64, 5, 16, 16, requires_grad=True)
    with simulated_process_group(4) as traffic, saved_bytes() as saved:
        y, *_ = normalise(x, *gains(torch.float32, True), EPSILON)
        assert traffic.messages == 1
        assert saved.now < 1.01 * x.nbytes
        torch.autograd.grad(y.square().sum(), x)
    assert traffic.messages == 2
