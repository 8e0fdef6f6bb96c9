"""A method of one's own in one file: the adversarial autoencoder (Makhzani et al., 2015).

It is not part of ambigan and has networks of its own; `@register_method` is all that makes it one.
The engine, the protocols and the report take it as it is:

    ambigan train adversarial_autoencoder --plugin adversarial_autoencoder.py --out runs/aae
    ambigan evaluate runs/aae --plugin adversarial_autoencoder.py
    ambigan report runs/aae --plugin adversarial_autoencoder.py

The plugin is given again whenever its run is used, because ambigan never imports code that a file
names. Whether the method keeps the contract, `check_method(AdversarialAutoencoder)` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.game import Batch, Method, OptimizerSettings, Player, Terms
from ambigan.methods import register_method
from ambigan.objectives.adversarial import bce_fake, bce_real, saturation
from ambigan.priors import NormalPrior


@dataclass(frozen=True)
class Settings:
    """What can be changed, as `--settings.NAME`.

    Attributes:
        latent_dim: The dimension of z.
        width: The width of the hidden layers.
        reconstruction_weight: The weight of the squared error next to the adversarial term.
        optimizer: The optimiser of both players.
    """

    latent_dim: int = 16
    width: int = 256
    reconstruction_weight: float = 10.0
    optimizer: OptimizerSettings = field(
        default_factory=lambda: OptimizerSettings(learning_rate=1e-3, final_learning_rate=1e-5)
    )


@register_method("adversarial_autoencoder")
class AdversarialAutoencoder(Method):
    """An autoencoder whose latents a discriminator cannot tell from a normal prior."""

    Settings = Settings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})

    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = NormalPrior(settings.latent_dim)
        data, latent, width = spec.num_values, settings.latent_dim, settings.width
        self.encoder = nn.Sequential(nn.Flatten(), *_layers(data, width, latent))
        self.decoder = nn.Sequential(*_layers(latent, width, data), nn.Unflatten(1, spec.shape))
        self.critic = nn.Sequential(*_layers(latent, width, 1))
        self.players = (
            Player("critic", ("critic",), settings.optimizer),
            Player("autoencoder", ("encoder", "decoder"), settings.optimizer),
        )
        self.turns = (("critic", "autoencoder"),)
        self.default_layer = "encoder.4"

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """The critic tells z from E(x); the autoencoder reconstructs x and deceives the critic."""
        C, E, G, w = self.critic, self.encoder, self.decoder, self.settings.reconstruction_weight
        x, z = batch.x, batch.z
        code = E(x)
        prior, encoded = C(z), C(code)
        losses: dict[str, Terms] = {
            "critic": {"prior": bce_real(prior), "encoded": bce_fake(encoded)},
            "autoencoder": {
                "reconstruction": w * (G(code) - x).square().mean(),
                "deceive": bce_real(encoded),
            },
        }
        return {player: losses[player] for player in players}

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x), G(E(x)) or C(E(x))."""
        code = self.encoder(x)
        match network:
            case "encoder":
                return code
            case "decoder":
                return self.decoder(code)
            case "critic":
                return self.critic(code)
            case _:
                raise ConfigError(f"there is no network '{network}'.")

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.decoder(z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x)."""
        return self.encoder(x)

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the critic is."""
        logits = torch.cat([self.critic(batch.z), self.critic(self.encoder(batch.x))])
        return {"saturation": saturation(logits)}


def _layers(inputs: int, width: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    ]
