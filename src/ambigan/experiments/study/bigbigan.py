"""BigBiGAN beside BiGAN, and in parts, as the rows of its paper's ablation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from .design import CIFAR10, DIGITS, Arm, Study
from .sao import OWN_VIEWS

_SOURCE = "BigBiGAN, arXiv 1907.02544"
_LAYERS = ("encoder.pool", "encoder.stage3@4")
_MORE = (*_LAYERS, "encoder.convs@4")
_PROTOCOLS = ("linear_lbfgs", "knn_sweep", "kmeans")
_RATES = "settings.encoder_rate_multiplier"
_RATE_OF_D = "settings.discriminator_optimizer.learning_rate"
_ONE_MEAN = {"settings.network.head_places": "1", "settings.network.joint_places": "1"}
_NORMALISED = {"settings.network.mlp_spectral_norm": "true"}
_WIDE = {
    "settings.network.width": "64",
    "settings.network.encoder_width": "1",
    "settings.network.head_width": "1024",
    "settings.network.mlp_width": "1024",
    "train.batch_size": "256",
}
_AS_BIGAN = {"settings.unary": "none", "settings.encoder": "deterministic"}


def _big(
    name: str,
    changes: Mapping[str, str],
    preset: str = "images",
    layers: tuple[str, ...] = _LAYERS,
    *,
    untrained: bool = False,
) -> Arm:
    return Arm(name, "bigbigan", changes, preset, layers, untrained)


BIGBIGAN = _big("BigBiGAN", {}, layers=_MORE, untrained=True)
BIGAN = Arm(
    "BiGAN",
    "bigan",
    {},
    "images",
    ("encoder.conv6@1", "encoder.conv6@4", "encoder.convs@4"),
    untrained=True,
)
LARGE_BIGAN = _big("BiGAN, BigGAN's networks", _AS_BIGAN, layers=_MORE)

AGAINST_BIGAN = Study(
    name="bigbigan-vs-bigan",
    title="BigBiGAN beside BiGAN",
    question="What do its networks bring, and what its objective?",
    source=_SOURCE,
    settings=CIFAR10,
    passes=10,
    arms=(BIGAN, LARGE_BIGAN, BIGBIGAN, OWN_VIEWS),
    protocols=_PROTOCOLS,
    judge=OWN_VIEWS,
    time="trainings 4 h 36 min on one or two threads of 2 shared CPU cores without bf16",
)


def _rows(wide: Mapping[str, str], encoder_width: str, generator_width: str) -> tuple[Arm, ...]:
    """BigBiGAN with networks as wide as that, then with one part changed at a time."""
    changes: dict[str, Mapping[str, str]] = {
        "image score alone": {"settings.unary": "x"},
        "latent score alone": {"settings.unary": "z"},
        "no unary scores": {"settings.unary": "none"},
        "deterministic encoder": {"settings.encoder": "deterministic"},
        "uniform latents": {"settings.encoder": "deterministic", "settings.prior": "uniform"},
        "encoder three times as fast": {_RATES: "3"},
        "encoder ten times as fast": {_RATES: "10"},
        "encoder with Kaiming's weights": {"settings.network.encoder_init_std": "none"},
        "D as fast as G": {_RATE_OF_D: "2e-4"},
        "one mean over all places": _ONE_MEAN,
        "spectral norm on H and J": _NORMALISED,
        "encoder twice as wide": {"settings.network.encoder_width": encoder_width},
        "encoder's images twice as large": {"settings.network.image_size": "16,16"},
        "generator half as wide": {"settings.network.generator_width": generator_width},
        "RevNet": {"settings.network.encoder": "revnet50"},
        "two steps of D": {"settings.discriminator_steps": "2"},
    }
    return (
        replace(BIGBIGAN, changes=wide),
        *(_big(name, {**wide, **changed}) for name, changed in changes.items()),
        OWN_VIEWS,
    )


ABLATION = Study(
    name="bigbigan-ablation",
    title="BigBiGAN, one part changed at a time",
    question="What does each part bring?",
    source=f"{_SOURCE}, its ablation, at a small scale",
    settings=CIFAR10,
    passes=10,
    arms=_rows({}, encoder_width="0.5", generator_width="4"),
    protocols=_PROTOCOLS,
    judge=OWN_VIEWS,
)
WIDE_ABLATION = Study(
    name="bigbigan-ablation-wide",
    title="BigBiGAN on one GPU, one part changed at a time",
    question="What does each part bring to networks eight times as wide?",
    source=f"{_SOURCE}, its ablation, on CIFAR-10",
    settings={"data.source": "cifar10"},
    passes=30,
    arms=_rows(_WIDE, encoder_width="2", generator_width="32"),
    protocols=_PROTOCOLS,
    judge=OWN_VIEWS,
)

_small = partial(_big, preset="small", layers=_LAYERS[:1])
_RATE_OF_G = "settings.generator_optimizer.learning_rate"
_NARROWER = {"settings.network.width": "4", "settings.network.encoder_width": "0.0625"}
ON_DIGITS = Study(
    name="bigbigan-digits",
    title="BigBiGAN beside BiGAN, small",
    question="What of it matters where a training takes minutes?",
    source=_SOURCE,
    settings=DIGITS,
    passes=50,
    arms=(
        Arm("BiGAN, MLPs", "bigan", {}, "small", ("encoder.hidden2",), untrained=True),
        _small("BiGAN, BigGAN's networks", _AS_BIGAN),
        _small("BigBiGAN", {}, untrained=True),
        _small("no unary scores", {"settings.unary": "none"}),
        _small("deterministic encoder", {"settings.encoder": "deterministic"}),
        _small("encoder as fast as G", {_RATES: "1"}),
        _small("encoder three times as fast", {_RATES: "3"}),
        _small("rates of D and G 1e-3", {_RATE_OF_D: "1e-3", _RATE_OF_G: "1e-3", _RATES: "3"}),
        _small("spectral norm on H and J", _NORMALISED),
        _small("networks a quarter as wide", _NARROWER),
    ),
    protocols=_PROTOCOLS,
    pca_widths=(32,),
    time="trainings 1 h 15 min on one thread of 2 shared CPU cores",
)

STUDIES = (AGAINST_BIGAN, ABLATION, WIDE_ABLATION, ON_DIGITS)
