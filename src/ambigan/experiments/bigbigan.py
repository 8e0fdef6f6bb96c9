"""BigBiGAN against BiGAN, and with one part changed at a time, as in its paper's ablation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from .experiment import Experiment, RunSpec, register_experiment
from .sao import CIFAR10_SETTINGS, OWN_VIEWS

_SOURCE = "BigBiGAN, arXiv 1907.02544"
_LAYERS = ("encoder.pool", "encoder.stage3@4")
_MORE = (*_LAYERS, "encoder.convs@4")
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
_experiment = partial(
    Experiment, protocols=("linear_lbfgs", "knn_sweep", "kmeans"), curve="knn_sweep"
)


_big = partial(RunSpec, method="bigbigan", layers=_LAYERS)

BIGBIGAN = _big("BigBiGAN", layers=_MORE, untrained=True)
BIGAN = RunSpec(
    "BiGAN",
    "bigan",
    layers=("encoder.conv6@1", "encoder.conv6@4", "encoder.convs@4"),
    untrained=True,
)
BIGGAN = RunSpec(
    "BigGAN, no encoder",
    "gan",
    preset="biggan",
    layers=("discriminator.image.output", "discriminator.image.block4@4"),
    untrained=True,
)
LARGE_BIGAN = _big("BiGAN, BigGAN's networks", changes=_AS_BIGAN, layers=_MORE)

AGAINST_BIGAN = register_experiment(
    _experiment(
        name="bigbigan-vs-bigan",
        title="BigBiGAN against BiGAN",
        notes="What do its networks bring, what its objective, and does it draw better images than"
        " the same networks without an encoder?",
        source=_SOURCE,
        settings=CIFAR10_SETTINGS,
        epochs=10,
        runs=(BIGAN, LARGE_BIGAN, BIGBIGAN, BIGGAN, OWN_VIEWS),
        reference_model=OWN_VIEWS.name,
        time="trainings 4 h 36 min on one or two threads of 2 shared CPU cores without bf16",
    )
)


def _rows(wide: Mapping[str, str], encoder_width: str, generator_width: str) -> tuple[RunSpec, ...]:
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
        *(_big(name, changes={**wide, **changed}) for name, changed in changes.items()),
        OWN_VIEWS,
    )


BIGBIGAN_ABLATION = register_experiment(
    _experiment(
        name="bigbigan-ablation",
        title="BigBiGAN, one part changed at a time",
        notes="What does each part bring?",
        source=f"{_SOURCE}, its ablation, at a small scale",
        settings=CIFAR10_SETTINGS,
        epochs=10,
        runs=_rows({}, encoder_width="0.5", generator_width="4"),
        reference_model=OWN_VIEWS.name,
    )
)
WIDE_ABLATION = register_experiment(
    _experiment(
        name="bigbigan-ablation-wide",
        title="BigBiGAN on one GPU, one part changed at a time",
        notes="What does each part bring to networks eight times as wide?",
        source=f"{_SOURCE}, its ablation, on CIFAR-10",
        settings={"data.source": "cifar10"},
        epochs=30,
        runs=_rows(_WIDE, encoder_width="2", generator_width="32"),
        reference_model=OWN_VIEWS.name,
    )
)

_small = partial(_big, preset="small", layers=_LAYERS[:1])
_RATE_OF_G = "settings.generator_optimizer.learning_rate"
_NARROWER = {"settings.network.width": "4", "settings.network.encoder_width": "0.0625"}
ON_DIGITS = register_experiment(
    _experiment(
        name="bigbigan-digits",
        title="BigBiGAN against BiGAN, small",
        notes="What of it matters where a training takes minutes?",
        source=_SOURCE,
        settings={"data.source": "digits", "train.log_every": "20"},
        epochs=50,
        runs=(
            RunSpec("BiGAN, MLPs", "bigan", {}, "small", ("encoder.hidden2",), untrained=True),
            _small("BiGAN, BigGAN's networks", changes=_AS_BIGAN),
            _small("BigBiGAN", untrained=True),
            _small("no unary scores", changes={"settings.unary": "none"}),
            _small("deterministic encoder", changes={"settings.encoder": "deterministic"}),
            _small("encoder as fast as G", changes={_RATES: "1"}),
            _small("encoder three times as fast", changes={_RATES: "3"}),
            _small(
                "rates of D and G 1e-3",
                changes={_RATE_OF_D: "1e-3", _RATE_OF_G: "1e-3", _RATES: "3"},
            ),
            _small("spectral norm on H and J", changes=_NORMALISED),
            _small("networks a quarter as wide", changes=_NARROWER),
        ),
        pca_widths=(32,),
        time="trainings 1 h 15 min on one thread of 2 shared CPU cores",
    )
)
