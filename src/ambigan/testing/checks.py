"""The checks of a method, one an invariant; `CHECKS` names them in the order in which they run."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..engine.train_state import TrainState
from ..engine.train_step import compute_gradients
from ..game import Capability, Method, Terms
from ..methods.registry import check_game, check_losses
from ..networks.layers.spectral_norm import SpectralNorm
from .method_under_test import (
    MethodUnderTest,
    changed_tensors,
    converge_spectral_norms,
    copy_state,
    global_seed,
    play_iterations,
    play_turn,
)

EMA_DECAY = 0.9
STATISTICS = (*SpectralNorm.not_averaged, "running_mean", "running_var", "num_batches_tracked")


class ContractError(AssertionError):
    """A method that breaks an invariant; `check_method` puts its name before the message."""


def check_parts(subject: MethodUnderTest) -> None:
    """Players, turns, prior and feature layer are there, and every parameter has one owner."""
    method = subject.make()
    check_game(method)
    method.find_layer()
    method.check_batch(subject.rows)
    owned = {n for player in method.players for n in method.player_parameters(player)}
    for name, _ in method.named_parameters():
        if name not in owned:
            raise ContractError(
                f"the parameter '{name}' belongs to no player; name its network in a Player,"
                " or make it a buffer, as teachers and banks are."
            )


def check_terms(subject: MethodUnderTest) -> None:
    """`losses` gives each player asked for, and no other, scalar terms with a gradient."""
    method = subject.make().train()
    asked = [*method.turns, *((player.name,) for player in method.players)]
    for players in dict.fromkeys(map(tuple, asked)):
        losses = method.losses(subject.batch(method, 1), players)
        check_losses(losses, players)
        if others := sorted(set(losses) - set(players)):
            raise ContractError(
                f"asked for {' and '.join(players)}, it gave terms for '{others[0]}' too."
            )
        for player, terms in losses.items():
            if not any(term.requires_grad for term in terms.values()):
                raise ContractError(f"no term of player '{player}' has a gradient.")


def check_ownership(subject: MethodUnderTest) -> None:
    """Invariant 1: a player's update moves its own networks and no other."""
    for player in subject.make().players:
        method = subject.make().train()
        for parameter in method.parameters():  # a D that starts at zero teaches G nothing yet
            if parameter.ndim > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.1)
        before = {name: value.detach().clone() for name, value in method.named_parameters()}
        play_turn(TrainState(method, 0.0), subject.batch(method, 1), [player.name])
        own = set(method.player_parameters(player))
        moved = [n for n, v in method.named_parameters() if not torch.equal(v, before[n])]
        if foreign := [name for name in moved if name not in own]:
            raise ContractError(
                f"the update of player '{player.name}' moves '{foreign[0]}', which is not its own."
            )
        if not moved:
            raise ContractError(f"player '{player.name}' moves nothing.")


def check_purity(subject: MethodUnderTest) -> None:
    """`losses` changes nothing, but for the statistics of norms and of players' own networks."""
    method = subject.make()
    networks = {network for player in method.players for network in player.networks}
    for is_training in (False, True):
        method.train(is_training)
        before = copy_state(method)
        for players in method.turns:
            method.losses(subject.batch(method, 1), players)
        for name in changed_tensors(method, before):
            is_statistic = name.replace("/", ".").rpartition(".")[2] in STATISTICS
            if is_training and (is_statistic or name.partition(".")[0] in networks):
                continue
            raise ContractError(
                f"losses changes '{name}'; leave what it computes in batch.cache, and move"
                " it in after_iteration."
            )
        if any(parameter.grad is not None for parameter in method.parameters()):
            raise ContractError("losses calls backward(); return the terms instead.")


def check_randomness(subject: MethodUnderTest) -> None:
    """Invariant 4: what is drawn is a function of the batch's key, and of nothing else."""
    for players in subject.make().turns:
        found: list[dict[str, Terms]] = []
        for seed in (1, 2):
            method = subject.make().train()
            with global_seed(seed):
                found.append(method.losses(subject.batch(method, 1), players))
        for player, terms in found[0].items():
            for term, value in terms.items():
                if not torch.equal(value, found[1][player][term]):
                    raise ContractError(
                        f"the term '{term}' of player '{player}' depends on a global generator;"
                        " draw from batch.noise."
                    )


def check_gradients(subject: MethodUnderTest, dtype: torch.dtype = torch.float32) -> None:
    """One forward pass for all players gives each what a backward of its own loss would."""
    is_exact = dtype == torch.float64
    relative = 1e-7 if is_exact else 1e-3
    for players in {tuple(turn) for turn in subject.make().turns if len(turn) > 1}:
        together = _gradients(subject, players, dtype)
        for player in players:
            alone = _gradients(subject, [player], dtype)[player]
            for name, one in together[player].items():
                absolute = relative * (1.0 if is_exact else float(alone[name].abs().max()))
                if not torch.allclose(one, alone[name], relative, absolute):
                    raise ContractError(
                        f"that of player '{player}' by '{name}' depends on who else is asked for"
                        " its loss; detach nothing to steer gradients."
                    )


def _gradients(
    subject: MethodUnderTest, players: Sequence[str], dtype: torch.dtype
) -> dict[str, dict[str, Tensor]]:
    """Each player's gradients by parameter, from one forward pass for all of them."""
    method = subject.make().to(dtype).train()
    converge_spectral_norms(method)
    owned = {player.name: method.player_parameters(player) for player in method.players}
    losses = method.losses(subject.batch(method, 1, dtype=dtype), players)
    gradients = compute_gradients(owned, losses)
    return {player: dict(zip(owned[player], gradients[player], strict=True)) for player in players}


def check_finite(subject: MethodUnderTest) -> None:
    """Invariant 5: a few iterations on random data leave numbers."""
    state = TrainState(subject.make().train(), EMA_DECAY)
    play_iterations(subject, state, 3)
    if broken := state.first_non_finite():
        raise ContractError(f"{broken} stops being a number at once.")


def check_resume(subject: MethodUnderTest) -> None:
    """Invariant 2: stopped, saved, loaded into new networks and continued equals undisturbed."""
    whole = TrainState(subject.make().train(), EMA_DECAY)
    with global_seed(1):
        play_iterations(subject, whole, 4)
        half = TrainState(subject.make().train(), EMA_DECAY)
        play_iterations(subject, half, 2)
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    resumed = TrainState(subject.make().train(), EMA_DECAY)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    with global_seed(2):
        play_iterations(subject, resumed, 2)
    if changed := changed_tensors(resumed.method, copy_state(whole.method)):
        raise ContractError(
            f"'{changed[0]}' differs after a resume; what a method"
            " remembers must lie in buffers (register_buffer), since attributes are not saved."
        )


def check_features(subject: MethodUnderTest) -> None:
    """Invariant 8: `features` is deterministic and leaves the method as it was."""
    method = subject.make().train()
    x = subject.batch(method, 2).x
    before, modes = copy_state(method), [module.training for module in method.modules()]
    with global_seed(1):
        first = method.features(x)
    with global_seed(2):
        again = method.features(x)
    if changed := changed_tensors(method, before):
        raise ContractError(f"reading features changes '{changed[0]}'.")
    if modes != [module.training for module in method.modules()]:
        raise ContractError("reading features changes the training mode.")
    if not torch.equal(first, again):
        raise ContractError("they differ when they are read twice.")
    if first.dtype != torch.float32 or first.ndim != 2 or len(first) != len(x):
        form = f"{first.dtype} {tuple(first.shape)}"
        raise ContractError(f"they are {form}, not float32 ({len(x)}, D).")
    if not torch.allclose(first[3:4], method.features(x[3:4]), 1.3e-6, 1e-5):
        raise ContractError("those of an example depend on the others.")


def check_capabilities(subject: MethodUnderTest) -> None:
    """What a method declares it does, in the right shapes; what it does not, it refuses."""
    method = subject.make().eval()
    x, z = subject.batch(method, 3).x, subject.batch(method, 3).z
    latents, samples = (len(x), method.prior.dim), (len(x), *method.sample_spec.shape)
    before = copy_state(method)
    forms: tuple[tuple[Capability, Tensor, tuple[int, ...]], ...] = (
        ("decode", z, samples),
        ("encode", x, latents),
        ("reconstruct", x, samples),
    )
    for name, given, form in forms:
        if name not in method.capabilities:
            _check_refused(method, name, given)
            continue
        with torch.no_grad():
            found, again = getattr(method, name)(given), getattr(method, name)(given)
        if tuple(found.shape) != form:
            raise ContractError(f"{name} gives {tuple(found.shape)} where {form} is declared.")
        if not torch.equal(found, again):
            raise ContractError(f"{name} gives different results when called twice.")
    if changed := changed_tensors(method, before):
        raise ContractError(f"using them changes '{changed[0]}'.")


def _check_refused(method: Method, name: Capability, given: Tensor) -> None:
    try:
        getattr(method, name)(given)
    except ConfigError:
        return
    raise ContractError(f"the method can {name} and does not declare it.")


def check_state(subject: MethodUnderTest) -> None:
    """The state goes through a safetensors file into new networks, which then do the same."""
    state = TrainState(subject.make().train(), 0.0)
    play_iterations(subject, state, 1)
    method, other = state.method, subject.make()
    tensors = {n: v.detach().cpu().contiguous() for n, v in method.state_dict().items()}
    other.load_state_dict(load_tensors(dump_tensors(tensors)))
    x = subject.batch(method, 2).x
    if not torch.equal(method.features(x), other.features(x)):
        raise ContractError(
            "the features of a loaded model are others; what they depend on must lie in"
            " parameters or buffers."
        )


CHECKS: dict[str, Callable[[MethodUnderTest], None]] = {
    "parts": check_parts,
    "losses": check_terms,
    "invariant 5, finite": check_finite,
    "invariant 1, ownership": check_ownership,
    "purity": check_purity,
    "invariant 4, randomness": check_randomness,
    "gradients": check_gradients,
    "invariant 2, exact resume": check_resume,
    "invariant 8, features": check_features,
    "capabilities": check_capabilities,
    "state": check_state,
}
"""Every check by the name of what it checks, in the order in which `check_method` runs them."""
