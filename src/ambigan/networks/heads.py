"""Residual MLPs: what BigBiGAN puts on an encoder, and H, J and the scores of its discriminator."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .biggan import BigGANBody
from .layers.basic import BatchNorm
from .layers.init import init_orthogonal
from .layers.spectral_norm import apply_spectral_norm

Unary = Literal["both", "x", "z", "none"]
"""Scores beside the joint one: of the image, of the latents, of each alone."""


class MLPBlock(nn.Module):
    """h + W2 relu(norm(W1 relu(norm(h)))).

    Args:
        width: of h and inside.
        batch_norm: there is a norm.
    """

    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.norm1 = BatchNorm(width) if batch_norm else nn.Identity()
        self.linear1 = nn.Linear(width, width, bias=not batch_norm)
        self.norm2 = BatchNorm(width) if batch_norm else nn.Identity()
        self.linear2 = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, width)` to the same."""
        inner = self.linear1(F.relu(self.norm1(h)))
        return h + self.linear2(F.relu(self.norm2(inner)))


class ResidualMLP(nn.Module):
    """`input`, a linear layer to the width; `block1`, ... of two layers each; ReLU at `output`.

    Source: BigBiGAN. Depth and width are from memory; how the layers are put into blocks is ours,
    since nothing that was read says it.

    Args:
        in_features: of its input.
        width: of all layers.
        depth: layers in the blocks, an even number.
        batch_norm: before each ReLU.
        rectify: there is a ReLU at the end.

    Raises:
        ConfigError: the depth is odd.
    """

    def __init__(
        self, in_features: int, width: int, depth: int, *, batch_norm: bool, rectify: bool = True
    ) -> None:
        super().__init__()
        if depth % 2:
            raise ConfigError(
                f"a residual MLP has blocks of two layers; its depth {depth} is odd, choose"
                f" {depth + 1}."
            )
        self.out_shape: tuple[int, ...] = (width,)
        self.input = nn.Linear(in_features, width)
        self.hidden_names = tuple(f"block{i + 1}" for i in range(depth // 2))
        for name in self.hidden_names:
            self.add_module(name, MLPBlock(width, batch_norm))
        norm = [BatchNorm(width)] if batch_norm else []
        self.output = nn.Sequential(*norm, *([nn.ReLU()] if rectify else []))

    def forward(self, h: Tensor) -> Tensor:
        """`(N, in_features)` to `(N, width)`."""
        h = self.input(h)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        return self.output(h)


class LatentHead(nn.Module):
    """E's head: a residual MLP and a linear layer, this in fp32 even under autocast.

    Its outputs are mu and what softplus makes sigma of, side by side. Batch norm is ours.

    Args:
        in_features: of the pooled features.
        width: of the MLP; 4096 in the paper (from memory).
        depth: of the MLP; 4 in the paper (from memory).
        num_outputs: twice the latents' number for a stochastic E.
    """

    def __init__(self, in_features: int, width: int, depth: int, num_outputs: int) -> None:
        super().__init__()
        self.mlp = ResidualMLP(in_features, width, depth, batch_norm=True)
        self.linear = nn.Linear(width, num_outputs)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, in_features)` to `(N, num_outputs)`."""
        h = self.mlp(h)
        with torch.autocast(h.device.type, enabled=False):
            return self.linear(at_least_float32(h))


class JointScores(nn.Module):
    """s_x = theta_x F, s_z = theta_z H and s_xz = theta_xz J, in fp32 even under autocast.

    Args:
        num_x: of F; 0 for no s_x.
        num_z: of H; 0 for no s_z.
        num_xz: of J.

    Attributes:
        names: of the scores, in order.
    """

    def __init__(self, num_x: int, num_z: int, num_xz: int) -> None:
        super().__init__()
        self.x = nn.Linear(num_x, 1) if num_x else None
        self.z = nn.Linear(num_z, 1) if num_z else None
        self.xz = nn.Linear(num_xz, 1)
        widths = {"x": num_x, "z": num_z, "xz": num_xz}
        self.names = tuple(name for name, width in widths.items() if width)

    def forward(self, f: Tensor, h: Tensor, j: Tensor) -> Tensor:
        """`(N, num_x)`, `(N, num_z)` and `(N, num_xz)` to `(N, 3)`, or to fewer."""
        parts = ((self.x, f), (self.z, h), (self.xz, j))
        with torch.autocast(f.device.type, enabled=False):
            scores = [layer(at_least_float32(part)) for layer, part in parts if layer is not None]
            return torch.cat(scores, 1)


NUM_PLACES = 16
"""Of the last maps of F at 128x128."""


class JointDiscriminator(nn.Module):
    """`image` F, `latent` H, `joint` J of both, and at `output` their scores.

    Orthogonal at the start; spectral norm on every weight, or on all but H's and J's.

    Source: BigBiGAN; three scores as its authors' module gives them. That each is linear in its
    network's output, and H's and J's form, are from memory. Ours: J is given F's sums over places
    as if there were 16, as at 128x128; at 32x32 there are 64, beside which latents would drown.
    And what H's last block leaves before ReLU, which at high rates kills most of it.

    Args:
        image: F.
        latent_dim: of z.
        width: of H and J; 2048 in the paper (from memory).
        depth: of H and J; 8 in the paper (from memory).
        unary: which of s_x and s_z there are beside s_xz.
        mlp_spectral_norm: H's and J's weights are under spectral norm.

    Raises:
        ConfigError: the depth is odd.
    """

    vector_names = ("image.output", "latent.output", "joint.output")

    def __init__(
        self,
        image: BigGANBody,
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
        self.image = image  # comes with its own
        self.scale_of_image = NUM_PLACES * image.output.pool.side / image.num_places

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Images `(N, C, H, W)` and latents `(N, latent_dim)` to s_x, s_z and s_xz, `(N, 3)`.

        Unary scores that are left out are missing.
        """
        f, h = self.image(x), self.latent(z)
        pair = torch.cat([f * self.scale_of_image, h.to(f.dtype)], 1)
        whole = f.unflatten(1, (self.image.num_features, -1)).sum(2)
        return self.output(whole, F.relu(h), self.joint(pair))
