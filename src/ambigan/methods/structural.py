"""Structural Adversarial Objectives for Self-Supervised Representation Learning. arXiv 2310.00357.

D embeds images; it has no logit. It tears the embeddings of real and generated images apart as
Gaussians, draws each real one to its nearest real neighbour and each generated one away from its,
and is kept smooth; G does the opposite of the first and follows its neighbours. No labels, and no
augmentation unless the data settings ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.distributed import all_rows
from ..core.errors import ConfigError
from ..core.settings import Fraction, NonNegative, Positive
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.layers.memory import Bank, Teacher
from ..networks.residual import (
    ResidualSettings,
    make_residual_discriminator,
    make_residual_generator,
)
from ..objectives.penalties import jacobian_normalized
from ..objectives.structural import (
    Divergence,
    gaussian_divergence,
    mean_similarity,
    moments_of,
    nearest_rows,
    norm_hinge,
)
from ..priors import PriorName, make_prior
from .registry import register_method

STRUCTURAL_ADAM = OptimizerSettings(weight_decay=0, final_learning_rate=None)
ADAMW = replace(STRUCTURAL_ADAM, kind="adamw", weight_decay=0.1)


@dataclass(frozen=True)
class StructuralSettings:
    """Weights and constants. A weight of 0 drops its term.

    The defaults are the authors' code's, but for `skip_for_fake` and the decay of biases and gains,
    which preset `official` has as that code.

    Attributes:
        latent_dim: of z.
        prior: of z.
        embedding_dim: of what D gives.
        divergence: of the coarse scale; see `gaussian_divergence`.
        gaussian_weight: of the coarse scale, for both players.
        gaussian_scale: of covariances in it; None for twice `embedding_dim`.
        cluster_weight: of the fine scale, for both players.
        neighbors: how many each embedding is drawn to.
        skip_for_fake: a generated image leaves out its nearest neighbour, as a real one leaves out
            itself: the authors' code drops the first of every list.
        bank_size: how many earlier real images are neighbours beside the batch.
        teacher_decay: of the averaged D, in whose features neighbours are looked for.
        smoothness_weight: of (|J v| - target)^2, D's alone.
        smoothness_target: how much an embedding may change with its image.
        power_iterations: by which the direction v of largest change is found.
        norm_weight: of max(0, 1 - |e|)^2 on real embeddings, D's alone.
        network: of D and G.
        discriminator_optimizer: AdamW.
        generator_optimizer: Adam.
    """

    latent_dim: PositiveInt = 128
    prior: PriorName = "normal"
    embedding_dim: PositiveInt = 128
    divergence: Divergence = "jsd"
    gaussian_weight: NonNegative = 1.0
    gaussian_scale: Positive | None = None
    cluster_weight: NonNegative = 3.0
    neighbors: PositiveInt = 1
    skip_for_fake: bool = False
    bank_size: PositiveInt = 10_240
    teacher_decay: Fraction = 0.99
    smoothness_weight: NonNegative = 5.0
    smoothness_target: NonNegative = 1.0
    power_iterations: PositiveInt = 1
    norm_weight: NonNegative = 20.0
    network: ResidualSettings = field(default_factory=ResidualSettings)
    discriminator_optimizer: OptimizerSettings = ADAMW
    generator_optimizer: OptimizerSettings = STRUCTURAL_ADAM

    def __post_init__(self) -> None:
        if not (self.gaussian_weight or self.cluster_weight):
            raise ConfigError(
                "settings.gaussian_weight and settings.cluster_weight are both 0, and G learns by"
                " no other term; let one of them be above 0."
            )


@dataclass(frozen=True)
class Neighborhood:
    """Real images of all processes and of the bank, among which neighbours are looked for.

    Attributes:
        h_real: the teacher's features of this process's real images.
        h_fake: of its generated ones.
        keys: of all that may be neighbours, those of the batch first.
        embeddings: of the same; those of the batch have their graph.
        num: how many neighbours each image has.
        skip_for_fake: how many of a generated image's nearest are left out.
    """

    h_real: Tensor
    h_fake: Tensor
    keys: Tensor
    embeddings: Tensor
    num: int
    skip_for_fake: int

    def of_real(self, r: Tensor) -> Tensor:
        """s_r, the mean cosine of real embeddings with their neighbours', themselves left out."""
        chosen = nearest_rows(self.h_real, self.keys, self.num, skip=1)
        return mean_similarity(r, self.embeddings, chosen)

    def of_fake(self, f: Tensor) -> Tensor:
        """s_f, the same of generated ones."""
        chosen = nearest_rows(self.h_fake, self.keys, self.num, self.skip_for_fake)
        return mean_similarity(f, self.embeddings, chosen)


@register_method("structural")
class Structural(Method):
    """D, a map of images to embeddings, against G."""

    Settings = StructuralSettings
    capabilities = frozenset({"sample", "decode"})

    def __init__(self, settings: StructuralSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        s = settings
        self.prior = make_prior(s.prior, s.latent_dim)
        self.discriminator = make_residual_discriminator(spec, s.network, s.embedding_dim)
        self.generator = make_residual_generator(spec, s.network, s.latent_dim)
        self.players = (
            Player("discriminator", ("discriminator",), s.discriminator_optimizer),
            Player("generator", ("generator",), s.generator_optimizer),
        )
        self.turns = (("discriminator",), ("generator",))
        self.data_networks, self.latent_networks = ("discriminator",), ("generator",)
        self.default_layer = "discriminator.pool"
        self.scale = s.gaussian_scale or 2.0 * s.embedding_dim
        if s.cluster_weight:
            self.teacher = Teacher(self.discriminator, s.teacher_decay)
            self.bank = Bank(s.bank_size, s.embedding_dim, self.discriminator.num_features)

    def check_batch(self, size: int) -> None:
        """Neighbours are looked for among batch and bank, where a real image is its own nearest."""
        s = self.settings
        if s.cluster_weight and s.neighbors > (most := size + s.bank_size - 1):
            raise ConfigError(
                f"settings.neighbors {s.neighbors} is more than there are: a batch of {size} and a"
                f" bank of {s.bank_size} hold {most} beside the image itself; choose {most} or"
                " fewer, or a larger settings.bank_size."
            )

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """D descends -M + 3 (s_f - s_r) + 5 (|J v| - 1)^2 + 20 hinge; G descends M - 3 s_f."""
        D, G, s = self.discriminator, self.generator, self.settings
        x, z = batch.x, batch.z
        fake = G(z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            e_real, e_fake, smoothness = self._smoothly(batch, fake)
            r, f = F.normalize(e_real, dim=1), F.normalize(e_fake, dim=1)
            terms = {}
            if s.gaussian_weight:
                terms["gaussian"] = -s.gaussian_weight * self._apart(r, f)
            if s.cluster_weight:
                near = self._neighborhood(batch, r, fake)
                terms["cluster_real"] = -s.cluster_weight * near.of_real(r)
                terms["cluster_fake"] = s.cluster_weight * near.of_fake(f)
            if s.smoothness_weight:
                terms["smoothness"] = s.smoothness_weight * smoothness
            if s.norm_weight:
                terms["norm"] = s.norm_weight * norm_hinge(e_real)
            losses["discriminator"] = terms
        if "generator" in players:
            r, f = F.normalize(D(x), dim=1), F.normalize(D(fake), dim=1)
            terms = {}
            if s.gaussian_weight:
                terms["gaussian"] = s.gaussian_weight * self._apart(r, f)
            if s.cluster_weight:
                near = self._neighborhood(batch, r, fake)
                terms["cluster_fake"] = -s.cluster_weight * near.of_fake(f)
            losses["generator"] = terms
        return losses

    def _apart(self, r: Tensor, f: Tensor) -> Tensor:
        """M."""
        return gaussian_divergence(
            moments_of(r), moments_of(f), self.scale, self.settings.divergence
        )

    def _smoothly(self, batch: Batch, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """D of real and of generated images, and how far |J v| is from its target on both."""
        s, images = self.settings, torch.cat([batch.x, fake])
        if not s.smoothness_weight:
            e_real, e_fake = self.discriminator(images).chunk(2)
            return e_real, e_fake, images.new_zeros(())
        shape = (len(batch.x), s.embedding_dim)
        start = torch.cat([batch.noise.normal(*shape), batch.noise.normal(*shape)])
        embeddings, norms = jacobian_normalized(
            self.discriminator, images, start, s.power_iterations
        )
        e_real, e_fake = embeddings.chunk(2)
        return e_real, e_fake, (norms - s.smoothness_target).square().mean()

    def _neighborhood(self, batch: Batch, r: Tensor, fake: Tensor) -> Neighborhood:
        """The real images of the batch and of the bank, by the teacher's features."""
        images = torch.cat([batch.x, fake])
        h_real, h_fake = self.teacher.run(self.discriminator, images, pooled=True).chunk(2)
        own, own_keys = all_rows(r), all_rows(h_real)
        batch.cache.update(embeddings=own.detach(), keys=own_keys)
        s, bank = self.settings, self.bank
        keys, embeddings = torch.cat([own_keys, bank.keys]), torch.cat([own, bank.embeddings])
        return Neighborhood(h_real, h_fake, keys, embeddings, s.neighbors, int(s.skip_for_fake))

    def update_norm_stats(self, batch: Batch) -> None:
        """G(z): D, the only other network, has no batch norm."""
        self.generator(batch.z)

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        """The teacher follows D; the bank takes in the real images of D's turn."""
        if self.settings.cluster_weight:
            self.teacher.update(self.discriminator)
            kept = batches[0].cache
            self.bank.put(kept["embeddings"], kept["keys"])

    def run(self, network: str, x: Tensor) -> Tensor:
        """D(x). The generator never sees data."""
        if network != "discriminator":
            raise ConfigError(f"the {network} never sees data; take a discriminator layer.")
        return self.discriminator(x)

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z)
