"""Presets with multi-layer perceptrons: the columns of BiGAN's Table 1, on MNIST and on digits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..data.settings import DataSettings
from ..engine.config import RunConfig, TrainSettings
from ..game import OptimizerSettings
from ..methods.autoencoder import AutoencoderSettings
from ..methods.bigan import BiGANSettings
from ..methods.gan import GANSettings
from ..methods.latent_regressor import LatentRegressorSettings
from ..networks.permutation_invariant import MLPSettings
from .preset import Preset

PAPER_NETWORK = MLPSettings()

OFFICIAL_NETWORK = MLPSettings(
    bias=False,
    unit_input=True,
    generator_output="squash",
    encoder_output="squash",
    generator_norm="all",
    generator_skips_latent=True,
    norm_epsilon=1e-8,
    latent_at_logit=False,
    zero_init_logit=True,
)

SMALL_NETWORK = replace(
    OFFICIAL_NETWORK, hidden=(256, 256), unit_input=False, bias=True, norm_epsilon=1e-5
)

_MNIST = DataSettings(source="mnist")
OFFICIAL_TRAIN = TrainSettings(epochs=400, statistics_batches=1000)


def bigan_paper() -> RunConfig:
    """BiGAN as printed: section 4.2, appendices B and C."""
    return RunConfig("bigan", "paper", BiGANSettings(), _MNIST, TrainSettings(epochs=400))


def bigan_official() -> RunConfig:
    """BiGAN as its authors' code trains it on MNIST."""
    settings = BiGANSettings(term_weight=0.5, network=OFFICIAL_NETWORK)
    return RunConfig("bigan", "official", settings, _MNIST, OFFICIAL_TRAIN)


def bigan_modern() -> RunConfig:
    """BiGAN with what measured best on a validation split of MNIST; see docs/modern.md.

    The official networks, with a cycle term and with masking noise on what E sees.
    """
    settings = BiGANSettings(
        term_weight=0.5, cycle_weight=0.1, encoder_dropout=0.5, network=OFFICIAL_NETWORK
    )
    return RunConfig("bigan", "modern", settings, _MNIST, replace(OFFICIAL_TRAIN, epochs=50))


def bigan_small() -> RunConfig:
    """BiGAN on a few thousand small examples, in about half a minute on two cores."""
    return RunConfig("bigan", "small", BiGANSettings(**_SMALL), DataSettings(), _SMALL_TRAIN)


def gan_paper() -> RunConfig:
    """The `D` column of BiGAN's Table 1, as printed."""
    return RunConfig("gan", "paper", GANSettings(), _MNIST, TrainSettings(epochs=400))


def gan_official() -> RunConfig:
    """The `D` column of BiGAN's Table 1, as the authors' code trains it."""
    settings = GANSettings(term_weight=0.5, network=OFFICIAL_NETWORK)
    return RunConfig("gan", "official", settings, _MNIST, OFFICIAL_TRAIN)


def gan_small() -> RunConfig:
    """A GAN on a few thousand small examples, in about half a minute on two cores."""
    return RunConfig("gan", "small", GANSettings(**_SMALL), DataSettings(), _SMALL_TRAIN)


def latent_regressor_paper() -> RunConfig:
    """The `LR` column of BiGAN's Table 1, as printed: E after the GAN, 200 of 400 epochs each.

    "All models are trained for 400 epochs"; whether that is each of the two is not said.
    """
    train = TrainSettings(epochs=400)
    return RunConfig("latent_regressor", "paper", LatentRegressorSettings(), _MNIST, train)


def latent_regressor_official() -> RunConfig:
    """The `LR` column as the authors' code trains it: E beside the GAN."""
    settings = LatentRegressorSettings(
        regress="during", term_weight=0.5, zero_init_encoder=True, network=OFFICIAL_NETWORK
    )
    return RunConfig("latent_regressor", "official", settings, _MNIST, OFFICIAL_TRAIN)


def latent_regressor_small() -> RunConfig:
    """A joint latent regressor on a few thousand small examples, in about half a minute."""
    settings = LatentRegressorSettings(**_SMALL, regress="during", joint_weight=0.25)
    return RunConfig("latent_regressor", "small", settings, DataSettings(), _SMALL_TRAIN)


def autoencoder_paper() -> RunConfig:
    """The `AE (l2)` column of BiGAN's Table 1, as printed."""
    train = TrainSettings(epochs=400)
    return RunConfig("autoencoder", "paper", AutoencoderSettings(), _MNIST, train)


def autoencoder_official() -> RunConfig:
    """The same with the networks of the authors' code, which holds no autoencoder."""
    settings = AutoencoderSettings(network=OFFICIAL_NETWORK)
    return RunConfig("autoencoder", "official", settings, _MNIST, OFFICIAL_TRAIN)


def autoencoder_small() -> RunConfig:
    """An autoencoder on a few thousand small examples, in about half a minute."""
    settings = AutoencoderSettings(**_SMALL)
    return RunConfig("autoencoder", "small", settings, DataSettings(), _SMALL_TRAIN)


_SMALL: dict[str, Any] = {
    "latent_dim": 20,
    "network": SMALL_NETWORK,
    "optimizer": OptimizerSettings(learning_rate=5e-4, final_learning_rate=None),
}
_SMALL_TRAIN = TrainSettings(
    epochs=150, batch_size=64, statistics_batches=100, ema_decay=0.998, checkpoint_every=500
)
_BIGAN = "BiGAN, arXiv 1605.09782"

MNIST_PRESETS: dict[str, dict[str, Preset]] = {
    "bigan": {
        "official": Preset(
            bigan_official,
            "not reproduced; 25 of 400 epochs on MNIST: 1-NN 96.3 (EMA), 96.1 (last weights)",
            "10 min for 25 epochs, one thread",
            "2 shared CPU cores, bf16",
            f"{_BIGAN}, authors' code",
        ),
        "modern": Preset(
            bigan_modern,
            "25 of 50 epochs on MNIST: 1-NN 97.1, reconstruction 0.25 of shuffled (PCA: 97.3)",
            "12 to 22 min for 25 epochs, one thread",
            "2 shared CPU cores, bf16",
            "ours, docs/modern.md",
        ),
        "paper": Preset(bigan_paper, "not reproduced", "-", "-", f"{_BIGAN}, as printed"),
        "small": Preset(
            bigan_small,
            "digits: 1-NN 98.0 (pixels 99.3), reconstruction 0.55 of shuffled",
            "16 s",
            "2 CPU cores",
            "ours",
        ),
    },
    "gan": {
        "official": Preset(
            gan_official,
            "not reproduced; 25 of 400 epochs on MNIST: 1-NN 96.8",
            "10 min for 25 epochs, one thread",
            "2 shared CPU cores, bf16",
            f"{_BIGAN}, authors' code",
        ),
        "paper": Preset(gan_paper, "not reproduced", "-", "-", f"{_BIGAN}, Table 1, D"),
        "small": Preset(
            gan_small, "digits: 1-NN 99.0 (pixels 99.3)", "24 s", "1 thread of a shared CPU", "ours"
        ),
    },
    "latent_regressor": {
        "official": Preset(
            latent_regressor_official,
            "not reproduced; 25 of 400 epochs on MNIST: 1-NN 96.6 (LR), 96.0 (JLR)",
            "12 min for 25 epochs, one thread",
            "2 shared CPU cores, bf16",
            f"{_BIGAN}, authors' code",
        ),
        "paper": Preset(
            latent_regressor_paper, "not reproduced", "-", "-", f"{_BIGAN}, Table 1, LR"
        ),
        "small": Preset(
            latent_regressor_small,
            "digits: 1-NN 99.0 (pixels 99.3), reconstruction 0.34 of shuffled",
            "34 s",
            "1 thread of a shared CPU",
            "ours",
        ),
    },
    "autoencoder": {
        "official": Preset(
            autoencoder_official,
            "not reproduced; 25 of 400 epochs on MNIST: 1-NN 97.3 (l2), 97.4 (l1)",
            "10 min for 25 epochs, one thread",
            "2 shared CPU cores, bf16",
            f"{_BIGAN}, networks of the authors' code",
        ),
        "paper": Preset(autoencoder_paper, "not reproduced", "-", "-", f"{_BIGAN}, Table 1, AE"),
        "small": Preset(
            autoencoder_small,
            "digits: 1-NN 99.3 (pixels 99.3), reconstruction 0.16 of shuffled",
            "18 s",
            "1 thread of a shared CPU",
            "ours",
        ),
    },
}
