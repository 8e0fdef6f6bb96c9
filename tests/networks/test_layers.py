from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.networks.families import check_prior_fits
from ambigan.networks.layers.basic import BatchNorm, scaled_sigmoid
from ambigan.networks.layers.elu import elu
from ambigan.networks.layers.init import init_normal
from ambigan.networks.mlp import MLP
from ambigan.networks.permutation_invariant import MLPSettings


@pytest.mark.parametrize("shape", [(9, 5), (4, 5, 3, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_equals_torch(shape: tuple[int, ...], affine: bool) -> None:
    ours = BatchNorm(5, affine=affine)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    theirs = kind(5, affine=affine)
    for _ in range(3):
        x = torch.randn(shape)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_batch_norm_global_path_equals_the_fused_one(monkeypatch: pytest.MonkeyPatch) -> None:
    fused, spread = BatchNorm(5), BatchNorm(5)
    x = torch.randn(7, 5, requires_grad=True)
    monkeypatch.setattr(BatchNorm, "forward", lambda self, x: self._global(x, 0.1))
    ours = spread(x)
    monkeypatch.undo()
    theirs = fused(x)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(spread.running_mean, fused.running_mean)
    torch.testing.assert_close(spread.running_var, fused.running_var, atol=1e-6, rtol=1e-6)
    weight = torch.randn_like(x)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)


def test_statistics_are_exact_under_autocast() -> None:
    torch.manual_seed(0)
    x = (10 + torch.randn(64, 5, 3, 2)).bfloat16()
    exact = BatchNorm(5, affine=False).double()(x.double())
    rounded = BatchNorm(5, affine=False)(x).double()
    torch.testing.assert_close(rounded, exact, atol=1e-4, rtol=2**-8)


def test_batch_norm_without_momentum_averages_all_batches() -> None:
    norm = BatchNorm(3)
    norm.momentum = None
    batches = [torch.randn(50, 3) for _ in range(4)]
    for batch in batches:
        norm(batch)
    torch.testing.assert_close(norm.running_mean, torch.stack([b.mean(0) for b in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var(0) for b in batches]).mean(0))


def test_squash_is_the_rescaled_sigmoid() -> None:
    h = torch.linspace(-5, 5, 11)
    torch.testing.assert_close(scaled_sigmoid(h), 2 * torch.sigmoid(h) - 1)


def test_squash_of_bfloat16_keeps_its_gradient_near_the_ends() -> None:
    h = torch.full((3,), -8.0, dtype=torch.bfloat16, requires_grad=True)
    (gradient,) = torch.autograd.grad(scaled_sigmoid(h).sum(), h)
    assert scaled_sigmoid(h).dtype == torch.float32
    assert (gradient > 1e-4).all()


def test_latents_enter_where_they_should_and_nowhere_else() -> None:
    network = MLP(6, (7, 8), (1,), activation="leaky_relu", latent_dim=3, latent_at=[2])
    assert network.hidden1.latent is None
    assert network.hidden2.latent.weight.shape == (8, 3)
    assert network.output.latent is None
    x, z = torch.randn(4, 6), torch.randn(4, 3)
    assert network(x, z).shape == (4, 1)
    assert not torch.equal(network(x, z), network(x, -z))


def test_init_draws_weights_of_the_asked_deviation() -> None:
    layer = torch.nn.Linear(400, 400)
    init_normal(layer, 0.02)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert layer.bias.abs().max() == 0


def test_a_squashed_encoder_and_a_normal_prior_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="encoder_output 'linear' or prior 'uniform'"):
        check_prior_fits(MLPSettings(encoder_output="squash"), "normal")


def test_elu_and_three_derivatives_equal_torch() -> None:
    def derivatives(function: Callable[[Tensor], Tensor]) -> list[Tensor]:
        x = Randomness(0).normal(9, 4).double().requires_grad_()
        found = [function(x)]
        for number in range(3):
            found += torch.autograd.grad((found[-1] + number).square().sum(), x, create_graph=True)
        return found

    torch.testing.assert_close(derivatives(elu), derivatives(F.elu), rtol=1e-12, atol=1e-12)
