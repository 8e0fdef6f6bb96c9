"""Layers that have learned nothing, scaled by data: random ones, and filters of k-means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.randomness import Randomness, seed_from
from ..networks.convnet import ConvLayer
from .bn_folding import Layer, weights_of

MOST_PATCHES = 20_000
"""Patches of a layer's input from which its filters are made."""
KMEANS_STEPS = 20
_RIDGE = 1e-3
"""Added to variances before whitening, as a part of their mean."""


@torch.no_grad()
def draw_scaled(layers: Iterable[nn.Module], x: Tensor, seed: int) -> None:
    """Random normal filters; each channel of a layer begins with mean 0 and deviation 1.

    Source: Krähenbühl et al. (2016), section 3.1; the scaling between layers of their section 3.2
    is left out, because Adam's steps do not depend on the scale of gradients.

    Raises:
        ConfigError: The layers are no chain of convolutions.
    """
    for place, layer in enumerate(check_chain(layers, "scaled")):
        x = draw_layer(layer, x, seed_from(seed, "scaled", place))


@torch.no_grad()
def draw_kmeans(layers: Iterable[nn.Module], x: Tensor, seed: int) -> None:
    """Filters that are the centres of whitened patches, layer by layer, scaled as `draw_scaled`.

    Patches of a layer's input are centred, whitened along as many principal components as there
    are filters, brought to length 1 and clustered by spherical k-means; a filter gives the product
    of a patch, whitened, with one centre.

    Source: Krähenbühl et al. (2016), section 3.1, and their code for patches and whitening. Theirs
    clusters with Euclidean distances in small batches.

    Raises:
        ConfigError: The layers are no chain of convolutions.
    """
    for place, layer in enumerate(check_chain(layers, "kmeans")):
        convolution = layer.convolution
        noise = Randomness(seed, "kmeans", place)
        patches = _patches(convolution, x, noise)
        rows = convolution.out_channels // convolution.groups
        for group, found in enumerate(patches):
            filters = _kmeans_filters(found, rows, noise)
            part = convolution.weight[group * rows : (group + 1) * rows]
            part.copy_(filters.view_as(part))
        x = scale_layer(layer, x)


DRAWS: Mapping[str, Callable[[Iterable[nn.Module], Tensor, int], None]] = {
    "scaled": draw_scaled,
    "kmeans": draw_kmeans,
}
"""What draws layers that have learned nothing, by the name of the start."""


def check_starts(layers: Iterable[nn.Module], starts: Iterable[str]) -> None:
    """Refuses, before anything is computed, a start that a network's layers cannot have.

    Raises:
        ConfigError: The layers are no chain of convolutions, and a start draws one.
    """
    for start in starts:
        if start in DRAWS:
            check_chain(layers, start)


def check_chain(layers: Iterable[nn.Module], start: str) -> list[ConvLayer]:
    """The layers as those of a chain of convolutions.

    Raises:
        ConfigError: They are none.
    """
    if not all(isinstance(layer, ConvLayer) for layer in layers):
        raise ConfigError(
            f"--starts {start} draws chains of convolutions, and this network is none;"
            " take --starts trained,untrained."
        )
    return cast(list[ConvLayer], list(layers))


def draw_layer(layer: Layer, h: Tensor, seed: int) -> Tensor:
    """Draws new weights for a folded layer that `h` enters and scales them; returns its output."""
    weight = weights_of(layer).weight
    drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    weight.copy_(drawn / drawn[0].numel() ** 0.5)
    return scale_layer(layer, h)


def scale_layer(layer: Layer, h: Tensor) -> Tensor:
    """Scales a folded layer's weights so that each channel has mean 0 and deviation 1 on `h`.

    Returns what the layer then gives, after its activation and pooling.
    """
    scale_outputs(weights_of(layer), h)
    return layer(h)


def scale_outputs(module: nn.Conv2d | nn.Linear, h: Tensor) -> None:
    """Scales weights and sets biases: each channel of `module(h)` has mean 0 and deviation 1."""
    assert module.bias is not None, "what is scaled by data has a bias"
    module.bias.zero_()
    out = module(h).transpose(0, 1).flatten(1)
    deviation = out.std(1).clamp_min(1e-6)
    module.weight.div_(deviation.view(-1, *[1] * (module.weight.ndim - 1)))
    module.bias.copy_(-out.mean(1) / deviation)


def _patches(convolution: nn.Conv2d, x: Tensor, noise: Randomness) -> Tensor:
    """Patches that the convolution sees, at random, `(groups, N, D)`."""
    height, width = cast(tuple[int, int], convolution.kernel_size)
    rows, columns = cast(tuple[int, int], convolution.padding)
    x = F.pad(x, (columns, columns, rows, rows)).cpu()
    places = [x.shape[2] - height + 1, x.shape[3] - width + 1]
    num = min(MOST_PATCHES, len(x) * places[0] * places[1])
    draws = noise.uniform(num, 3)
    images, tops, lefts = ((draws[:, i] * most).long() for i, most in enumerate((len(x), *places)))
    down, right = tops[:, None, None], lefts[:, None, None]
    down, right = down + torch.arange(height)[:, None], right + torch.arange(width)
    found = x[images[:, None, None], :, down, right]  # (num, height, width, channels)
    found = found.permute(0, 3, 1, 2).reshape(num, convolution.groups, -1)
    return found.transpose(0, 1)


def _kmeans_filters(patches: Tensor, num: int, noise: Randomness) -> Tensor:
    """`(num, D)` filters from patches `(N, D)`."""
    patches = patches - patches.mean(0)
    covariance = patches.T @ patches / len(patches)
    found: tuple[Tensor, Tensor] = cast(Any, torch.linalg).eigh(covariance)
    variances, axes = found[0][-num:], found[1][:, -num:]  # in rising order
    ridge = _RIDGE * variances.clamp_min(0).mean()
    whiten = axes / (variances.clamp_min(0) + ridge + 1e-12).sqrt()
    points = F.normalize(patches @ whiten)
    centres = points[noise.permutation(len(points))[torch.arange(num) % len(points)]]
    for _ in range(KMEANS_STEPS):
        nearest = (points @ centres.T).argmax(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        alone = sums.square().sum(1) < 1e-12  # a centre without patches stays where it is
        centres = F.normalize(torch.where(alone[:, None], centres, sums))
    return centres @ whiten.T
