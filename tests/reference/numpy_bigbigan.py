"""BigBiGAN's networks in NumPy, float64, written from the papers' text; in training mode."""

from __future__ import annotations

import math

import numpy as np
import torch

from ambigan.networks.heads import ResidualMLPBody

from .numpy_networks import (
    convolution,
    convolved,
    dense,
    halves,
    normed,
    pooled,
    repeated,
    weights_of,
)


def relu(a: np.ndarray) -> np.ndarray:
    return np.maximum(a, 0)


def softmax(a: np.ndarray) -> np.ndarray:
    a = np.exp(a - a.max(-1, keepdims=True))
    return a / a.sum(-1, keepdims=True)


def batch_normed(weights: dict, name: str, norm: torch.nn.Module, a: np.ndarray) -> np.ndarray:
    return normed(a, norm, weights.get(f"{name}.weight"), weights.get(f"{name}.bias"))


def largest(h: np.ndarray) -> np.ndarray:
    """Of 2x2 places, those left over at an odd border dropped."""
    rows, columns = h.shape[2] // 2, h.shape[3] // 2
    h = h[:, :, : 2 * rows, : 2 * columns]
    return h.reshape(*h.shape[:2], rows, 2, columns, 2).max((3, 5))


def attention(weights: dict, name: str, h: np.ndarray) -> np.ndarray:
    theta, phi, g = (convolution(weights, f"{name}.{part}", h) for part in ("theta", "phi", "g"))
    phi, g = largest(phi), largest(g)
    mixed = np.empty((len(h), g.shape[1], *h.shape[2:]))
    for n in range(len(h)):
        for i in range(h.shape[2]):
            for j in range(h.shape[3]):
                shares = softmax(np.einsum("c,chw->hw", theta[n, :, i, j], phi[n]).ravel())
                mixed[n, :, i, j] = g[n].reshape(len(g[n]), -1) @ shares
    return h + weights[f"{name}.gamma"] * convolution(weights, f"{name}.o", mixed)


def maybe_attended(weights: dict, name: str, h: np.ndarray) -> np.ndarray:
    there = f"{name}.attention.gamma" in weights
    return attention(weights, f"{name}.attention", h) if there else h


def generator(network: torch.nn.Module, z: np.ndarray) -> np.ndarray:
    """Each block: norm by its part of z, ReLU, grow, 3x3, norm, ReLU, 3x3; a grown 1x1 beside."""
    weights, (first, *codes) = weights_of(network), np.split(z, np.cumsum(network.parts)[:-1], 1)
    h = dense(weights, "project", first).reshape(len(z), *network.start)
    for name, code, size in zip(network.hidden_names, codes, network.sizes[1:], strict=True):
        block, inner = network.get_submodule(name), h
        for i, norm in ((1, block.norm1), (2, block.norm2)):
            gain, shift = (
                dense(weights, f"{name}.norm{i}.{part}", code)[:, :, None, None]
                for part in ("gain", "bias")
            )
            inner = relu(normed(inner, norm.norm, None, None) * (1 + gain) + shift)
            inner = convolution(weights, f"{name}.conv{i}", repeated(inner, size))
        h = inner + convolution(weights, f"{name}.shortcut", repeated(h, size))
        h = maybe_attended(weights, name, h)
    h = relu(batch_normed(weights, "norm", network.norm, h))
    return np.tanh(convolution(weights, "output", h))


def body(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Sums over places of what the blocks leave."""
    return relu(blocks(network, x)).sum((2, 3))


def blocks(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Each block: ReLU (not of the image), 3x3, ReLU, 3x3, means; means of a 1x1 beside."""
    weights, h = weights_of(network), x
    for name in network.hidden_names:
        block = network.get_submodule(name)
        inner = convolution(weights, f"{name}.conv1", h if name == "block1" else relu(h))
        inner = convolution(weights, f"{name}.conv2", relu(inner))
        if f"{name}.shortcut.weight" in weights:
            h = convolution(weights, f"{name}.shortcut", h)
        h = halves(inner + h) if block.halve else inner + h
        h = maybe_attended(weights, name, h)
    return h


def field_means(maps: np.ndarray, side: int) -> np.ndarray:
    """Of each channel's grid of so many fields: each place is cut into that many, all alike."""
    fine = maps.repeat(side, 2).repeat(side, 3)
    fields = fine.reshape(*maps.shape[:2], side, maps.shape[2], side, maps.shape[3])
    return fields.mean((3, 5)).reshape(len(maps), -1)


def residual_mlp(network: torch.nn.Module, h: np.ndarray, *, rectify: bool = True) -> np.ndarray:
    weights = weights_of(network)

    def rectified(name: str, h: np.ndarray) -> np.ndarray:
        if f"{name}.weight" in weights:
            h = batch_normed(weights, name, network.get_submodule(name), h)
        return relu(h)

    h = dense(weights, "input", h)
    for name in network.hidden_names:
        inner = dense(weights, f"{name}.linear1", rectified(f"{name}.norm1", h))
        h = h + dense(weights, f"{name}.linear2", rectified(f"{name}.norm2", inner))
    return rectified("output.0", h) if rectify else h


def scores(network: torch.nn.Module, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """s_x, s_z and s_xz, those that there are; J sees 16 times the means of F, and H unrectified.

    Of a grid of fields it sees the means of each, so that all together are as large as the one. A
    residual MLP has no places, and J sees its F as it is.
    """
    weights, stream = weights_of(network), residual_mlp(network.latent, z, rectify=False)
    h = relu(stream)
    if isinstance(network.image, ResidualMLPBody):
        f = seen = residual_mlp(network.image, x.reshape(len(x), -1))
    else:
        side, maps = network.image.output.pool.side, relu(blocks(network.image, x))
        f, seen = maps.sum((2, 3)), 16 / side * field_means(maps, side)
    j = residual_mlp(network.joint, np.concatenate([seen, stream], 1))
    pairs = {"x": f, "z": h, "xz": j}
    there = {name: v for name, v in pairs.items() if f"output.{name}.weight" in weights}
    return np.concatenate([dense(weights, f"output.{name}", v) for name, v in there.items()], 1)


def branch(network: torch.nn.Module, h: np.ndarray) -> np.ndarray:
    """Norm, ReLU, 1x1; norm, ReLU, 3x3; norm, ReLU, 1x1."""
    weights = weights_of(network)
    for i in (1, 2, 3):
        h = relu(batch_normed(weights, f"norm{i}", network.get_submodule(f"norm{i}"), h))
        stride = network.conv2.stride[0] if i == 2 else 1
        h = convolved(h, weights[f"conv{i}.weight"], stride)
    return h


def residual_stage(stage: torch.nn.Module, h: np.ndarray) -> np.ndarray:
    for block in stage:
        beside = h
        if block.shortcut is not None:
            weights = weights_of(block)
            inner = relu(batch_normed(weights, "norm1", block.norm1, h))
            beside = convolved(inner, weights["shortcut.weight"], block.shortcut.stride[0])
        h = beside + branch(block, h)
    return h


def reversible_stage(stage: torch.nn.Module, h: np.ndarray) -> np.ndarray:
    """y1 = x1 + f(x2), y2 = x2 + g(y1), and so on; before it, from the second stage on, half the
    size and twice the channels.
    """
    blocks = stage
    if isinstance(stage, torch.nn.Sequential):
        blocks, h = stage[1], halves(h)
        h = np.concatenate([np.zeros_like(h), h], 1)
    parts = list(np.split(h, 2, 1))
    for i, f in enumerate(blocks.branches):
        parts[i % 2] = parts[i % 2] + branch(f, parts[1 - i % 2])
    newest = 1 - len(blocks.branches) % 2
    return np.concatenate([parts[1 - newest], parts[newest]], 1)


def encoder(network: torch.nn.Module, x: np.ndarray, *, reversible: bool) -> dict[str, np.ndarray]:
    """E's features and outputs."""
    weights = weights_of(network)
    (stem,) = (value for name, value in weights.items() if name.startswith("stem."))
    h = convolved(x, stem, 1) if stem.shape[2] == 3 else pooled(convolved(x, stem, 2))
    for name in network.hidden_names[1:]:
        stage = network.get_submodule(name)
        h = reversible_stage(stage, h) if reversible else residual_stage(stage, h)
    if reversible:
        h = batch_normed(weights, "ending", network.ending, h)
    else:
        h = relu(batch_normed(weights, "ending.0", network.ending[0], h))
    side = math.isqrt(network.output.mlp.input.in_features // h.shape[1])
    pool, seen = h.mean((2, 3)), field_means(h, side)
    a = normed(pool, network.crelu.norm, None, None)
    outputs = dense(weights, "output.linear", residual_mlp(network.output.mlp, seen))
    return {"pool": pool, "crelu": np.concatenate([relu(a), relu(-a)], 1), "output": outputs}


def vector_encoder(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """A residual MLP of the flattened data, and the head, which is one with a linear layer."""
    h = residual_mlp(network.features, x.reshape(len(x), -1))
    return dense(weights_of(network), "output.linear", residual_mlp(network.output.mlp, h))


def vector_generator(network: torch.nn.Module, z: np.ndarray) -> np.ndarray:
    """A residual MLP and a linear layer; a tanh where data have a range."""
    x = dense(weights_of(network), "output.linear", residual_mlp(network.features, z))
    return (np.tanh(x) if network.bounded else x).reshape(len(z), *network.out_shape)


def scramble(network: torch.nn.Module) -> torch.nn.Module:
    """Every parameter random, so that none is without effect; spectral norm at its fixed point."""
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.2, 0.5)
        for name, chain in network.named_modules():
            if name.endswith("parametrizations.weight"):
                left, _, right = torch.linalg.svd(chain.original.flatten(1), full_matrices=False)
                chain[0].left.copy_(left[:, 0])
                chain[0].right.copy_(right[0])
    return network.train()
