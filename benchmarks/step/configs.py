"""The games whose steps are timed: our presets, and the tutorials' loops of the same games."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import unknown_name
from ambigan.core.settings import override
from ambigan.engine.config import RunConfig
from ambigan.presets import find_preset

from . import textbook_bigan, textbook_bigbigan, textbook_dcgan
from .textbook_bigbigan import Sizes

Work = Callable[[], object]
Textbook = Callable[[Tensor], Work]
"""A function from uint8 images on the device to one step."""

WIDTHS = {"cpu": 32, "cuda": 128}
"""Width of DCGAN's networks: the paper's on a GPU, else a width that two cores can handle."""

LARGE = {"cpu": Sizes(), "cuda": Sizes(width=64, stem=64, mlp=1024, batch=256)}
"""Sizes of BigBiGAN's networks: preset `images` on a CPU, several times as wide on a GPU."""


@dataclass(frozen=True)
class StepConfig:
    """A game on one shape of images.

    Attributes:
        name: the name on the command line.
        title: a description in one line.
        shape: the shape (C, H, W) of an image.
        method: the name of our method.
        preset: the preset of the method.
        textbooks: the tutorials' steps by name and precision; speedups are relative to the first.
        changes: changes to the preset's settings, by dotted name.
        num_examples: the number of images to draw batches from.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    method: str
    preset: str
    textbooks: Mapping[tuple[str, str], Textbook]
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    num_examples: int = 60_000

    @property
    def spec(self) -> DataSpec:
        """The form of the data."""
        return DataSpec("images", self.shape, bounded=True)

    def run_config(self, **train: str) -> RunConfig:
        """The configuration of our run, with some training settings changed."""
        changes = {f"train.{name}": value for name, value in train.items()}
        return override(find_preset(self.method, self.preset), {**self.changes, **changes})


def bigan(_device: torch.device) -> StepConfig:
    """BiGAN's permutation-invariant networks on MNIST's shape."""
    step = textbook_bigan.textbook_step
    return StepConfig(
        "bigan",
        "BiGAN, preset official, on images of 28x28",
        (1, 28, 28),
        "bigan",
        "official",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, one forward", "fp32"): partial(step, share_forward=True),
            ("textbook loop", "bf16"): partial(step, autocast=True),
        },
    )


def dcgan(device: torch.device) -> StepConfig:
    """DCGAN at 64x64, D and G in turn."""
    width = WIDTHS[device.type]
    step = partial(textbook_dcgan.textbook_step, width=width)
    return StepConfig(
        "dcgan",
        f"DCGAN, preset dcgan at width {width}, on images of 64x64",
        (3, 64, 64),
        "gan",
        "dcgan",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, samples shared", "fp32"): partial(step, share_samples=True),
            ("textbook loop", "bf16"): partial(step, autocast=True),
        },
        {"settings.network.width": str(width)},
        num_examples=5_000,
    )


def bigbigan(device: torch.device) -> StepConfig:
    """BigBiGAN at 32x32, D and then G and E together, with a tutorial's networks."""
    sizes = LARGE[device.type]
    step = partial(textbook_bigbigan.textbook_step, sizes=sizes)
    better = partial(step, freeze=True, channels_last=True)
    network = {
        "width": sizes.width,
        "encoder_width": sizes.stem / 64,
        "encoder_depths": ",".join([str(sizes.depth)] * 3),
        "head_width": sizes.mlp,
        "mlp_width": sizes.mlp,
        "mlp_spectral_norm": "true",
        "head_places": 1,
        "joint_places": 1,
        "crelu": "false",
    }
    return StepConfig(
        "bigbigan",
        f"BigBiGAN, preset images at width {sizes.width} without our changes to the paper's"
        f" networks, {sizes.batch} images of 32x32",
        (3, 32, 32),
        "bigbigan",
        "images",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, D frozen, channels last", "fp32"): better,
            ("textbook loop", "bf16"): partial(step, autocast=True),
            ("textbook loop, D frozen, channels last", "bf16"): partial(better, autocast=True),
        },
        {
            "settings.latent_dim": str(sizes.latent),
            "train.batch_size": str(sizes.batch),
            **{f"settings.network.{name}": str(value) for name, value in network.items()},
        },
    )


CONFIGS: dict[str, Callable[[torch.device], StepConfig]] = {
    "bigan": bigan,
    "dcgan": dcgan,
    "bigbigan": bigbigan,
}


def find_config(name: str, device: torch.device) -> StepConfig:
    """Looks up a game by name, at the size for the device.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in CONFIGS:
        raise unknown_name("game to time", name, CONFIGS)
    return CONFIGS[name](device)
