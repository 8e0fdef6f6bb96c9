"""Residual MLPs of BigBiGAN: the head of the encoder, and H, J and the scores of D."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .biggan import BigGANBody
from .layers.basic import BatchNorm
from .layers.init import init_orthogonal
from .layers.spectral_norm import apply_spectral_norm

Unary = Literal["both", "x", "z", "none"]
"""Which of the scores s_x (image) and s_z (latents) D has in addition to the joint score."""


def check_depths(**depths: int) -> None:
    """Checks that residual MLPs have whole blocks.

    Raises:
        ConfigError: A number of layers is odd.
    """
    for name, depth in depths.items():
        if depth % 2:
            raise ConfigError(
                f"settings.network.{name} {depth} is odd, but a block has two layers; choose"
                f" {depth + 1}."
            )


class MLPBlock(nn.Module):
    """A residual block of two linear layers: h + W2 relu(norm(W1 relu(norm(h))))."""

    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.norm1 = BatchNorm(width) if batch_norm else nn.Identity()
        self.linear1 = nn.Linear(width, width, bias=not batch_norm)
        self.norm2 = BatchNorm(width) if batch_norm else nn.Identity()
        self.linear2 = nn.Linear(width, width)

    def forward(self, h: Float[Tensor, "N width"]) -> Float[Tensor, "N width"]:
        """Maps `(N, width)` to the same shape."""
        inner = self.linear1(F.relu(self.norm1(h)))
        return h + self.linear2(F.relu(self.norm2(inner)))


class ResidualMLP(nn.Module):
    """A linear layer `input`, residual blocks `block1`, ... of two layers, and ReLU at `output`.

    Source: BigBiGAN. Depth and width are from memory. How the layers form blocks is our choice,
    since no source that was read says it.

    Args:
        in_features: Length of the input.
        width: Number of units of all layers.
        depth: Number of layers in the blocks, an even number.
        batch_norm: Whether batch norm precedes each ReLU.
        rectify: Whether the network ends in a ReLU.
    """

    def __init__(
        self, in_features: int, width: int, depth: int, *, batch_norm: bool, rectify: bool = True
    ) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (width,)
        self.input = nn.Linear(in_features, width)
        self.hidden_names = tuple(f"block{i + 1}" for i in range(depth // 2))
        for name in self.hidden_names:
            self.add_module(name, MLPBlock(width, batch_norm))
        norm = [BatchNorm(width)] if batch_norm else []
        self.output = nn.Sequential(*norm, *([nn.ReLU()] if rectify else []))

    def forward(self, h: Float[Tensor, "N in_features"]) -> Float[Tensor, "N width"]:
        """Maps `(N, in_features)` to `(N, width)`."""
        h = self.input(h)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        return self.output(h)


class ResidualMLPBody(ResidualMLP):
    """F(x) of vectors: a residual MLP in the place of `BigGANBody`, with the same interface.

    Weights start orthogonal, and spectral norm is on every one of them.

    Args:
        in_features: Number of values of one input, flattened.
        width: Number of units of all layers.
        depth: Number of layers in the blocks, an even number.
    """

    joint_scale = 1.0

    def __init__(self, in_features: int, width: int, depth: int) -> None:
        super().__init__(in_features, width, depth, batch_norm=False)
        self.num_features = width
        init_orthogonal(self)
        apply_spectral_norm(self)

    def forward(self, h: Float[Tensor, "N ..."]) -> Float[Tensor, "N width"]:
        """Maps data `(N, ...)` to features `(N, width)`."""
        return super().forward(h.flatten(1))


class LatentHead(nn.Module):
    """The head of E: a residual MLP and a linear layer, which is in fp32 even under autocast.

    The outputs of a stochastic E are the means mu, followed by the values that softplus maps to
    sigma. Batch norm in the MLP is our addition.

    Args:
        in_features: Number of pooled features.
        width: Number of units of the MLP's layers; 4096 in the paper (from memory).
        depth: Number of layers of the MLP, an even number; 4 in the paper (from memory).
        num_outputs: Number of outputs, twice the length of z for a stochastic E.
    """

    def __init__(self, in_features: int, width: int, depth: int, num_outputs: int) -> None:
        super().__init__()
        self.mlp = ResidualMLP(in_features, width, depth, batch_norm=True)
        self.linear = nn.Linear(width, num_outputs)

    def forward(self, h: Float[Tensor, "N in_features"]) -> Float[Tensor, "N num_outputs"]:
        """Maps `(N, in_features)` to `(N, num_outputs)`."""
        h = self.mlp(h)
        with torch.autocast(h.device.type, enabled=False):
            return self.linear(at_least_float32(h))


class JointScores(nn.Module):
    """The scores s_x = theta_x F, s_z = theta_z H and s_xz = theta_xz J.

    F, H and J have `num_x`, `num_z` and `num_xz` features; 0 leaves a score out. `names` lists the
    scores that are present, in order. They are computed in fp32 even under autocast.
    """

    def __init__(self, num_x: int, num_z: int, num_xz: int) -> None:
        super().__init__()
        self.x = nn.Linear(num_x, 1) if num_x else None
        self.z = nn.Linear(num_z, 1) if num_z else None
        self.xz = nn.Linear(num_xz, 1)
        widths = {"x": num_x, "z": num_z, "xz": num_xz}
        self.names = tuple(name for name, width in widths.items() if width)

    def forward(
        self,
        f: Float[Tensor, "N num_x"],
        h: Float[Tensor, "N num_z"],
        j: Float[Tensor, "N num_xz"],
    ) -> Float[Tensor, "N {len(self.names)}"]:
        """Maps F `(N, num_x)`, H `(N, num_z)` and J `(N, num_xz)` to scores `(N, 3)`, or fewer."""
        parts = ((self.x, f), (self.z, h), (self.xz, j))
        with torch.autocast(f.device.type, enabled=False):
            scores = [layer(at_least_float32(part)) for layer, part in parts if layer is not None]
            return torch.cat(scores, 1)


class JointDiscriminator(nn.Module):
    """BigBiGAN's D: `image` F(x), `latent` H(z), `joint` J(F, H), and at `output` their scores.

    `image` is the network of data of any kind, also of vectors.

    Weights start orthogonal, with spectral norm on every one of them or on all but H's and J's.

    Source: BigBiGAN; three scores as in its authors' module. That each score is linear in its
    network's output, and the form of H and J, are from memory. Two choices are ours. J is given F's
    sums over pixels, scaled as if there were 16 pixels, as at 128x128; at 32x32 there are 64, and
    the latents would be drowned out. And J is given H's last block before ReLU, because at high
    learning rates the ReLU silences most of its units.

    Args:
        image: F, the body of BigGAN's discriminator or, for vectors, a residual MLP.
        latent_dim: Length of z.
        width: Number of units of H and J; 2048 in the paper (from memory).
        depth: Number of layers of H and of J, an even number; 8 in the paper (from memory).
        unary: Which of s_x and s_z there are in addition to s_xz.
        mlp_spectral_norm: Whether spectral norm is on the weights of H and J.
    """

    vector_names = ("image.output", "latent.output", "joint.output")

    def __init__(
        self,
        image: BigGANBody | ResidualMLPBody,
        latent_dim: int,
        width: int,
        depth: int,
        unary: Unary = "both",
        *,
        mlp_spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        self.hidden_names = tuple(f"image.{name}" for name in image.hidden_names)
        self.latent = ResidualMLP(latent_dim, width, depth, batch_norm=False, rectify=False)
        num_joined = image.out_shape[0] + width
        self.joint = ResidualMLP(num_joined, width, depth, batch_norm=False)
        num_x = image.num_features if unary in ("both", "x") else 0
        self.output = JointScores(num_x, width if unary in ("both", "z") else 0, width)
        init_orthogonal(self)
        apply_spectral_norm(self if mlp_spectral_norm else self.output)
        # Assigned last: F has its own initialisation and spectral norm, which the two calls above
        # must not repeat.
        self.image = image

    def forward(
        self, x: Float[Tensor, "N ..."], z: Float[Tensor, "N latent_dim"]
    ) -> Float[Tensor, "N {len(self.output.names)}"]:
        """Maps data `(N, ...)` and latents `(N, latent_dim)` to s_x, s_z and s_xz, `(N, 3)`.

        Unary scores that are left out have no column.
        """
        f, h = self.image(x), self.latent(z)
        # H ends without ReLU (`rectify=False`) for J; s_z is computed after the ReLU below.
        joined = torch.cat([f * self.image.joint_scale, h.to(f.dtype)], 1)
        # s_x sees the paper's single sum per channel, whatever grid J sees.
        sums = f.unflatten(1, (self.image.num_features, -1)).sum(2)
        return self.output(sums, F.relu(h), self.joint(joined))
