"""Structural Adversarial Objectives for Self-Supervised Representation Learning. arXiv 2310.00357.

D embeds examples; it has no logit. It drives the embeddings of real and of generated examples
apart, as Gaussians, draws each real embedding to its nearest real neighbours and each generated one
away from its neighbours, and is kept smooth. G reverses the first and follows its neighbours. There
are no labels, and no augmentation unless the data settings ask for it. The paper has images alone.
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
from ..game import Batch, Method, OptimizerSettings, Player, Terms, turns_of
from ..networks import families
from ..networks.layers.memory import Bank, Teacher
from ..networks.permutation_invariant import MLPSettings
from ..networks.residual import ResidualSettings
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
    """Weights and constants of the objective; a weight of 0 drops its term.

    The defaults are the authors' code's, except `skip_for_fake` and the decay of biases and gains,
    which preset `official` sets as that code does.

    Attributes:
        latent_dim: number of dimensions of the latents z.
        prior: distribution of z, in each dimension N(0, 1) for `normal` or U(-1, 1) for `uniform`.
        embedding_dim: number of dimensions of D's embeddings.
        divergence: divergence of real from generated embeddings at the coarse scale, as Gaussians:
            `jsd` as in the authors' code, or `bhattacharyya`.
        gaussian_weight: weight of the coarse scale, for both players.
        gaussian_scale: factor of the covariances in the divergence; None for twice `embedding_dim`.
        cluster_weight: weight of the fine scale, the similarity of neighbours, for both players.
        neighbors: number of neighbours that each embedding is drawn to.
        skip_for_fake: whether a generated image leaves out its nearest neighbour, as a real image
            leaves out itself; the authors' code drops the first of every list.
        bank_size: number of earlier real images that can be neighbours in addition to the batch.
        teacher_decay: decay per iteration of the averaged D, in whose features neighbours are
            found, in [0, 1).
        smoothness_weight: weight of (|J v| - smoothness_target)^2, in D's loss.
        smoothness_target: how much an embedding may change with its image, as the length of J v.
        power_iterations: number of power iterations that find the direction v of largest change.
        norm_weight: weight of max(0, 1 - |e|)^2 on real embeddings e, in D's loss.
        simultaneous: whether both players move at once on one batch; otherwise D moves, then G, as
            in the authors' code, here on fresh images and latents.
        network: networks of D and G: residual ones of images, or perceptrons, which also take
            vectors and which the paper does not have. D has no batch norm.
        discriminator_optimizer: optimiser of D: AdamW.
        generator_optimizer: optimiser of G: Adam.
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
    simultaneous: bool = False
    network: families.EmbedderSettings = field(default_factory=ResidualSettings)
    discriminator_optimizer: OptimizerSettings = ADAMW
    generator_optimizer: OptimizerSettings = STRUCTURAL_ADAM

    def __post_init__(self) -> None:
        if not (self.gaussian_weight or self.cluster_weight):
            raise ConfigError(
                "settings.gaussian_weight and settings.cluster_weight are both 0, and G learns by"
                " no other term; let one of them be above 0."
            )


@register_method("structural")
class Structural(Method):
    """D, which maps examples to embeddings, against G."""

    Settings = StructuralSettings
    capabilities = frozenset({"sample", "decode"})
    data_networks, latent_networks = ("discriminator",), ("generator",)

    def __init__(self, settings: StructuralSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        s = settings
        if isinstance(s.network, MLPSettings) and s.network.discriminator_norm != "none":
            raise ConfigError(
                f"settings.network.discriminator_norm '{s.network.discriminator_norm}' makes the"
                " embedding of an example depend on the rest of its batch; method structural needs"
                " none."
            )
        self.prior = make_prior(s.prior, s.latent_dim)
        self.discriminator = families.make_embedder(spec, s.network, s.embedding_dim)
        self.generator = families.make_generator(spec, s.network, s.latent_dim)
        self.players = (
            Player("discriminator", ("discriminator",), s.discriminator_optimizer),
            Player("generator", ("generator",), s.generator_optimizer),
        )
        self.turns = turns_of(self.players, simultaneous=s.simultaneous)
        self.default_layer = families.last_hidden("discriminator", self.discriminator)
        self.scale = s.gaussian_scale or 2.0 * s.embedding_dim
        if s.cluster_weight:
            self.teacher = Teacher(self.discriminator)
            self.bank = Bank(
                s.bank_size, embeddings=s.embedding_dim, keys=self.discriminator.num_features
            )

    def check_batch(self, size: int) -> None:
        """Refuses more neighbours than batch and bank hold next to a real image itself."""
        s = self.settings
        if s.cluster_weight and s.neighbors > (most := size + s.bank_size - 1):
            raise ConfigError(
                f"settings.neighbors {s.neighbors} is more than there are: a batch of {size} and a"
                f" bank of {s.bank_size} hold {most} besides the image itself; choose {most} or"
                " fewer, or a larger settings.bank_size."
            )

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """D descends -M + 3 (s_f - s_r) + 5 (|J v| - 1)^2 + 20 hinge; G descends M - 3 s_f."""
        D, G, s = self.discriminator, self.generator, self.settings
        x, z = batch.x, batch.z
        fake = G(z, z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            e_real, e_fake, smoothness = self._embed(batch, fake)
            r, f = F.normalize(e_real, dim=1), F.normalize(e_fake, dim=1)
            terms = {}
            if s.gaussian_weight:
                terms["gaussian"] = -s.gaussian_weight * self._divergence(r, f)
            if s.cluster_weight:
                h_real, h_fake, among = self._candidates(batch, r, fake)
                s_r = self._similarity(r, h_real, among, skip=1)
                s_f = self._similarity(f, h_fake, among, int(s.skip_for_fake))
                terms["cluster_real"] = -s.cluster_weight * s_r
                terms["cluster_fake"] = s.cluster_weight * s_f
            if s.smoothness_weight:
                terms["smoothness"] = s.smoothness_weight * smoothness
            if s.norm_weight:
                terms["norm"] = s.norm_weight * norm_hinge(e_real)
            losses["discriminator"] = terms
        if "generator" in players:
            r, f = F.normalize(D(x), dim=1), F.normalize(D(fake), dim=1)
            terms = {}
            if s.gaussian_weight:
                terms["gaussian"] = s.gaussian_weight * self._divergence(r, f)
            if s.cluster_weight:
                _h_real, h_fake, among = self._candidates(batch, r, fake)
                s_f = self._similarity(f, h_fake, among, int(s.skip_for_fake))
                terms["cluster_fake"] = -s.cluster_weight * s_f
            losses["generator"] = terms
        return losses

    def _divergence(self, r: Tensor, f: Tensor) -> Tensor:
        """M, how far real and generated embeddings lie apart as Gaussians."""
        return gaussian_divergence(
            moments_of(r), moments_of(f), self.scale, self.settings.divergence
        )

    def _embed(self, batch: Batch, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """D of real and of generated images, and the mean of (|J v| - target)^2 over both.

        One forward pass serves the embeddings and the products with J.
        """
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

    def _candidates(
        self, batch: Batch, r: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """The teacher's features of real and of generated images, and the possible neighbours.

        Those are the real images of all processes, which come first, and of the bank: the teacher's
        features `(M, F)`, by which neighbours are found, and embeddings `(M, D)`; those of the
        batch have their graph.
        """
        images = torch.cat([batch.x, fake])
        h_real, h_fake = self.teacher.run(self.discriminator, images, head=False).chunk(2)
        own, own_keys = all_rows(r), all_rows(h_real)
        batch.cache.update(embeddings=own.detach(), keys=own_keys)
        keys = torch.cat([own_keys, self.bank.get_buffer("keys")])
        return h_real, h_fake, (keys, torch.cat([own, self.bank.get_buffer("embeddings")]))

    def _similarity(self, e: Tensor, h: Tensor, among: tuple[Tensor, Tensor], skip: int) -> Tensor:
        """The mean cosine of embeddings with their neighbours, the `skip` nearest left out."""
        keys, embeddings = among
        return mean_similarity(e, embeddings, nearest_rows(h, keys, self.settings.neighbors, skip))

    def update_norm_stats(self, batch: Batch) -> None:
        """G(z): D, the only other network, has no batch norm."""
        self.decode(batch.z)

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        """The teacher follows D; the bank takes in the real images of D's turn."""
        if self.settings.cluster_weight:
            self.teacher.update(self.discriminator, self.settings.teacher_decay)
            self.bank.put(**batches[0].cache)

    def run(self, network: str, x: Tensor) -> Tensor:
        """D(x). The generator never sees data."""
        if network != "discriminator":
            raise ConfigError(f"the {network} never sees data; take a discriminator layer.")
        return self.discriminator(x)

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)
