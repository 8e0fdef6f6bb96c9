"""Invariant 1: a player's update moves its own networks and no other."""

from __future__ import annotations

import copy

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.engine.train_state import TrainState
from ambigan.game import Batch, Method
from ambigan.testing.checks import (
    check_gradients,
    check_ownership,
    check_parts,
    check_purity,
    check_terms,
)
from ambigan.testing.method_under_test import play_turn
from games import subject, toy_config, toy_method


def a_batch(method: Method, seed: int = 1) -> Batch:
    noise = Randomness(seed)
    x = noise.uniform(10, *method.spec.shape) * 2 - 1
    return Batch(x, method.prior.sample(10, noise), noise)


def exact(batch: Batch) -> Batch:
    """The same, in float64."""
    return Batch(batch.x.double(), batch.z.double(), batch.noise)


def test_each_player_moves_its_own_networks_only(variant: str) -> None:
    check_ownership(subject(variant))


def test_every_parameter_has_one_owner(variant: str) -> None:
    check_parts(subject(variant))


def test_losses_are_of_who_is_asked_for_and_change_nothing(variant: str) -> None:
    check_terms(subject(variant))
    check_purity(subject(variant))


def test_simultaneous_gradients_equal_those_taken_apart(variant: str) -> None:
    """One shared forward gives each player what a backward of its own loss would."""
    check_gradients(subject(variant), torch.float64)


def test_a_parameter_no_loss_depends_on_is_named() -> None:
    method = toy_method(toy_config("bigan-paper"))
    method.encoder.spare = torch.nn.Linear(2, 2)
    with pytest.raises(ConfigError, match=r"generator_encoder.*encoder\.spare\.weight"):
        play_turn(TrainState(method, 0.0), a_batch(method), ["generator_encoder"])


def test_a_turn_is_what_plain_gradients_and_plain_adam_make(variant: str) -> None:
    """Fused optimisers walk gradients in the order of memory, which need not be the weights' own.

    R1's gradients of channels-last kernels come out in another one; weights then took the steps of
    others, and D stood still.
    """
    method = toy_method(toy_config(variant)).double().train()
    plain, batch = copy.deepcopy(method), exact(a_batch(method))
    names = list(method.turns[0])
    players = [player for player in plain.players if player.name in names]
    losses = plain.losses(batch, names)
    gradients: list[list[torch.Tensor]] = []
    for player in players:
        parameters = list(plain.player_parameters(player).values())
        total = sum(losses[player.name].values())
        gradients.append(list(torch.autograd.grad(total, parameters, retain_graph=True)))
    for player, part in zip(players, gradients, strict=True):
        settings = player.optimizer
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.kind]
        owned = plain.player_parameters(player)
        for (name, parameter), gradient in zip(owned.items(), part, strict=True):
            is_bias = name.endswith("bias")
            decayed = settings.decay_biases if is_bias else settings.decay_gains
            parameter.grad = gradient
            kind(
                [parameter],
                lr=settings.learning_rate,
                betas=settings.betas,
                eps=settings.epsilon,
                weight_decay=settings.weight_decay if parameter.ndim > 1 or decayed else 0.0,
                foreach=False,
            ).step()
    play_turn(TrainState(method, 0.0), exact(a_batch(method)), names)
    expected = dict(plain.named_parameters())
    for name, parameter in method.named_parameters():
        torch.testing.assert_close(
            parameter, expected[name], rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
        )
