"""Presets of SAO: as printed, as its authors' code runs it, and what two cores can train.

Beside them stand its peers with the same networks: a plain game and SimCLR.
"""

from __future__ import annotations

from dataclasses import replace

from ..data.settings import DataSettings
from ..engine.config import RunConfig, TrainSettings
from ..methods.gan import GANSettings
from ..methods.simclr import SimCLRSettings
from ..methods.structural import ADAMW, STRUCTURAL_ADAM, StructuralSettings
from ..networks.residual import ResidualSettings
from .preset import Preset

_CIFAR10 = DataSettings(source="cifar10")
AUGMENTED = replace(_CIFAR10, crop=(32, 32), short_side=(32, 45), flip=True)
_LONG = TrainSettings(epochs=2000, batch_size=512, ema_decay=0.99, statistics_batches=100)
_NARROW = ResidualSettings(width=16, generator_width=128)
_SHORT = TrainSettings(epochs=25, batch_size=64, precision="auto", statistics_batches=100)


def structural_paper() -> RunConfig:
    """CIFAR at 32x32 without augmentation, as the paper claims; the constants are the code's."""
    return RunConfig("structural", "paper", StructuralSettings(), _CIFAR10, _LONG)


def structural_official() -> RunConfig:
    """As the authors' code runs it: crops and flips, and a generated image's nearest left out.

    Its crops of half to all of an image, of several proportions and by bicubic interpolation, are
    here whole images scaled to 32 to 45 pixels and cut to 32, bilinear. Its 1000 epochs show each
    image to both players; here each player's turn draws images of its own, so they count as 2000.
    """
    everything = replace(ADAMW, decay_biases=True, decay_gains=True)
    settings = StructuralSettings(skip_for_fake=True, discriminator_optimizer=everything)
    return RunConfig("structural", "official", settings, AUGMENTED, _LONG)


def structural_images() -> RunConfig:
    """A quarter of the width, for small pictures on two cores.

    Steps are few, so they are small batches' and longer than the paper's; at 1e-3 G wins.
    """
    settings = StructuralSettings(
        network=_NARROW,
        embedding_dim=64,
        bank_size=2048,
        discriminator_optimizer=replace(ADAMW, learning_rate=5e-4),
        generator_optimizer=replace(STRUCTURAL_ADAM, learning_rate=5e-4),
    )
    return RunConfig("structural", "images", settings, _CIFAR10, _SHORT)


def structural_folder() -> RunConfig:
    """A folder of some ten thousand photographs at 64x64 or, by `data.size`, 128x128; one GPU.

    The bank is small against the folder, or an image would find its own copy there.
    """
    network = ResidualSettings(width=64, generator_width=256)
    settings = StructuralSettings(network=network, bank_size=1024)
    data = DataSettings(source="imagenet", size=(64, 64))
    train = replace(_LONG, epochs=800, batch_size=256, precision="auto")
    return RunConfig("structural", "folder", settings, data, train)


def structural_small() -> RunConfig:
    """For a few thousand small images; with a larger bank many would find earlier copies there."""
    network = ResidualSettings(width=16, depth=1, generator_width=32, generator_depth=1)
    settings = StructuralSettings(latent_dim=32, embedding_dim=32, bank_size=256, network=network)
    train = TrainSettings(epochs=100, batch_size=128, statistics_batches=10)
    return RunConfig("structural", "small", settings, DataSettings(source="digits"), train)


def gan_residual() -> RunConfig:
    """SAO's networks, narrow, in a plain game: hinge, and spectral norm on all weights of D."""
    settings = GANSettings(
        latent_dim=128,
        prior="normal",
        objective="hinge",
        simultaneous=False,
        network=replace(_NARROW, discriminator_norm="spectral"),
        optimizer=replace(STRUCTURAL_ADAM, weight_decay=0),
    )
    return RunConfig("gan", "residual", settings, _CIFAR10, _SHORT)


def simclr_views() -> RunConfig:
    """SimCLR's views for CIFAR-10, with SAO's discriminator as encoder.

    The paper has ResNet-50 with batch norm, LARS, warm-up and a cosine, and batches of up to 4096.
    """
    train = TrainSettings(epochs=1000, batch_size=512, cuda_graphs=False)
    return RunConfig("simclr", "views", SimCLRSettings(), _CIFAR10, train)


def simclr_folder() -> RunConfig:
    """The same on a folder of photographs at 64x64, on one GPU."""
    config = simclr_views()
    data = DataSettings(source="imagenet", size=(64, 64))
    train = replace(config.train, epochs=400, batch_size=256, precision="auto")
    return replace(config, preset="folder", data=data, train=train)


def simclr_images() -> RunConfig:
    """The same at a quarter of the width, for small pictures on two cores."""
    train = replace(_SHORT, cuda_graphs=False)
    return RunConfig(
        "simclr", "images", SimCLRSettings(network=_NARROW, embedding_dim=64), _CIFAR10, train
    )


_SAO = "SAO, arXiv 2310.00357"
_SIMCLR = "SimCLR, arXiv 2002.05709"
_HARDWARE = "1 thread of 2 shared CPU cores"

STRUCTURAL_PRESETS: dict[str, dict[str, Preset]] = {
    "structural": {
        "paper": Preset(structural_paper, "not reproduced", "-", "-", _SAO),
        "official": Preset(structural_official, "not reproduced", "-", "-", f"{_SAO}, code"),
        "images": Preset(
            structural_images,
            "20,000 of CIFAR-10, 8 epochs: linear probe on pool of D 54.5 (untrained 43.8)",
            "79 min of one core",
            _HARDWARE,
            "ours",
        ),
        "folder": Preset(structural_folder, "not measured", "-", "-", "ours"),
        "small": Preset(
            structural_small,
            "digits: k-NN on pool of D 98.7 (untrained 94.6, pixels 99.3), linear 96.3 (97.3)",
            "2 min of one core",
            _HARDWARE,
            "ours",
        ),
    },
    "simclr": {
        "folder": Preset(simclr_folder, "not measured", "-", "-", "ours"),
        "views": Preset(simclr_views, "not reproduced", "-", "-", _SIMCLR),
        "images": Preset(
            simclr_images,
            "20,000 of CIFAR-10, 4 epochs: linear probe on pool 47.2 (untrained 43.8)",
            "46 min of one core",
            _HARDWARE,
            "ours",
        ),
    },
    "gan": {
        "residual": Preset(
            gan_residual,
            "20,000 of CIFAR-10, 8 epochs: linear probe on pool of D 47.5 (SAO 54.5)",
            "55 min of one core",
            _HARDWARE,
            "ours",
        )
    },
}
