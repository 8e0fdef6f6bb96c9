"""The games every invariant is checked on: each preset of each method, at toy size."""

from __future__ import annotations

import dataclasses

import torch

from ambigan.core.settings import dotted, override
from ambigan.data import DataSettings
from ambigan.engine.config import RunConfig
from ambigan.game import Method
from ambigan.methods import METHODS
from ambigan.presets import PRESETS, find_preset
from ambigan.testing import SPEC, MethodUnderTest
from ambigan.testing.method_under_test import converge_spectral_norms

TOY = {
    "train.epochs": "2",
    "train.least_steps": "0",
    "train.validation_fraction": "0",
    "train.batch_size": "100",
    "train.statistics_batches": "3",
    "train.log_every": "4",
    "train.diagnose_every": "2",
    "train.checkpoint_every": "5",
    "train.device": "cpu",
}

# At toy width, weights of 0.02 make samples so alike that batch norm divides by rounding errors.
WIDE = {"settings.network.init_std": "0.2"}

TOY_NETWORK = {
    "mlp": {"settings.network.hidden": "16,16"},
    "conv": {
        "settings.network.width": "4",
        "settings.network.alexnet.padded": "true",  # without, 8x8 pixels are too few
        "train.precision": "fp32",
        **WIDE,
    },
    "ali": {
        "settings.network.width": "2",
        "settings.network.kernels": "3,2,2,2",
        "train.precision": "fp32",
        **WIDE,
    },
    "residual": {
        "settings.network.width": "8",
        "settings.network.group_size": "2",
        "settings.network.generator_width": "8",
        "train.precision": "fp32",
    },
    "large": {
        "settings.network.width": "1",
        "settings.network.attention": "4",
        "settings.network.encoder_width": "0.03125",
        "settings.network.encoder_depths": "1,1",
        "settings.network.head_width": "6",
        "settings.network.head_depth": "2",
        "settings.network.mlp_width": "6",
        "settings.network.mlp_depth": "2",
        "train.precision": "fp32",
    },
    "biggan": {
        "settings.network.width": "1",
        "settings.network.attention": "4",
        "train.precision": "fp32",
    },
    "residual_mlp": {
        "settings.network.width": "16",
        "settings.network.head_width": "6",
        "settings.network.mlp_width": "6",
        "train.precision": "fp32",
    },
}

TOY_METHOD = {
    "barlow_twins": {"settings.embedding_dim": "6"},
    "byol": {"settings.embedding_dim": "6", "settings.predictor_width": "8"},
    "moco": {"settings.embedding_dim": "6", "settings.bank_size": "250"},
    "simclr": {"settings.embedding_dim": "6"},
    "structural": {"settings.embedding_dim": "6", "settings.bank_size": "250"},
}

_CHANGED: dict[str, tuple[str, str, dict[str, str]]] = {
    "bigan-alternating": (
        "bigan",
        "paper",
        {"settings.simultaneous": "false", "settings.discriminator_steps": "2"},
    ),
    "bigan-minimax": ("bigan", "official", {"settings.objective": "minimax"}),
    "bigan-normal": ("bigan", "paper", {"settings.prior": "normal"}),
    "gan-alternating": ("gan", "official", {"settings.simultaneous": "false"}),
    "bigan-gaussian": (
        "bigan",
        "official",
        {
            "settings.encoder": "gaussian",
            "settings.prior": "normal",
            "settings.network.encoder_output": "linear",
        },
    ),
    "latent_regressor-joint": (
        "latent_regressor",
        "official",
        {"settings.joint_weight": "0.25"} | WIDE,
    ),
    "latent_regressor-after": (
        "latent_regressor",
        "official",
        {"settings.regress": "after"} | WIDE,
    ),
    "bigan-regularised": (
        "bigan",
        "official",
        {
            "settings.cycle_weight": "0.02",
            "settings.gradient_penalty": "0.1",
            "settings.encoder_dropout": "0.3",
            "settings.discriminator_dropout": "0.2",
        },
    ),
    # Under spectral norm each layer shrinks its input: six of them, at toy width, leave gradients
    # so small that Adam shows their rounding.
    "gan-spectral": ("gan", "images_modern", {"settings.network.discriminator": "dcgan"}),
    "gan-penalised": (
        "gan",
        "residual",
        {"settings.network.discriminator_norm": "group", "settings.smoothness_weight": "5"},
    ),
    "structural-neighbors": (
        "structural",
        "images",
        {
            "settings.neighbors": "2",
            "settings.power_iterations": "2",
        },
    ),
    "structural-bhattacharyya": (
        "structural",
        "official",
        {
            "settings.divergence": "bhattacharyya",
            "settings.simultaneous": "true",
            "settings.network.discriminator_norm": "spectral",
            "settings.smoothness_weight": "0",
        },
    ),
    "bigbigan-ablated": (
        "bigbigan",
        "images",
        {
            "settings.encoder": "deterministic",
            "settings.prior": "uniform",
            "settings.unary": "none",
            "settings.discriminator_steps": "2",
            "settings.network.encoder": "revnet50",
        },
    ),
    "bigbigan-cycle": (
        "bigbigan",
        "small",
        {"settings.cycle_weight": "0.02", "settings.encoder_dropout": "0.3"},
    ),
    "gan-masked": (
        "gan",
        "official",
        {"settings.discriminator_dropout": "0.2", "settings.gradient_penalty": "0.1"},
    ),
    "bigbigan-image": ("bigbigan", "small", {"settings.unary": "x"}),
    "bigbigan-attention": ("bigbigan", "small", {"settings.network.attention": "8"}),  # G's
    "bigan-augmented": (
        "bigan",
        "images",
        {"settings.augment": "true", "settings.objective": "hinge"},
    ),
    "bigan-hinge": ("bigan", "official", {"settings.objective": "hinge"}),
    "autoencoder-l1": ("autoencoder", "official", {"settings.loss": "l1"}),
    "autoencoder-regularised": (
        "autoencoder",
        "official",
        {
            "settings.gaussian_weight": "0.7",
            "settings.cluster_weight": "0.3",
            "settings.network.encoder_output": "linear",
        },
    ),
    "bigan-adamw": ("bigan", "paper", {"settings.optimizer.kind": "adamw"}),
}
_AS_THEY_ARE: dict[str, tuple[str, str, dict[str, str]]] = {
    f"{method}-{preset}": (method, preset, {}) for method in METHODS for preset in PRESETS[method]
}
assert not _CHANGED.keys() & _AS_THEY_ARE.keys(), "a preset as it is would be left out"

VARIANTS = _AS_THEY_ARE | _CHANGED
"""Every preset of every method, and the settings that change the course of a step."""


def toy_config(name: str, **changes: str) -> RunConfig:
    """A variant at toy size, on scikit-learn's digits."""
    method, preset, settings = VARIANTS[name]
    config = dataclasses.replace(find_preset(method, preset), data=DataSettings(source="digits"))
    network = dict(TOY_NETWORK[config.settings.network.kind])
    is_large = config.settings.network.kind == "large"
    for width in ("encoder_width", "discriminator_width"):
        if getattr(config.settings.network, width, None) and not is_large:
            network[f"settings.network.{width}"] = "8"
    if getattr(config.settings.network, "image_size", None):
        network["settings.network.image_size"] = "8,8" if is_large else "6,5"
    if "settings.discriminator_steps" in settings or (preset in ("paper", "revnet") and is_large):
        network["train.epochs"] = "3"  # an iteration is three turns, and not two
    if hasattr(config.settings, "latent_dim"):
        network["settings.latent_dim"] = "4"
    network |= TOY_METHOD.get(method, {})
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return override(config, TOY | network | settings | changed).check()


def representatives() -> set[str]:
    """Variants that between them take every choice of every method's settings.

    A choice is a text, a switch, a small count, a number of widths, or whether a weight is zero.
    The other variants combine the same choices, or are smaller or larger at full size alone.
    """
    choices = {name: _choices(toy_config(name)) for name in sorted(VARIANTS)}
    chosen, missing = {"latent_regressor-after", "bigbigan-attention"}, set[tuple[str, ...]]()
    missing.update(*choices.values())
    missing.difference_update(*(choices[name] for name in chosen))
    while missing:
        best = max(choices, key=lambda name: len(choices[name] & missing))
        chosen.add(best)
        missing -= choices[best]
    return chosen


def _choices(config: RunConfig) -> set[tuple[str, ...]]:
    found = set[tuple[str, ...]]()
    for name, value in dotted(config).items():
        match value:
            case bool() | str() | None:
                choice = str(value)
            case int():
                choice = str(min(value, 4))
            case float():
                choice = "zero" if value == 0 else "some"
            case _:
                choice = str(len(value))
        if name != "preset":
            found.add((config.method, name, choice))
    return found


def toy_method(config: RunConfig, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    method = METHODS[config.method](config.settings, SPEC)
    converge_spectral_norms(method)
    return method


def subject(name: str) -> MethodUnderTest:
    """A variant, as the checks of `ambigan.testing` take it."""
    config = toy_config(name)
    return MethodUnderTest(lambda: toy_method(config))
