"""Presets of SAO: as printed, as its authors' code runs it, and what two cores can train.

Its peers with the same networks are here, too: a plain game, SimCLR, MoCo, Barlow Twins and BYOL.
"""

from __future__ import annotations

from dataclasses import replace

from ..data.settings import DataSettings
from ..engine.config import TrainSettings
from ..methods.barlow_twins import BarlowTwinsSettings
from ..methods.byol import BYOLSettings
from ..methods.gan import GANSettings
from ..methods.moco import MoCoSettings
from ..methods.simclr import SimCLRSettings
from ..methods.structural import ADAMW, STRUCTURAL_ADAM, StructuralSettings
from ..networks.residual import ResidualSettings
from .preset import Preset

_CIFAR10 = DataSettings(source="cifar10")
_FOLDER = DataSettings(source="imagenet", size=(64, 64))
_LONG = TrainSettings(epochs=2000, batch_size=512, ema_decay=0.99, statistics_batches=100)
_NARROW = ResidualSettings(width=16, generator_width=128)
_SHORT = TrainSettings(epochs=25, batch_size=64, precision="auto", statistics_batches=100)
_VIEWS_TRAIN = TrainSettings(epochs=1000, batch_size=512, cuda_graphs=False)
_VIEWS_SHORT = replace(_SHORT, cuda_graphs=False)
_SAO = "SAO, arXiv 2310.00357"
_HARDWARE = "1 thread of 2 shared CPU cores"

STRUCTURAL_PRESETS = (
    # CIFAR at 32x32 without augmentation, as the paper claims; the constants are the code's.
    Preset("structural", "paper", StructuralSettings(), _CIFAR10, _LONG, source=_SAO),
    # As the authors' code runs it: crops and flips, and a generated image's nearest left out. Its
    # crops of half to all of an image, of several proportions and by bicubic interpolation, are
    # here whole images scaled to 32 to 45 pixels and cut to 32, bilinear. Its 1000 epochs show each
    # image to both players; here each player's turn draws images of its own, so they count as 2000.
    Preset(
        "structural",
        "official",
        StructuralSettings(
            skip_for_fake=True,
            discriminator_optimizer=replace(ADAMW, decay_biases=True, decay_gains=True),
        ),
        replace(_CIFAR10, crop=(32, 32), short_side=(32, 45), flip=True),
        _LONG,
        source=f"{_SAO}, code",
    ),
    # A quarter of the width, for small pictures on two cores. Steps are few, so they are small
    # batches' and longer than the paper's; at 1e-3 G wins.
    Preset(
        "structural",
        "images",
        StructuralSettings(
            network=_NARROW,
            embedding_dim=64,
            bank_size=2048,
            discriminator_optimizer=replace(ADAMW, learning_rate=5e-4),
            generator_optimizer=replace(STRUCTURAL_ADAM, learning_rate=5e-4),
        ),
        _CIFAR10,
        _SHORT,
        score="20,000 of CIFAR-10, 8 epochs: linear probe on pool of D 54.5 (untrained 43.8)",
        time="79 min of one core",
        hardware=_HARDWARE,
    ),
    # A folder of some ten thousand photographs at 64x64 or, by `data.size`, 128x128; one GPU. The
    # bank is small compared with the folder, or an image would find its own copy there.
    Preset(
        "structural",
        "folder",
        StructuralSettings(network=ResidualSettings(generator_width=256), bank_size=1024),
        _FOLDER,
        replace(_LONG, epochs=800, batch_size=256, precision="auto"),
        score="not measured",
    ),
    # A few thousand small images; with a larger bank many would find earlier copies there.
    Preset(
        "structural",
        "small",
        StructuralSettings(
            latent_dim=32,
            embedding_dim=32,
            bank_size=256,
            network=ResidualSettings(width=16, depth=1, generator_width=32, generator_depth=1),
        ),
        DataSettings(source="digits"),
        TrainSettings(epochs=100, batch_size=128, statistics_batches=10),
        score="digits: k-NN on pool of D 98.7 (untrained 94.6, pixels 99.3), linear 96.3 (97.3)",
        time="2 min of one core",
        hardware=_HARDWARE,
    ),
    Preset(
        "simclr",
        "folder",
        SimCLRSettings(),
        _FOLDER,
        replace(_VIEWS_TRAIN, epochs=400, batch_size=256, precision="auto"),
        score="not measured",
    ),
    # SimCLR's views for CIFAR-10, with SAO's discriminator as encoder. The paper has ResNet-50 with
    # batch norm, LARS, warm-up and a cosine, and batches of up to 4096.
    Preset(
        "simclr",
        "views",
        SimCLRSettings(),
        _CIFAR10,
        _VIEWS_TRAIN,
        source="SimCLR, arXiv 2002.05709",
    ),
    # The same at a quarter of the width, for small pictures on two cores.
    Preset(
        "simclr",
        "images",
        SimCLRSettings(network=_NARROW, embedding_dim=64),
        _CIFAR10,
        _VIEWS_SHORT,
        score="20,000 of CIFAR-10, 4 epochs: linear probe on pool 47.2 (untrained 43.8)",
        time="46 min of one core",
        hardware=_HARDWARE,
    ),
    Preset(
        "barlow_twins",
        "views",
        BarlowTwinsSettings(),
        _CIFAR10,
        _VIEWS_TRAIN,
        source="Barlow Twins, arXiv 2103.03230, with SAO's discriminator as encoder",
    ),
    Preset(
        "barlow_twins",
        "images",
        BarlowTwinsSettings(network=_NARROW, embedding_dim=64),
        _CIFAR10,
        _VIEWS_SHORT,
        score="not measured yet",
    ),
    # A queue of MoCo v2's 65,536 would hold every image of CIFAR-10 at once, so it is shorter, and
    # what is in it is more recent.
    Preset(
        "moco",
        "views",
        MoCoSettings(bank_size=4096, teacher_decay=0.99),
        _CIFAR10,
        _VIEWS_TRAIN,
        source="MoCo v2, arXiv 2003.04297, with SAO's discriminator as encoder",
    ),
    Preset(
        "moco",
        "images",
        MoCoSettings(network=_NARROW, embedding_dim=64, bank_size=2048, teacher_decay=0.99),
        _CIFAR10,
        _VIEWS_SHORT,
        score="not measured yet",
    ),
    Preset(
        "byol",
        "views",
        BYOLSettings(),
        _CIFAR10,
        _VIEWS_TRAIN,
        source="BYOL, arXiv 2006.07733, with SAO's discriminator as encoder",
    ),
    # Steps are few, so the teacher follows faster.
    Preset(
        "byol",
        "images",
        BYOLSettings(network=_NARROW, embedding_dim=64, predictor_width=512, teacher_decay=0.99),
        _CIFAR10,
        _VIEWS_SHORT,
        score="not measured yet",
    ),
    # SAO's networks, narrow, in a plain game: hinge, and spectral norm on all weights of D.
    Preset(
        "gan",
        "residual",
        GANSettings(
            latent_dim=128,
            prior="normal",
            objective="hinge",
            simultaneous=False,
            network=replace(_NARROW, discriminator_norm="spectral"),
            optimizer=STRUCTURAL_ADAM,
        ),
        _CIFAR10,
        _SHORT,
        score="20,000 of CIFAR-10, 8 epochs: linear probe on pool of D 47.5 (SAO 54.5)",
        time="55 min of one core",
        hardware=_HARDWARE,
    ),
)
