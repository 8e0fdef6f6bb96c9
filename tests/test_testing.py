"""What `check_method` finds: faults planted into a small method, one at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.game import Batch, Method, OptimizerSettings, Player, Terms
from ambigan.methods import METHODS
from ambigan.methods.registry import check_class
from ambigan.objectives.adversarial import bce_fake, bce_real
from ambigan.priors import NormalPrior
from ambigan.testing import ContractError, check_method
from games import toy_config


@dataclasses.dataclass(frozen=True)
class Settings:
    latent_dim: int = 4
    optimizer: OptimizerSettings = dataclasses.field(default_factory=OptimizerSettings)


class Sound(Method):
    """A small adversarial autoencoder that keeps the contract."""

    Settings = Settings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})

    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = NormalPrior(settings.latent_dim)
        data, latent = spec.num_values, settings.latent_dim
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(data, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, latent)
        )
        self.decoder = nn.Sequential(nn.Linear(latent, data), nn.Unflatten(1, spec.shape))
        self.critic = nn.Linear(latent, 1)
        self.players = (
            Player("critic", ("critic",), settings.optimizer),
            Player("autoencoder", ("encoder", "decoder"), settings.optimizer),
        )
        self.turns = (("critic", "autoencoder"),)
        self.default_layer = "encoder.3"

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        code = self.encoder(batch.x)
        encoded = self.critic(code)
        losses: dict[str, Terms] = {
            "critic": {"prior": bce_real(self.critic(batch.z)), "encoded": bce_fake(encoded)},
            "autoencoder": {
                "reconstruction": (self.decoder(code) - batch.x).square().mean(),
                "deceive": bce_real(encoded),
            },
        }
        return {player: losses[player] for player in players}

    def run(self, network: str, x: Tensor) -> Tensor:
        return {"encoder": self.encode, "decoder": self.reconstruct, "critic": self.judge}[network](
            x
        )

    def judge(self, x: Tensor) -> Tensor:
        return self.critic(self.encoder(x))

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


class MovesAnother(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        found = super().losses(batch, players)
        if "critic" in players:
            with torch.no_grad():
                self.decoder[0].bias.data.mul_(0.9).add_(0.01)
        return found


class DrawsGlobally(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        noisy = batch.x + 0.1 * torch.randn_like(batch.x)
        return super().losses(dataclasses.replace(batch, x=noisy), players)


class TrainsInFeatures(Sound):
    def run(self, network: str, x: Tensor) -> Tensor:
        self.encoder.train()
        return super().run(network, x)


class StaysInTrainingMode(Sound):
    def features(self, x: Tensor, layer: str | None = None) -> Tensor:
        self.eval()
        return self.encoder(x).detach()


class RemembersInAttributes(Sound):
    centre: Tensor | float = 0.0

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        batch.cache["mean"] = batch.x.mean(0).detach()
        return super().losses(dataclasses.replace(batch, x=batch.x - self.centre), players)

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        self.centre = 0.5 * self.centre + 0.5 * batches[-1].cache["mean"]


class EncodesTooWide(Sound):
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder[:-1](x)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class MovesItsState(Sound):
    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.register_buffer("seen", torch.zeros(()))

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        self.seen += len(batch.x)
        return super().losses(batch, players)


class CallsBackward(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        sum(super().losses(batch, ["autoencoder"])["autoencoder"].values()).backward()
        return super().losses(batch, players)


class GivesNoScalars(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        found = super().losses(batch, players)
        return {name: {term: v.expand(3) for term, v in found[name].items()} for name in found}


class GivesAll(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        return super().losses(batch, ["critic", "autoencoder"])


class DependsOnTheOthers(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        found = super().losses(batch, players)
        if len(players) == 1:
            found[players[0]] = {name: 2 * term for name, term in found[players[0]].items()}
        return found


class Explodes(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        found = super().losses(batch, players)
        return {n: {t: v / 0 for t, v in terms.items()} for n, terms in found.items()}


class HidesWhatItCan(Sound):
    capabilities = frozenset({"sample", "decode"})


class Unowned(Sound):
    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.spare = nn.Linear(2, 2)


class Fails(Sound):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        return {"critic": {"prior": self.critic(batch.x)}}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (MovesAnother, r"invariant 1, ownership: .* 'critic' moves 'decoder\.0\.bias'"),
        (
            DrawsGlobally,
            r"invariant 4, randomness: .*'autoencoder'|'critic'.*draw from batch\.noise",
        ),
        (TrainsInFeatures, r"invariant 8, features: reading features changes 'encoder\.2\."),
        (StaysInTrainingMode, "invariant 8, features: .* changes the training mode"),
        (RemembersInAttributes, "invariant 2, exact resume: .*register_buffer"),
        (EncodesTooWide, r"capabilities: encode gives \(10, 16\) where \(10, 4\) is declared"),
        (MovesItsState, "purity: losses changes 'seen'; .* after_iteration"),
        (CallsBackward, r"purity: losses calls backward\(\)"),
        (GivesNoScalars, "losses: the term 'prior' of player 'critic' is no scalar tensor"),
        (GivesAll, "losses: asked for critic, it gave terms for 'autoencoder' too"),
        (DependsOnTheOthers, "gradients: that of player '.*' depends on who else is asked"),
        (Explodes, "invariant 5, finite"),
        (HidesWhatItCan, "capabilities: the method can encode and does not declare it"),
        (Unowned, r"parts: the parameter 'spare\.\w+' belongs to no player"),
        (Fails, "losses: Fails fails with RuntimeError: "),
    ],
)
def test_a_planted_fault_is_found_and_named(method: type[Method], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        check_method(method)


def test_a_sound_method_passes_on_images_and_vectors() -> None:
    check_method(Sound)
    check_method(Sound, Settings(latent_dim=2), spec=DataSpec("vectors", (6,), bounded=False))


@pytest.mark.parametrize("name", ["gan-official", "bigan-augmented", "latent_regressor-joint"])
def test_methods_of_the_package_pass(name: str) -> None:
    config = toy_config(name)
    check_method(METHODS[config.method], config.settings, rows=20)


@pytest.mark.slow
def test_every_variant_passes(variant: str) -> None:
    config = toy_config(variant)
    check_method(METHODS[config.method], config.settings, rows=20)


def changed(**parts: Any) -> type[Method]:
    return type("Changed", (Sound,), parts)


def built(change: Callable[[Any], None]) -> type[Method]:
    """The sound method, changed at the end of its `__init__`."""

    def init(self: Any, settings: Settings, spec: DataSpec) -> None:
        Sound.__init__(self, settings, spec)
        change(self)

    return changed(__init__=init)


@dataclasses.dataclass
class Thawed:
    latent_dim: int = 4


@dataclasses.dataclass(frozen=True)
class NoDefault:
    latent_dim: int


@dataclasses.dataclass(frozen=True)
class NoJson:
    latent_dim: Any = dataclasses.field(default_factory=lambda: torch.zeros(2))


class NoLosses(Method):
    Settings = Settings


class NoSettings(Method):
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        return {}

    def run(self, network: str, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (dict, "is no method: derive the class from ambigan.game.Method"),
        (NoLosses, "NoLosses does not define losses and run"),
        (NoSettings, "NoSettings has no Settings"),
        (changed(Settings=Thawed), r"Changed\.Settings is no frozen dataclass"),
        (changed(Settings=4), r"Changed\.Settings is no frozen dataclass"),
        (changed(Settings=NoDefault), "has no default for 'latent_dim'"),
        (changed(Settings=NoJson), "cannot be kept as JSON"),
        (changed(capabilities=frozenset({"fly"})), "unknown capability of Changed 'fly'"),
        (changed(encode=Method.encode), r"declares the capability 'encode' and does not define"),
        (changed(capabilities=frozenset({"sample"})), "declares 'sample', which needs 'decode'"),
    ],
)
def test_what_a_class_lacks_is_one_line(cls: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        check_class(cls)
    assert "\n" not in str(caught.value)
    with pytest.raises(ContractError, match=said):
        check_method(cls)


OTHER = Player("other", ("encoder",), OptimizerSettings())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: delattr(m, "players"), "Changed has no players: set self.players"),
        (lambda m: delattr(m, "turns"), "Changed has no turns"),
        (lambda m: delattr(m, "prior"), "Changed has no prior"),
        (lambda m: delattr(m, "default_layer"), "Changed has no default_layer"),
        (lambda m: setattr(m, "default_layer", "encoder.9"), "unknown layer 'encoder.9'"),
        (lambda m: setattr(m, "turns", (("crtic", "autoencoder"),)), "Did you mean 'critic'"),
        (lambda m: setattr(m, "turns", ("critic",)), "holds the text 'critic'"),
        (
            lambda m: setattr(m, "turns", (("critic",),)),
            "'autoencoder' of Changed moves in no turn",
        ),
        (
            lambda m: setattr(m, "players", (*m.players, OTHER)),
            "'other' of Changed moves in no turn",
        ),
        (
            lambda m: (
                setattr(m, "players", (*m.players, OTHER)),
                setattr(m, "turns", (*m.turns, ("other",))),
            ),
            "the parameters of 'encoder' belong to both 'autoencoder' and 'other'",
        ),
        (
            lambda m: setattr(
                m, "players", (dataclasses.replace(m.players[0], networks=("crtic",)), m.players[1])
            ),
            "unknown network of player 'critic' of Changed 'crtic'. Did you mean 'critic'",
        ),
        (lambda m: setattr(m, "critic", nn.Identity()), "network 'critic' .* has no parameters"),
    ],
)
def test_what_a_game_lacks_is_one_line(change: Callable[[Any], None], said: str) -> None:
    with pytest.raises(ContractError, match=said) as caught:
        check_method(built(change))
    assert "\n" not in str(caught.value)
