"""Losses of methods of two views in NumPy, float64; how views are made is not transcribed."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy_networks import Networks, resnet, weights_of

from ambigan.core.randomness import Randomness
from ambigan.engine.config import RunConfig
from ambigan.game import Method
from ambigan.objectives.contrastive import view

Totals = dict[str, float]


def simclr(
    nets: Networks, config: RunConfig, x: np.ndarray, _z: object, noise: Randomness
) -> Totals:
    """Eq. 1 of SimCLR over the 2N views; how they are made is not transcribed."""
    method, images = nets.method, torch.from_numpy(x)
    views = [view(images, method.transform, noise).numpy() for _ in range(2)]
    e = nets.E(np.concatenate(views))
    e = e / np.linalg.norm(e, axis=1, keepdims=True)
    likeness = np.exp(e @ e.T / config.settings.temperature)
    np.fill_diagonal(likeness, 0)
    rows = np.arange(2 * len(x))
    pairs = likeness[rows, (rows + len(x)) % len(rows)]
    return {"encoder": -np.log(pairs / likeness.sum(1)).mean()}


def barlow_twins(
    nets: Networks, config: RunConfig, x: np.ndarray, _z: object, noise: Randomness
) -> Totals:
    """Eq. 1 and 2 of Barlow Twins, pair of dimensions by pair."""
    method, images = nets.method, torch.from_numpy(x)
    a, b = (nets.E(view(images, method.transform, noise).numpy()) for _ in range(2))
    total = 0.0
    for i in range(a.shape[1]):
        for j in range(a.shape[1]):
            spread = np.sqrt((a[:, i].var() + 1e-5) * (b[:, j].var() + 1e-5))
            c = ((a[:, i] - a[:, i].mean()) * (b[:, j] - b[:, j].mean())).mean() / spread
            total += (1 - c) ** 2 if i == j else config.settings.redundancy_weight * c**2
    return {"encoder": total}


def teacher_of(method: Method, x: np.ndarray) -> np.ndarray:
    """E in NumPy with the teacher's numbers in place of its own."""
    network, names = copy.deepcopy(method.encoder), method.teacher.names
    network.load_state_dict({name: method.teacher.get_buffer(ours) for ours, name in names.items()})
    return resnet(network, x)


def byol(nets: Networks, config: RunConfig, x: np.ndarray, _z: object, noise: Randomness) -> Totals:
    """Eq. 2 of BYOL, in both directions, image by image."""
    method, images = nets.method, torch.from_numpy(x)
    views = [view(images, method.transform, noise).numpy() for _ in range(2)]
    weights, total = weights_of(method.predictor), 0.0
    for one, other in (views, views[::-1]):
        h = nets.E(one) @ weights["hidden.weight"].T
        h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
        h = np.maximum(h * weights["norm.weight"] + weights["norm.bias"], 0)
        predicted = h @ weights["linear.weight"].T + weights["linear.bias"]
        for q, z in zip(predicted, teacher_of(method, other), strict=True):
            apart = q / np.linalg.norm(q) - z / np.linalg.norm(z)
            total += (apart**2).sum() / len(x)
    return {"encoder": total}


def moco(nets: Networks, config: RunConfig, x: np.ndarray, _z: object, noise: Randomness) -> Totals:
    """Eq. 1 of MoCo, image by image."""
    method, images = nets.method, torch.from_numpy(x)
    first, second = (view(images, method.transform, noise).numpy() for _ in range(2))
    queue, total = method.bank.keys.numpy(), 0.0
    for q, k in zip(nets.E(first), teacher_of(method, second), strict=True):
        q, k = q / np.linalg.norm(q), k / np.linalg.norm(k)
        likeness = np.exp(np.array([q @ k, *(queue @ q)]) / config.settings.temperature)
        total -= np.log(likeness[0] / likeness.sum()) / len(x)
    return {"encoder": total}
